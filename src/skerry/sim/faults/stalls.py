"""Machines that are slow, and agents that stand still between receiving and answering."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance
from skerry.sim.faults.nodes import holder_or_any

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]


STALLS_MS = (700, 2_600, 9_000)
"""A round, a beat that gets old, more than the longest lease of these worlds."""
SLEEPS_MS = (3_600_000, 12 * 3_600_000, 4 * 86_400_000)


def in_request(world: World, chance: Chance) -> End | None:
    """An agent has decided and made it durable, and stands still before anything of it leaves; sometimes its whole
    machine does."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.shell is None or machine.shell.stall_ms:
        return None
    machine.shell.stall_ms = chance.pick(STALLS_MS)
    machine.shell.stalls_machine = chance.happens(300)
    shell = machine.shell

    def end() -> None:
        shell.stall_ms = 0

    return end


def slow(world: World, chance: Chance) -> End | None:
    """An agent takes its time over each step, and what comes in waits."""
    machine = holder_or_any(world, chance)
    if machine is None or machine.step_takes_ms:
        return None
    machine.step_takes_ms = chance.pick((10, 30, 100))

    def end() -> None:
        machine.step_takes_ms = 0

    return end


def late_ballots(world: World, chance: Chance) -> End | None:
    """Some members vote after the round is over, rather than never."""
    voters = chance.sample(list(world.machines.values()), chance.between(1, len(world.machines)))
    for machine in voters:
        machine.ballots_late_ms = chance.pick((200, 290, 450, 1_500))

    def end() -> None:
        for machine in voters:
            machine.ballots_late_ms = 0

    return end


def sleeps(world: World, chance: Chance) -> End | None:
    """The whole site is suspended for hours or days, with its uplink cut; then its machines wake one after the other.
    Nothing happens meanwhile, so that it costs no time to run."""
    links = world.network.uplinks(list(world.machines))
    asleep = [m for m in world.machines.values() if m.powered and not m.frozen]
    world.network.cut(links)
    for machine in asleep:
        machine.freeze()
    world.sleep(chance.pick(SLEEPS_MS) * 1_000 + chance.between(0, 3_600_000) * 1_000)
    for machine in chance.shuffled(asleep):
        world.loop.after(chance.between(300, 3_000) * 1_000, machine.thaw)
    return lambda: world.network.mend(links)
