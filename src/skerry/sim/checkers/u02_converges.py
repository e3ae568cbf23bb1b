"""U2: manager and site converge by themselves after the link returns, however long the cut.

The world itself waits for that (`settled`); what is compared here is what people see: the generation of every intent,
on every node of the core, and the mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.world import World


class Converges(Checker):
    """Judges cores that have a way to the manager, of worlds in which somebody had none for a while."""

    property_id = "U2"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._was_cut = False

    def on_tick(self) -> None:
        """Has anybody been cut off?"""
        if not self._was_cut and self.world.healed_us is None:
            self._was_cut = any(not self.world.manager.reachable(name) for name in self.world.machines)

    def at_end(self) -> None:
        """Both sides hold the same."""
        world = self.world
        if not self._was_cut or not world.core.uplinks:
            return
        wanted = {ir.intent: ir.generation for ir in world.manager.irs.values()}
        for name in sorted({*world.core.nodes}.intersection(world.members())):  # who has left meanwhile hears no more
            shell = world.machines[name].shell
            held = {i: ir.generation for i, ir in shell.agent.picture.irs().items()} if shell is not None else None
            self.premise()
            if held != wanted:
                self.broken(f"{name} holds the intents {held} at the end, and the manager {wanted}")
