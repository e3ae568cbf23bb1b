"""What operators hold and let go of, at nodes and at head office (R4); and whom they would have lead (L6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from skerry.core.group.custody.model import Kept
from skerry.core.kernel.ids import NodeId
from skerry.core.stages.intent.holds import HOLD_PREFIX, Hold, pausable
from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

End = Callable[[], None]

LIFTED_PERMILLE = 700
AT_HEAD_OFFICE_PERMILLE = 300
MAY_PERMILLE = 900


def pauses(world: World, chance: Chance) -> End | None:
    """An operator pauses an intent or a role of it, and lifts that again somewhere, or does not."""
    places = _place(world, chance)
    if not places:
        return None
    (shell,) = places
    irs = shell.agent.picture.irs() if shell is not None else world.manager.irs
    subjects = sorted(pausable(irs))
    return _hold(world, chance, shell, "pause", chance.pick(subjects)) if subjects else None


def drains(world: World, chance: Chance) -> End | None:
    """An operator drains a node, half of the time the one that leads, and lifts that again somewhere, or does not."""
    places = _place(world, chance)
    if not places:
        return None
    (shell,) = places
    node = chance.pick(world.options.nodes)
    leader = shell.agent.election.leadership.leader if shell is not None else None
    return _hold(world, chance, shell, "drain", leader if leader is not None and chance.happens(500) else node)


def hands_over(world: World, chance: Chance) -> End | None:
    """An operator has another lead, or any other who would do it best."""
    shells = _shells(world)
    if not shells:
        return None
    to = NodeId(chance.pick(world.options.nodes)) if chance.happens(700) else None
    world.manager.office.have_lead(chance.pick(shells), _who(chance), to)
    return _nothing


def _hold(
    world: World, chance: Chance, shell: Shell | None, what: Literal["pause", "drain"], subject: str
) -> End | None:
    place = shell.machine.name if shell is not None else world.manager.name
    blank = Hold(what=what, subject=subject, place=place, number=1)
    known = _known(world, shell).get(blank.document)
    number = known.value.number + 1 if known is not None else 1
    hold = Hold(what=what, subject=subject, place=place, number=number, why="hands in it")
    world.manager.office.hold(shell, _who(chance), hold)
    lifts, again = chance.happens(LIFTED_PERMILLE), chance.child("lifts")

    def end() -> None:
        if lifts:
            _lift(world, again, hold)

    return end


def _lift(world: World, chance: Chance, hold: Hold) -> None:
    """Whoever is asked may not have heard of it."""
    for shell in _place(world, chance):
        known = _known(world, shell).get(hold.document)
        if known is not None and known.value.number == hold.number:
            world.manager.office.hold(shell, "ann", known.value.end())


def _known(world: World, shell: Shell | None) -> Mapping[str, Kept]:
    site = world.manager.site
    kept = shell.agent.picture.custody.kept if shell is not None else site.custody.kept if site is not None else {}
    return {name: one for name, one in kept.items() if name.startswith(HOLD_PREFIX)}


def _place(world: World, chance: Chance) -> tuple[Shell | None, ...]:
    """Where a word is handed in: one node, or None for head office; nowhere, if nobody is there."""
    shells = _shells(world)
    if world.manager.up and (not shells or chance.happens(AT_HEAD_OFFICE_PERMILLE)):
        return (None,)
    return (chance.pick(shells),) if shells else ()


def _shells(world: World) -> list[Shell]:
    return [m.shell for m in world.machines.values() if m.answers and m.shell is not None and not m.shell.hung]


def _who(chance: Chance) -> str:
    return "ann" if chance.happens(MAY_PERMILLE) else "bob"


def _nothing() -> None:
    """It needs no mending."""
