"""What wall clocks do, which no rule may hang on (T1): they step, stand still, run away, start in 1970 or in 2099."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance
from skerry.sim.clocks import WALLS_MS
from skerry.sim.faults.nodes import nothing

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]


RATES_PERMILLE = (-1_000, -100, 100, 1_000)
"""Standing still, a tenth too slow, a tenth too fast, twice as fast."""


def wall_steps(world: World, chance: Chance) -> End | None:
    """A wall clock is set, backwards or forwards (interleavings 39 and 40)."""
    machine = chance.pick(list(world.machines.values()))
    machine.wall_offset_ms = chance.pick(WALLS_MS)
    if machine.powered:
        machine.clock.wall_offset_ms = machine.wall_offset_ms
    return nothing


def wall_runs_away(world: World, chance: Chance) -> End | None:
    """A wall clock stands still, or is far too slow or too fast; boot-time is as good as ever."""
    machine = chance.pick(list(world.machines.values()))
    if not machine.powered:
        return None
    machine.clock.run_wall(chance.pick(RATES_PERMILLE), world.loop.now_us)

    def end() -> None:
        if machine.powered:
            machine.clock.run_wall(0, world.loop.now_us)

    return end
