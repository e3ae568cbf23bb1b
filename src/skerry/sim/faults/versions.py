"""Members of a newer version, which say more than this one understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance
from skerry.sim.faults.nodes import any_up

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]


def newer(world: World, chance: Chance) -> End | None:
    """An agent's messages bear fields that others do not know, and it sends kinds that they do not know either."""
    machine = any_up(world, chance)
    if machine is None or machine.newer:
        return None
    machine.newer = True

    def end() -> None:
        machine.newer = False

    return end
