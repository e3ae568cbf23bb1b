"""U6: nothing dead is shown as running.

A machine without power runs nothing; no agent that is well takes it for one that is there a few seconds later, and no
look-up names what ran on it. That its work moves is part of what is demanded of a healed core (`settled`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.ids import NodeId
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.core.actors.agent import Agent
    from skerry.sim.world import World

WITHIN_US = 4_000_000
"""The fabric's lease, or a beat that gets old, and the first question to what ran there."""


class NothingDead(Checker):
    """Knows which machines have power, and since when an agent has been able to notice."""

    property_id = "U6"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._off_since_us: dict[str, tuple[int, int]] = {}
        """To each machine without power how often it had been switched by then, and when this was first seen: it may
        have been on for less than a look."""
        self._well_since_us: dict[str, tuple[object, int]] = {}

    def on_tick(self) -> None:
        """Nobody shows what is off."""
        now_us, machines = self.world.loop.now_us, self.world.machines
        for name, machine in machines.items():
            if machine.powered:
                self._off_since_us.pop(name, None)
            elif self._off_since_us.get(name, (None, 0))[0] != machine.boots:
                self._off_since_us[name] = (machine.boots, now_us)
        for name, machine in machines.items():
            shell = machine.shell
            if shell is None or not machine.answers or shell.stands or machine.step_takes_ms:
                self._well_since_us.pop(name, None)
                continue
            known, since_us = self._well_since_us.setdefault(name, (shell, now_us))
            if known is not shell:
                self._well_since_us[name] = (shell, now_us)
            elif self._off_since_us:
                self._judge(name, shell.agent, now_us, since_us)

    def _judge(self, name: str, agent: Agent, now_us: int, well_since_us: int) -> None:
        for dead, (_, off_since_us) in self._off_since_us.items():
            if now_us - max(off_since_us, well_since_us) < WITHIN_US:
                continue
            self.premise()
            if dead in agent.membership.contacts or agent.picture.running().get(NodeId(dead)):
                off_ms = (now_us - off_since_us) // 1000
                self.broken(f"{dead} has been off for {off_ms} ms, and {name} shows it as there")
