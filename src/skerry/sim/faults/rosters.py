"""What people do to a site's roster, whatever is broken meanwhile: machines join, leave, are replaced, and are declared
dead, truly or not (X5, X8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from skerry.core.conversation import Leave, LeaveAsked
from skerry.core.kernel.ids import NodeId
from skerry.core.stages.ir.model import RosterEntry
from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.network import Link
    from skerry.sim.world import World

End = Callable[[], None]

MEMBERS_MAX = 8
COMES_BACK_PERMILLE = 700
OPERATOR = "ann"
"""Who has all the rights that there are."""


def joins(world: World, chance: Chance) -> End | None:
    """A new machine is set up at head office, carried to the site, and switched on beside another."""
    if not world.manager.may_speak or len(world.members()) >= MEMBERS_MAX:
        return None
    return _enter(world, chance, gone=None)


def replaces(world: World, chance: Chance) -> End | None:
    """The same, for a machine that goes with the same roster; half of the time it is dead already."""
    members = world.members()
    if not world.manager.may_speak or len(members) < 2:
        return None
    gone = chance.pick(members)
    if chance.happens(500):
        world.machines[gone].power_off()
    return _enter(world, chance, gone=gone)


def leaves(world: World, chance: Chance) -> End | None:
    """A machine is taken out, by head office or by its owner; it may be off, or not hear of it for long."""
    leaving = world.leaving()
    members = tuple(name for name in world.members() if name not in leaving)
    if len(members) < 2:
        return None
    machine = world.machines[chance.pick(members)]
    if chance.happens(400):
        return _says_goodbye(machine)
    if not world.manager.may_speak:
        return None
    assert world.manager.site is not None
    world.manager.say((world.manager.site.roster_without(machine.name),), world.manager.manifests)
    return _nothing


def declares_dead(world: World, chance: Chance) -> End | None:
    """An operator says at a node that one that it does not hear is off; mostly it is."""
    shells = [m.shell for m in world.machines.values() if m.answers and m.shell is not None and not m.shell.hung]
    if not shells:
        return None
    shell = chance.pick(shells)
    there = {*shell.agent.membership.contacts, shell.machine.name}
    missing = [name for name in shell.agent.picture.roster().members if name not in there]
    off = [name for name in missing if not world.machines[name].powered]
    node = chance.pick(off) if off and chance.happens(700) else chance.pick(missing) if missing else None
    if node is None:
        return None
    operator = "ann" if chance.happens(900) else "bob"
    world.coverage.hit(f"fault.declared.{'off' if node in off else 'on'}")
    world.manager.office.declare_dead(shell, operator, NodeId(node))
    return _nothing


def _enter(world: World, chance: Chance, *, gone: str | None) -> End:
    site = world.manager.site
    assert site is not None
    beside = chance.pick([name for name in world.members() if name != gone] or world.members() or (None,))
    machine = world.new_machine()
    entry = RosterEntry(node=machine.name, public_key=machine.signer.public_key)
    others = {name: known for name, known in site.roster().members.items() if name != gone}
    kept = world.manager.say((site.next_roster(members={**others, machine.name: entry}),), world.manager.manifests)
    if not kept or not world.manager.up:  # it may have died of it
        world.machines.pop(machine.name)
        return _nothing
    machine.disk.update(world.manager.join_disk())
    cut = _as_cut_off_as(world, machine.name, beside)
    world.network.cut(cut)
    machine.power_on()
    return lambda: world.network.mend(cut)


def _as_cut_off_as(world: World, name: str, beside: str | None) -> list[Link]:
    """The links that the one beside it has not got, if there is one."""
    swapped = [tuple(name if end == beside else end for end in link) for link in world.network.blocked]
    return [(a, b) for a, b in swapped if name in (a, b)]


def _says_goodbye(machine: Machine) -> End | None:
    shell = machine.shell
    if shell is None or not machine.answers or shell.hung:
        return None
    body = Leave(node=NodeId(machine.name))
    shell.post(LeaveAsked(request="", said=machine.world.manager.office.said(machine.signer, machine.name, body)))
    return _nothing


def dismisses(world: World, chance: Chance) -> End | None:
    """A guest is dismissed (D25), or where there is none, an operator (R4); and perhaps admitted again."""
    home = world.manager
    guests = [name for name in world.options.guests if name in home.roster.managers]
    if not home.may_speak or (world.options.guests and not guests):
        return None
    name = chance.pick(guests) if guests else OPERATOR
    say_of, comes_back = _say_of_guest if guests else _say_of_operator, chance.happens(COMES_BACK_PERMILLE)
    say_of(world, name, dismissed=True)

    def end() -> None:
        if comes_back and home.may_speak:
            say_of(world, name, dismissed=False)

    return end


def _say_of_guest(world: World, name: str, *, dismissed: bool) -> None:
    site = world.manager.site
    assert site is not None
    known = site.roster().guests
    guests = tuple(msgspec.structs.replace(g, dismissed=dismissed) if g.name == name else g for g in known)
    world.manager.say((site.next_roster(guests=guests),), world.manager.manifests)


def _say_of_operator(world: World, name: str, *, dismissed: bool) -> None:
    site = world.manager.site
    assert site is not None
    operators = {n: o for n, o in world.manager.office.operators().items() if n != name or not dismissed}
    world.coverage.hit("fault.operator.dismissed")
    world.manager.say((site.next_roster(operators=operators),), world.manager.manifests)


def _nothing() -> None:
    """It needs no mending."""
