"""Faults of disks: they take nothing, for a moment or for long, or cannot be read.

A commit of SQLite is all or nothing, so a write that was lost or torn is one that was never made: `crash_in_step` with
its variants. What a disk held when it was read for the last time is what it holds when it is read again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance
from skerry.sim.faults.nodes import any_up, doomed, holder_or_any

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]


AGAIN_MS = (1_000, 4_000)
"""Until whoever watches over an agent starts it again."""


def refuses(world: World, chance: Chance) -> End | None:
    """A disk takes nothing: the agent ends before anything leaves (N5)."""
    machine = any_up(world, chance)
    if machine is None or machine.shell is None:
        return None
    return doomed(machine, -1)


def full(world: World, chance: Chance) -> End | None:
    """A disk is full, and stays so for a while: the agent ends at its first commit (N5), is started again, and ends
    again, as often as it is started; what runs goes on under the guard."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.disk_full:
        return None
    machine.disk_full = True

    def again() -> None:
        if machine.disk_full:
            machine.start_agent()
            world.loop.after(chance.between(*AGAIN_MS) * 1_000, again)

    again()

    def end() -> None:
        machine.disk_full = False
        machine.start_agent()

    return end


def unreadable(world: World, chance: Chance) -> End | None:
    """A page is damaged: the store says so when it is opened, and the agent does not start until a person has put it
    right."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.unreadable:
        return None
    machine.unreadable = True
    machine.end_agent()

    def end() -> None:
        machine.unreadable = False
        machine.start_agent()

    return end
