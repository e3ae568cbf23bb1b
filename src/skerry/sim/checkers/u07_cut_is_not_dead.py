"""U7: a link that is cut is told from a node that is dead, by the evidence of the peers on site.

While nothing is wrong inside the site, and only ways to the manager are, no node takes another for lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.shell import Shell

CALM_FOR_US = 12_000_000
LOSS_MAX_PERMILLE = 5
LOST = ("contact.lost", "node.given_up")


class CutIsNotDead(Checker):
    """Judges the core after the healing, once it had time to find itself; its nodes are well and hear each other."""

    property_id = "U7"

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Nobody of the core is given up by another of the core."""
        world = self.world
        if not effects.note or world.healed_us is None or world.loop.now_us - world.healed_us < CALM_FOR_US:
            return
        options, core = world.options, world.core
        rough = options.loss_permille > LOSS_MAX_PERMILLE or options.spike_permille > 0
        if rough or shell.machine.name not in core.nodes:
            return
        for note in effects.note:
            if note.what in LOST and note.about in core.nodes:
                self.broken(f"{shell.machine.name} takes {note.about} for lost: {note.what} {note.data}")

    def at_end(self) -> None:
        """Whether there was anything to mistake."""
        world = self.world
        if len(world.core.nodes) > 1 and any(not world.manager.reachable(name) for name in world.core.nodes):
            self.premise()
