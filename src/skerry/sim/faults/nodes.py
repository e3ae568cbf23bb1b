"""Faults of machines: their agents, their guards, their power, and what their owners do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.core.stages.capability.model import Resources
from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

End = Callable[[], None]


def any_up(world: World, chance: Chance) -> Machine | None:
    """A machine whose agent answers."""
    up = [m for m in world.machines.values() if m.answers]
    return chance.pick(up) if up else None


def _leader_or_any(world: World, chance: Chance) -> Machine | None:
    """Half of the time whoever leads: its loss is what most of the protocol is about."""
    leaders = [m for m in world.machines.values() if m.answers and m.shell and m.shell.agent.election.leadership.part]
    return chance.pick(leaders) if leaders and chance.happens(500) else any_up(world, chance)


def holder_or_any(world: World, chance: Chance) -> Machine | None:
    """Half of the time a node on which something exclusive runs."""
    holders = [
        m for m in world.machines.values() if m.answers and any(w.fence is not None for w in m.guard.workloads.values())
    ]
    return chance.pick(holders) if holders and chance.happens(500) else _leader_or_any(world, chance)


def crash(world: World, chance: Chance) -> End | None:
    """An agent is killed and started again later; its workloads go on under the guard."""
    machine = holder_or_any(world, chance)
    if machine is None:
        return None
    machine.end_agent()
    return machine.start_agent


def crash_in_step(world: World, chance: Chance) -> End | None:
    """An agent dies in the middle of what a step wants done: before it is durable, or after part of the rest."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.shell is None:
        return None
    return doomed(machine, chance.pick((-1, 0, 0, 1, 2, 3)))


def doomed(machine: Machine, at: int) -> End:
    """Its agent dies in the next step that has effects, before or after some of them are done."""
    shell = machine.shell
    assert shell is not None
    shell.die_at = at

    def end() -> None:
        shell.die_at = None
        machine.start_agent()

    return end


def hang(world: World, chance: Chance) -> End | None:
    """An agent's loop stands still, in an fsync say, while its token stays (interleaving 7)."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.shell is None or machine.shell.hung:
        return None
    shell = machine.shell
    shell.hangs = True

    def end() -> None:
        shell.hangs = False
        if shell.alive:
            shell.go_on()

    return end


def stop(world: World, chance: Chance) -> End | None:
    """An agent's process is stopped, its fabric with it; its guard is not (interleaving 29)."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.shell is None:
        return None
    shell = machine.shell
    shell.stopped = True
    world.network.process_changed(machine.name, silent=True)
    world.review_sessions()

    def end() -> None:
        if shell.alive:
            shell.resume()

    return end


def power(world: World, chance: Chance) -> End | None:
    """A machine loses its power."""
    machine = holder_or_any(world, chance)
    if machine is None:
        return None
    machine.power_off()
    return machine.power_on


def freeze(world: World, chance: Chance) -> End | None:
    """Every process of a machine stands still, or it is suspended: boot-time runs on (interleaving 30)."""
    machine = holder_or_any(world, chance)
    if machine is None:
        return None
    machine.freeze()
    return machine.thaw


def site_power(world: World, chance: Chance) -> End | None:
    """The whole site loses its power, and comes back in any order."""
    for machine in world.machines.values():
        machine.power_off()

    def end() -> None:
        for machine in chance.shuffled(list(world.machines.values())):
            world.loop.after(chance.between(0, 3_000) * 1_000, machine.power_on)

    return end


def site_agents(world: World, chance: Chance) -> End | None:
    """All agents are killed at once, as an upgrade would; workloads go on."""
    for machine in world.machines.values():
        machine.end_agent()

    def end() -> None:
        for machine in chance.shuffled(list(world.machines.values())):
            world.loop.after(chance.between(0, 3_000) * 1_000, machine.start_agent)

    return end


def guard_dies(world: World, chance: Chance) -> End | None:
    """A guard ends, and all that it owned with it."""
    machine = holder_or_any(world, chance)
    if machine is None or not machine.guard.workloads:
        return None
    machine.guard.die("guard ended")
    return nothing


def memory(world: World, chance: Chance) -> End | None:
    """The owner's own processes take memory, after the fit was reported."""
    machine = any_up(world, chance)
    if machine is None:
        return None
    taken = machine.facts.caps.memory_bytes * chance.between(30, 95) // 100
    machine.owner_takes = Resources(memory_bytes=taken)

    def end() -> None:
        machine.owner_takes = Resources()

    return end


def nothing() -> None:
    """It needs no mending."""
