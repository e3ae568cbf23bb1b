"""What operators and guests hold and let go of, at nodes and at head office (R4, D25); and whom operators would have
lead (L6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from skerry.core.group.custody.model import Kept
from skerry.core.kernel.ids import IntentId, NodeId
from skerry.core.kernel.sealing import Verified
from skerry.core.stages.intent.holds import Hold, HoldAsked, pausable
from skerry.core.stages.ir.model import IntermediateRepresentation, owns
from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.manager import Manager
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

End = Callable[[], None]

LIFTED_PERMILLE = 700
AT_HEAD_OFFICE_PERMILLE = 300
MAY_PERMILLE = 900
GUEST_PERMILLE = 500


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a word is handed in, and what is known there."""

    name: str
    irs: Mapping[IntentId, IntermediateRepresentation]
    kept: Mapping[str, Kept]
    roster: int
    """The version that is known there."""
    leader: NodeId | None = None
    take: Callable[[Verified[Hold]], object]


def pauses(world: World, chance: Chance) -> End | None:
    """An operator pauses an intent or a role of it, or a guest one of its own, and lifts that again somewhere, or does
    not."""
    guest = _guest(world, chance.child("guest"))
    place = _office(guest) if guest is not None else _place(world, chance)
    if place is None:
        return None
    subjects = sorted(s for s in pausable(place.irs) if guest is None or owns(guest.name, s))
    return _hold(world, chance, place, "pause", chance.pick(subjects), guest) if subjects else None


def drains(world: World, chance: Chance) -> End | None:
    """An operator drains a node, half of the time the one that leads, and lifts that again somewhere, or does not."""
    place = _place(world, chance)
    if place is None:
        return None
    node, leader = chance.pick(world.options.nodes), place.leader
    return _hold(world, chance, place, "drain", leader if leader is not None and chance.happens(500) else node)


def hands_over(world: World, chance: Chance) -> End | None:
    """An operator has another lead, or any other who would do it best."""
    shells = _shells(world)
    if not shells:
        return None
    to = NodeId(chance.pick(world.options.nodes)) if chance.happens(700) else None
    world.manager.office.have_lead(chance.pick(shells), _who(chance), to)
    return _nothing


def _hold(
    world: World,
    chance: Chance,
    place: _Place,
    what: Literal["pause", "drain"],
    subject: str,
    guest: Manager | None = None,
) -> End:
    blank = Hold(what=what, subject=subject, place=place.name, number=1)
    known = place.kept.get(blank.document)
    number = known.value.number + 1 if known is not None else 1
    hold = Hold(what=what, subject=subject, place=place.name, number=number, why="hands in it", roster=place.roster)
    place.take(_said(world, _who(chance), hold, guest))
    if guest is not None:
        world.coverage.hit("fault.guest.pauses")
    lifts, again = chance.happens(LIFTED_PERMILLE), chance.child("lifts")

    def end() -> None:
        if lifts:
            _lift(world, again, hold)

    return end


def _lift(world: World, chance: Chance, hold: Hold) -> None:
    """Whoever is asked may not have heard of it."""
    place = _place(world, chance)
    known = place.kept.get(hold.document) if place is not None else None
    if place is not None and known is not None and known.value.number == hold.number:
        place.take(_said(world, "ann", known.value.end(place.roster)))


def _said(world: World, operator: str, hold: Hold, guest: Manager | None = None) -> Verified[Hold]:
    """What a guest's operators want is the guest's own word at the site, which does not know their keys (D25)."""
    office = world.manager.office
    return office.said(guest.signer, guest.name, hold) if guest is not None else office.opened(operator, hold)


def _guest(world: World, chance: Chance) -> Manager | None:
    """One that is there, half of the time."""
    up = [world.managers[name] for name in world.options.guests if world.managers[name].may_speak]
    return chance.pick(up) if up and chance.happens(GUEST_PERMILLE) else None


def _place(world: World, chance: Chance) -> _Place | None:
    """A node or head office; nowhere, if nobody is there."""
    shells = _shells(world)
    if world.manager.up and (not shells or chance.happens(AT_HEAD_OFFICE_PERMILLE)):
        return _office(world.manager)
    return _node(chance.pick(shells)) if shells else None


def _node(shell: Shell) -> _Place:
    picture = shell.agent.picture
    return _Place(
        name=shell.machine.name,
        irs=picture.irs(),
        kept=picture.custody.kept,
        roster=picture.roster().version,
        leader=shell.agent.election.leadership.leader,
        take=lambda said: shell.post(HoldAsked(request="", said=said)),
    )


def _office(manager: Manager) -> _Place:
    kept = manager.site.custody.kept if manager.site is not None else {}
    version = manager.site.roster().version if manager.site is not None else 0
    return _Place(name=manager.name, irs=manager.irs, kept=kept, roster=version, take=manager.hold)


def _shells(world: World) -> list[Shell]:
    return [m.shell for m in world.machines.values() if m.answers and m.shell is not None and not m.shell.hung]


def _who(chance: Chance) -> str:
    return "ann" if chance.happens(MAY_PERMILLE) else "bob"


def _nothing() -> None:
    """It needs no mending."""
