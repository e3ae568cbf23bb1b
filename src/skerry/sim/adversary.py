"""Somebody in the network who hears everything and holds no key of the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skerry.sim.world import World


class Adversary:
    """Replays what it heard, and makes things up."""

    def __init__(self, world: World) -> None:
        self.world = world

    def begin(self) -> None:
        """Start."""

    def end(self) -> None:
        """Stop."""

    def overhear(self, payload: bytes) -> None:
        """Remember some."""
