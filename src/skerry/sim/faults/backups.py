"""What comes back as it was a while ago: a manager from a backup, a machine's disk from an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.core.group.custody.machine import stored_key
from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]

AGAIN_PERMILLE = 500
AGAIN_MS = (2_000, 8_000)


def manager(world: World, chance: Chance) -> End | None:
    """A backup of a manager's store is made; after a while it is put back to it (interleaving 43). Not while a roster
    is on its way to somebody: who joins with one that is lost has to join again. Nor to one from before any node was
    heard, which takes the site for a new one. Perhaps it is put back to the same once more, by when nodes may have
    dropped what it acknowledged in between (J3)."""
    chosen = world.any_manager(chance)
    if chosen.site is None or (chosen.is_home and not chosen.site.journal.chains):
        return None
    image, again = chosen.image(), chance.child("again")

    def back() -> None:
        newest = stored_key(f"roster/{world.manager.roster.version:06d}")
        if world.healed_us is None and _everybody_has(world, newest):
            chosen.put_back(image)

    def end() -> None:
        back()
        if again.happens(AGAIN_PERMILLE):
            world.loop.after(again.between(*AGAIN_MS) * 1_000, back)

    return end


def _everybody_has(world: World, key: str) -> bool:
    return all(key in machine.disk for machine in world.machines.values())


def disk(world: World, chance: Chance) -> End | None:
    """An image of a machine's disk is made; after a while the machine comes back with it, in a new life (42)."""
    machine = chance.pick(list(world.machines.values()))
    image = machine.disk.copy()

    def end() -> None:
        machine.power_off()
        machine.disk = image
        world.on_disk_put_back(machine)
        machine.power_on()

    return end
