"""What an operator's act comes to for one site: the documents that it changes, each a generation above the one held.

A document that does not differ makes no generation; an intent that is no longer for a site is withdrawn there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import ManagerId
from skerry.core.kernel.values import Value
from skerry.core.stages.intent.model import Catalogue, Finding, Intent, Site
from skerry.core.stages.ir.model import CatalogueDocument, IntermediateRepresentation, SiteDocument
from skerry.core.stages.ir.rules import check_lease, site_document, translate

Word = SiteDocument | CatalogueDocument | IntermediateRepresentation


class Held(Value, frozen=True, kw_only=True):
    """What a site has of its manager's word now."""

    settings: SiteDocument | None
    catalogue: CatalogueDocument | None
    irs: tuple[IntermediateRepresentation, ...]


class Applied(Value, frozen=True, kw_only=True):
    """What operators want, all of it."""

    place: Site
    catalogue: Catalogue
    text: str
    """The catalogue's functionalities, roles and governances, as a site keeps them."""
    intents: Mapping[str, Intent]
    """By name, of all sites."""
    local: Mapping[str, Intent] = {}
    """By name: handed in at this site, and taken over for it alone."""


def words_for(held: Held, applied: Applied, *, expressions: Expressions, owner: ManagerId) -> tuple[Word, ...]:
    """The documents of a site that an act changes. Raises `TranslationError`."""
    words: list[Word] = []
    fresh = site_document(applied.place, applied.catalogue, generation=_next(held.settings))
    if held.settings is None or _differs(held.settings, fresh):
        words.append(fresh)
    if held.catalogue is None or held.catalogue.manifests != applied.text:
        words.append(CatalogueDocument(generation=_next(held.catalogue), manifests=applied.text))
    return (*words, *_irs_for(held, applied, expressions, owner))


def wrong_leases(held: Held, words: Iterable[Word]) -> list[Finding]:
    """What these words make wrong with a site's lease; what was wrong before does not keep others from acting."""

    def found(words: Iterable[Word]) -> list[Finding]:
        said = list(words)
        settings = next((one for one in said if isinstance(one, SiteDocument)), held.settings)
        fresh = {ir.intent: ir for ir in said if isinstance(ir, IntermediateRepresentation)}
        irs = {ir.intent: ir for ir in held.irs} | fresh
        return check_lease(settings, irs.values()) if settings is not None else []

    before = found(())
    return [one for one in found(words) if one not in before]


def withdrawn(ir: IntermediateRepresentation) -> IntermediateRepresentation:
    """Its tombstone: a generation like any other."""
    return msgspec.structs.replace(ir, generation=ir.generation + 1, withdrawn=True, local=False)


def _irs_for(
    held: Held, applied: Applied, expressions: Expressions, owner: ManagerId
) -> Iterable[IntermediateRepresentation]:
    """A generation for each intent that has changed for a site, has come to it, or has left it."""
    here = {name: intent for name, intent in applied.intents.items() if _is_for(intent, applied.place)}
    wanted = {**applied.local, **here}
    known = {ir.name: ir for ir in held.irs}
    for name, intent in wanted.items():
        now = known.get(name)
        ir = translate(intent, applied.catalogue, expressions=expressions, owner=owner, generation=_next(now))
        if now is None or _differs(now, ir):
            yield ir
    for name, now in known.items():
        if name not in wanted and not now.withdrawn and not now.local:
            yield withdrawn(now)


def _next(document: Word | None) -> int:
    return document.generation + 1 if document is not None else 1


def _differs(now: SiteDocument | IntermediateRepresentation, fresh: SiteDocument | IntermediateRepresentation) -> bool:
    return msgspec.structs.replace(fresh, generation=now.generation) != now


def _is_for(intent: Intent, place: Site) -> bool:
    wanted = intent.spec.sites.match_labels if intent.spec.sites is not None else {}
    return all(place.metadata.labels.get(label) == value for label, value in wanted.items())
