"""What people do meanwhile, at head office and at the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]

ANEW_PERMILLE = 400


def raises_limit(world: World, chance: Chance) -> End | None:
    """An intent is applied again, with other limits; perhaps with another catalogue, or other settings."""
    manager = world.any_manager(chance)
    live = sorted(manager.manifests.intents)
    if not live or not manager.up:
        return None
    if world.options.written and chance.child("writing").happens(ANEW_PERMILLE):
        manager.office.write_anew()
    if world.options.written and manager is world.manager and chance.child("settings").happens(ANEW_PERMILLE):
        manager.office.settle_anew(chance.child("settled"))
    manager.apply(chance.pick(live), chance.pick((50, 100, 130, 180)))
    return _nothing


def adds_intent(world: World, chance: Chance) -> End | None:
    """An intent that head office does not have is applied; perhaps again, after it was withdrawn."""
    manager = world.any_manager(chance)
    absent = [name for name in world.book.intents if name not in manager.manifests.intents]
    if not absent or not manager.up:
        return None
    manager.apply(chance.pick(absent), 100)
    return _nothing


def withdraws(world: World, chance: Chance) -> End | None:
    """An intent is withdrawn, one that was handed in at the site perhaps."""
    manager = world.any_manager(chance)
    live = sorted(ir.name for ir in manager.irs.values() if not ir.withdrawn)
    if not live or not manager.up:
        return None
    manager.withdraw(chance.pick(live))
    return _nothing


def hands_in(world: World, chance: Chance) -> End | None:
    """An operator, seldom one who may not, hands an intent in at a node (U4)."""
    shells = [m.shell for m in world.machines.values() if m.answers and m.shell is not None and not m.shell.hung]
    if not shells:
        return None
    operator = "ann" if chance.happens(850) else "bob"
    world.manager.office.hand_in(chance.pick(shells), operator, chance.pick(list(world.book.intents)))
    return _nothing


def _nothing() -> None:
    """It needs no mending."""
