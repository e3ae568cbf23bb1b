"""I11: within a stated time of the last change every node has a leader, itself if need be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.world import World

WITHIN_US = 8_000_000
"""A beat gets old, a node stands, is refused at most five rounds, and leads itself."""


class EveryoneIsLed(Checker):
    """Looks at nodes that run, in stretches in which nothing changes and the network is as calm as this world's is."""

    property_id = "I11"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._since_us: dict[str, int] = {}

    def on_tick(self) -> None:
        """Nobody has been without one for too long."""
        world = self.world
        for name, machine in world.machines.items():
            shell = machine.shell
            if shell is None or shell.hung or not machine.answers or shell.agent.election.leadership.leader is not None:
                self._since_us.pop(name, None)
                continue
            if name not in shell.agent.picture.roster().members:
                continue  # who was taken out needs none (X5)
            self.premise()
            since_us = self._since_us.setdefault(name, world.loop.now_us)
            calm_us = world.loop.now_us - max(since_us, world.faults.changed_us)
            if calm_us > WITHIN_US and world.network.weather == world.network.usual:
                self.broken(f"{name} has had no leader for {calm_us // 1_000_000} quiet seconds")
