"""What people at head office do meanwhile, and what happens to their manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]


def raises_limit(world: World, chance: Chance) -> End | None:
    """An intent is applied again, with other limits."""
    live = [name for name, ir in world.manager.intents.items() if not ir.withdrawn]
    if not live:
        return None
    world.manager.want(chance.pick(live), chance.pick((50, 100, 130, 180)))
    return _nothing


def adds_intent(world: World, chance: Chance) -> End | None:
    """An intent that the site does not have is applied; perhaps again, after it was withdrawn."""
    intents = world.manager.intents
    absent = [name for name in world.book.intents if name not in intents or intents[name].withdrawn]
    if not absent:
        return None
    world.manager.want(chance.pick(absent), 100)
    return _nothing


def withdraws(world: World, chance: Chance) -> End | None:
    """An intent is withdrawn."""
    live = [name for name, ir in world.manager.intents.items() if not ir.withdrawn]
    if not live:
        return None
    world.manager.withdraw(chance.pick(live))
    return _nothing


def restarts(world: World, chance: Chance) -> End | None:
    """The manager is away; what it stored is still there."""
    manager = world.manager
    if not manager.up:
        return None
    manager.up = False
    manager.review_sessions()

    def end() -> None:
        manager.up = True
        manager.review_sessions()

    return end


def _nothing() -> None:
    """It needs no mending."""
