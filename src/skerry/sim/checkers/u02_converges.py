"""U2: manager and site converge by themselves after the link returns, however long the cut.

The time in which they do is the same for all cuts, and shorter than what a world is given to settle. What is compared
is what people see: the generation of every intent, on every node of the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.world import World

WITHIN_US = 40_000_000
"""The longest pause between two tries of a standby, and what it has to hear then."""


class Converges(Checker):
    """Judges cores that have a way to the manager, of worlds in which somebody had none for a while."""

    property_id = "U2"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._was_cut = False

    def on_tick(self) -> None:
        """Has anybody been cut off; and do both sides hold the same, once they have had their time?"""
        world = self.world
        if world.healed_us is None:
            self._was_cut = self._was_cut or any(not world.manager.reachable(name) for name in world.machines)
        elif self._was_cut and world.core.uplinks and world.loop.now_us - world.healed_us >= WITHIN_US:
            self._judge("long after the link is back")

    def at_end(self) -> None:
        """And at the end, if that is sooner."""
        if self._was_cut and self.world.core.uplinks:
            self._judge("at the end")

    def _judge(self, when: str) -> None:
        world = self.world
        managers = [world.managers[name] for name in world.core.managers]
        wanted = {ir.intent: ir.generation for manager in managers for ir in manager.irs.values()}
        for name in sorted({*world.core.nodes}.intersection(world.members())):  # who has left meanwhile hears no more
            shell = world.machines[name].shell
            if shell is not None and shell.agent.picture.goes(shell.agent.picture.me):
                continue
            irs = shell.agent.picture.irs().items() if shell is not None else ()
            held = {i: ir.generation for i, ir in irs if ir.owner in world.core.managers}
            self.premise()
            if held != wanted:
                self.broken(f"{name} holds the intents {held} {when}, and the managers {wanted}")
