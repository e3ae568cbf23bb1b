"""Draws faults and ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skerry.sim.world import World


class FaultDriver:
    """Breaks things, one after the other and on top of each other."""

    def __init__(self, world: World) -> None:
        self.world = world

    def begin(self) -> None:
        """Start."""

    def end_all(self) -> None:
        """Mend everything."""
        self.world.network.mend_all()
