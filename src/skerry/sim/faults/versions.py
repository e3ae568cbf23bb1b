"""Members of a newer version, which say more than this one understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance
from skerry.sim.faults.nodes import any_up
from skerry.sim.versions import later_document

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]


def newer(world: World, chance: Chance) -> End | None:
    """An agent's messages bear fields that others do not know, and it keeps a document that they cannot read."""
    machine = any_up(world, chance)
    if machine is None or machine.newer:
        return None
    machine.newer = True
    version = world.loop.now_us // 1_000
    machine.receive(later_document(world.options.site, machine.signer, machine.name, version))

    def end() -> None:
        machine.newer = False

    return end
