"""Faults of what runs on machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance
from skerry.sim.faults.nodes import any_up, holder_or_any, nothing

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]


def exits(world: World, chance: Chance) -> End | None:
    """A workload crashes."""
    found = [(m, w) for m in world.machines.values() if m.answers for w in m.guard.workloads.values()]
    if not found:
        return None
    machine, workload = chance.pick(found)
    machine.guard.crash(workload, "signal 11")
    return nothing


def starts_fail(world: World, chance: Chance) -> End | None:
    """On one machine programs end, and never get ready again."""
    busy = [m for m in world.machines.values() if m.answers and m.guard.workloads]
    machine = chance.pick(busy) if busy else any_up(world, chance)
    if machine is None:
        return None
    machine.starts_fail_permille = chance.pick((300, 1_000, 1_000))
    for workload in list(machine.guard.workloads.values()):
        machine.guard.crash(workload, "exit 1")

    def end() -> None:
        machine.starts_fail_permille = 0

    return end


def slow(world: World, chance: Chance) -> End | None:
    """What runs on one machine is slower than it was when it was measured."""
    machine = holder_or_any(world, chance)
    if machine is None:
        return None
    machine.slowed_permille = chance.pick((2_000, 20_000))

    def end() -> None:
        machine.slowed_permille = 1_000

    return end


def loops(world: World, chance: Chance) -> End | None:
    """On one machine programs get ready, and crash soon after, again and again."""
    busy = [m for m in world.machines.values() if m.answers and m.guard.workloads]
    machine = chance.pick(busy) if busy else any_up(world, chance)
    if machine is None or machine.crashes_after_ms is not None:
        return None
    machine.crashes_after_ms = chance.pick((100, 700, 3_000))
    for workload in list(machine.guard.workloads.values()):
        machine.guard.crash(workload, "signal 6")

    def end() -> None:
        machine.crashes_after_ms = None

    return end


def flatters(world: World, chance: Chance) -> End | None:
    """A probe lies, or its node does: a machine reports several times what it can (interleaving 51)."""
    machine = any_up(world, chance)
    if machine is None or machine.flatters_permille != 1_000:
        return None
    machine.flatters_permille = chance.pick((3_000, 10_000))
    return nothing  # what was reported stays reported until it is measured anew
