"""What happens to the manager: its process, its pace, its store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]

TAKES_MS = (40, 300, 1_500)


def restarts(world: World, chance: Chance) -> End | None:
    """It is away for a while, and starts again from its store."""
    manager = world.any_manager(chance)
    if not manager.up:
        return None
    manager.kill()
    return manager.start


def crashes(world: World, chance: Chance) -> End | None:
    """It dies in the next act that is to be kept: before that is durable, or before any of it leaves (J3)."""
    manager = world.any_manager(chance)
    if not manager.up:
        return None
    manager.die_after_commit = chance.happens(600)

    def end() -> None:
        manager.die_after_commit = None
        manager.start()

    return end


def slow(world: World, chance: Chance) -> End | None:
    """It takes its time over each message, and they pile up."""
    manager = world.any_manager(chance)
    if manager.takes_ms:
        return None
    manager.takes_ms = chance.pick(TAKES_MS)

    def end() -> None:
        manager.takes_ms = 0

    return end


def refuses(world: World, chance: Chance) -> End | None:
    """Its store takes nothing: what came is not acknowledged, and memory is as the store is."""
    manager = world.any_manager(chance)
    if manager.refuses:
        return None
    manager.refuses = True

    def end() -> None:
        manager.refuses = False

    return end
