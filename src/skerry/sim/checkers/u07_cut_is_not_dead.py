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
    from skerry.sim.world import World

CALM_FOR_US = 6_000_000
FOUND_BY_US = 10_000_000
"""A site that was just switched on finds itself in this time."""
LOST = ("contact.lost", "node.given_up")


class CutIsNotDead(Checker):
    """Judges nodes that are well and hear each other: all of them while no fault is on its way inside the site, and
    the core after the healing; each time once they have had time to find each other."""

    property_id = "U7"
    looks_at = ("effects",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._stood_us: dict[str, int] = {}
        """When each was last seen to stand still, which may outlast what made it."""

    def on_tick(self) -> None:
        """Who stands still is not well."""
        for name, machine in self.world.machines.items():
            if machine.frozen or (machine.shell is not None and machine.shell.hung):
                self._stood_us[name] = self.world.loop.now_us

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Nobody is given up by another."""
        lost = [note for note in effects.note if note.what in LOST]
        if not lost or shell.machine.name not in self._well():
            return
        members = shell.agent.picture.roster().members  # who is taken out of it is no peer, however well it is
        for note in lost if shell.machine.name in members else ():
            if note.about in self._well() and note.about in members:
                self.broken(f"{shell.machine.name} takes {note.about} for lost: {note.what} {note.data}")

    def _well(self) -> tuple[str, ...]:
        """Those of whom that can be said now."""
        world, options, now_us = self.world, self.world.options, self.world.loop.now_us
        if options.loss_permille > 0 or options.spike_permille > 0:
            return ()  # two beats in a row may be lost of somebody who is well
        if world.healed_us is not None:
            return world.core.nodes if now_us - world.healed_us >= CALM_FOR_US else ()
        calm = not world.faults.inside and now_us - world.faults.inside_changed_us >= CALM_FOR_US
        if not calm or options.graph != "mesh" or now_us < FOUND_BY_US:
            return ()
        return tuple(n for n in world.machines if now_us - self._stood_us.get(n, -CALM_FOR_US) >= CALM_FOR_US)

    def at_end(self) -> None:
        """Whether there was anything to mistake."""
        world = self.world
        if len(world.core.nodes) > 1 and any(not world.manager.reachable(name) for name in world.core.nodes):
            self.premise()
