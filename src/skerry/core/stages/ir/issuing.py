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
    found: frozenset[str] = frozenset()
    """Names of those that the manager found there after it was put back to a backup: the manifests that led to them
    are not known (J4)."""


class Applied(Value, frozen=True, kw_only=True):
    """What operators want, all of it."""

    place: Site | None
    """None: this manager is a guest there, and its settings are the home manager's (D25)."""
    catalogue: Catalogue
    text: str
    """The catalogue's functionalities, roles and governances, as a site keeps them."""
    intents: Mapping[str, Intent]
    """By name, of all sites."""
    local: Mapping[str, Intent] = {}
    """By name: handed in at this site, and taken over for it alone."""
    named: frozenset[str] = frozenset()
    """The documents that this act is about by name, so that what was found is replaced."""


def words_for(held: Held, applied: Applied, *, expressions: Expressions, owner: ManagerId) -> tuple[Word, ...]:
    """The documents of a site that an act changes. Raises `TranslationError`."""
    words: list[Word] = []
    if applied.place is not None:
        words.extend(_settings_for(held, applied, applied.place))
    words.extend(_irs_for(held, applied, expressions, owner))
    return tuple(word for word in words if not _must_stay(word, held.found - applied.named, applied.named))


def _settings_for(held: Held, applied: Applied, place: Site) -> Iterable[Word]:
    """The site's settings and its catalogue, if they are not as they are held."""
    settled = held.found & applied.named  # also if it stays as it was found, it is a person's word from now on
    fresh = site_document(place, applied.catalogue, generation=_next(held.settings))
    if held.settings is None or "site" in settled or _differs(held.settings, fresh):
        yield fresh
    if held.catalogue is None or "catalogue" in settled or held.catalogue.manifests != applied.text:
        yield CatalogueDocument(generation=_next(held.catalogue), manifests=applied.text)


def _must_stay(word: Word, found: frozenset[str], named: frozenset[str]) -> bool:
    """J4: what was found stands until somebody applies or deletes that very thing; with a catalogue that was found,
    what other manifests come to is not known either."""
    name = word_name(word)
    return name in found or (
        "catalogue" in found and isinstance(word, IntermediateRepresentation) and name not in named
    )


def word_name(word: Word) -> str:
    """Under which name a site keeps it."""
    if isinstance(word, IntermediateRepresentation):
        return f"intent/{word.intent}"
    return "site" if isinstance(word, SiteDocument) else "catalogue"


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
    labels = held.settings.labels if applied.place is None and held.settings is not None else {}
    if applied.place is not None:
        labels = applied.place.metadata.labels
    here = {name: intent for name, intent in applied.intents.items() if _is_for(intent, labels)}
    wanted = {**applied.local, **here}
    known = {ir.name: ir for ir in held.irs}
    for name, intent in wanted.items():
        now = known.get(name)
        ir = translate(intent, applied.catalogue, expressions=expressions, owner=owner, generation=_next(now))
        if now is None or f"intent/{ir.intent}" in held.found & applied.named or _differs(now, ir):
            yield ir
    for name, now in known.items():
        if name not in wanted and not now.withdrawn and not now.local:
            yield withdrawn(now)


def _next(document: Word | None) -> int:
    return document.generation + 1 if document is not None else 1


def _differs(now: SiteDocument | IntermediateRepresentation, fresh: SiteDocument | IntermediateRepresentation) -> bool:
    return msgspec.structs.replace(fresh, generation=now.generation) != now


def _is_for(intent: Intent, labels: Mapping[str, str]) -> bool:
    wanted = intent.spec.sites.match_labels if intent.spec.sites is not None else {}
    return all(labels.get(label) == value for label, value in wanted.items())
