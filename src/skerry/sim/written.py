"""What people wrote in this world: the book's roles and programs, otherwise split, wanted and governed.

Who has to say yes, who may lead, what may run twice when a site is in halves, what can be done without, and what a move
must gain are drawn; names and programs stay, so that machines know how to run them.
"""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec.structs import replace

from skerry.core.stages.intent.model import Catalogue, Intent
from skerry.core.stages.intent.model.catalogue_kinds import (
    AssentRow,
    Element,
    Functionality,
    Governance,
    Instances,
    Office,
    OfficeRow,
    Role,
    SetPatch,
)
from skerry.sim.chance import Chance

T = TypeVar("T", Functionality, Governance, Role)

ALTERED_PERMILLE = 350
"""Of each thing that may be otherwise than in the book."""
ASSENTS = (
    (AssentRow(by="assignee"),),
    (AssentRow(by="unanimous", silent_rounds=2),),
    (AssentRow(by="majority", silent_rounds=1),),
    (AssentRow(when="connected", by="assignee"), AssentRow(by="majority", silent_rounds=2, at_least=2)),
    (AssentRow(by="ratio", ratio="66%", of="roster", silent_rounds=1),),
    (AssentRow(when="site.nodes <= 3", by="unanimous", silent_rounds=1), AssentRow(by="majority", of="roster")),
)
"""Clauses of assent (G1)."""
OFFICES: tuple[dict[str, Office], ...] = (
    {"leader": Office(does=("leader", "validator", "reporter"), weights={"idle": 1})},
    {
        "leader": Office(weights={"reach": 1}),
        "validator": Office(apart_from=("leader",), does=("validator", "reporter")),
    },
    {
        "leader": Office(weights={"assurance": 1}),
        "validator": Office(per_nodes=2),
        "reporter": Office(apart_from=("leader",), criteria="node.assurance >= 0.5"),
    },
)
"""Management roles (D4)."""
SPLITTABLE = ("notes", "migrate")
"""Roles of which there is one, and that can do without a fence."""


def written_otherwise(catalogue: Catalogue, of_world: Chance, number: int) -> Catalogue:
    """Another catalogue of the same names, in its edition of this number. What a role may do in the halves of a site is
    the same in all of them: nobody promises that one generation keeps apart what another lets go."""
    chance = of_world.child(f"edition {number}")
    return Catalogue(
        functionalities={n: _wanted(one, chance.child(n)) for n, one in catalogue.functionalities.items()},
        roles={n: _split(one, of_world.child(n), chance.child(n)) for n, one in catalogue.roles.items()},
        governances={n: _governed(one, chance.child(n)) for n, one in catalogue.governances.items()},
    )


def asked_otherwise(intent: Intent, chance: Chance) -> Intent:
    """The same wish, of another weight against others, and against what is there already."""
    spec = intent.spec
    gain = chance.pick(("0%", "10%", "40%"))
    reconnect = replace(spec.on_reconnect, replace_if_gain=gain)
    priority = chance.pick((spec.priority, 0, 50, 100))
    return replace(intent, spec=replace(spec, on_reconnect=reconnect, priority=priority))


def _with(one: T, **changes: Any) -> T:
    return replace(one, spec=replace(one.spec, **changes))


def _governed(governance: Governance, chance: Chance) -> Governance:
    assent = chance.pick(ASSENTS) if chance.happens(ALTERED_PERMILLE) else governance.spec.assent
    rows = (OfficeRow(roles=chance.pick(OFFICES)),) if chance.happens(ALTERED_PERMILLE) else None
    last = "unfilled" if chance.happens(ALTERED_PERMILLE) else governance.spec.last
    return _with(governance, assent=assent, management_roles=rows or governance.spec.management_roles, last=last)


def _split(role: Role, of_world: Chance, chance: Chance) -> Role:
    other = "run_anywhere" if role.spec.on_split == "run_once" else "run_once"
    turned = role.metadata.name in SPLITTABLE and of_world.happens(ALTERED_PERMILLE)
    lowers = role.spec.remediation if not chance.happens(ALTERED_PERMILLE) else ()
    weights = replace(
        role.spec.weights, fit=chance.pick((1, 5)), free=chance.pick((0, 2)), change=chance.pick((0, 1, 5))
    )
    return _with(role, on_split=other if turned else role.spec.on_split, remediation=lowers, weights=weights)


def _wanted(functionality: Functionality, chance: Chance) -> Functionality:
    elements = {n: _element(n, one, chance.child(n)) for n, one in functionality.spec.elements.items()}
    sets = functionality.spec.sets
    if chance.happens(ALTERED_PERMILLE):
        sets = replace(sets, isolated=SetPatch(headroom=chance.pick(("1", "1.3", "2"))))
    return _with(functionality, elements=elements, sets=sets)


def _element(name: str, element: Element, chance: Chance) -> Element:
    if name == "store" and chance.happens(ALTERED_PERMILLE):
        return replace(element, instances=Instances(min=chance.between(1, 3), max=4))
    if name == "migrate" and chance.happens(ALTERED_PERMILLE):
        return replace(element, essential=not element.essential)
    return element
