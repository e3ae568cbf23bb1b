"""Faults of disks: they take nothing more, or nothing for a while, or cannot be read.

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


def refuses(world: World, chance: Chance) -> End | None:
    """A disk fails under a commit: the agent ends before anything leaves (N5)."""
    machine = any_up(world, chance)
    if machine is None or machine.shell is None:
        return None
    return doomed(machine, -1)


def full(world: World, chance: Chance) -> End | None:
    """A disk is full, and stays so for a while: from its next commit on the agent decides nothing (N5); what runs goes
    on under the guard."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.disk_full:
        return None
    machine.disk_full = True

    def end() -> None:
        machine.disk_full = False

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
