"""`skerry sim`: the simulator for people. What it reads and what it prints; what it does is in `skerry.sim`."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from skerry.adapters.cel import CelExpressions
from skerry.adapters.manifests import load
from skerry.core.kernel.expressions import Remembering
from skerry.core.kernel.ids import ManagerId
from skerry.core.stages.intent.model import Catalogue, Intent, Site
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.ir.rules import site_document, translate
from skerry.sim.book import Book, Wish


def example_book() -> Book:
    """The tiered-storage example, as the simulator's people write it."""
    folder = files("skerry").joinpath("examples", "tiered-storage")
    text = {name: folder.joinpath(f"{name}.yaml").read_text() for name in ("catalogue", "intent", "notes", "site")}
    catalogue = Catalogue().extended(d.manifest for d in load(text["catalogue"], "catalogue.yaml"))
    expressions = Remembering(CelExpressions())

    def wish(name: str) -> Wish:
        intent = load(text[name], f"{name}.yaml")[0].manifest
        assert isinstance(intent, Intent)

        def issue(owner: ManagerId, generation: int, percent: int) -> IntermediateRepresentation:
            limits = {n: _scaled(str(v), percent) for n, v in intent.spec.limits.items()}
            raised = msgspec.structs.replace(intent, spec=msgspec.structs.replace(intent.spec, limits=limits))
            return translate(raised, catalogue, expressions=expressions, owner=owner, generation=generation)

        return issue

    site = load(text["site"], "site.yaml")[0].manifest
    assert isinstance(site, Site)
    programs = {c.start[0] for role in catalogue.roles.values() for c in role.spec.configurations}
    return Book(
        expressions=expressions,
        site=site_document(site, catalogue, generation=1),
        intents={"shop-files": wish("intent"), "notes": wish("notes")},
        programs=tuple(sorted(programs)),
    )


def _scaled(amount: str, percent: int) -> str:
    """An amount of the example, raised: `20/s` at 150 per cent is `30/s`."""
    digits = amount.rstrip("/s")
    return f"{int(digits) * percent // 100}{amount[len(digits):]}"
