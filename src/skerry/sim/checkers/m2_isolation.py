"""M2: when no member of a part is answered by the manager for the grace period, its leader declares it isolated."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker
from skerry.sim.shell import BATCH_MAX

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

SLACK_US = 3_000_000


class Isolation(Checker):
    """Knows which links to the manager really work. Judges leaders, since a member learns the mode from its leader."""

    property_id = "M2"
    of_each_manager = True
    looks_at = ("election",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._since_us: dict[str, int] = {}
        self._leads: dict[str, tuple[object, int]] = {}
        self._parts: dict[str, set[str]] = defaultdict(set)
        """Whom each has led since the last look."""
        self._late: dict[str, tuple[int, int]] = {}
        """Of each that was slow, by how much it may be late, and when it last was."""

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """A part may be one for less than a look lasts, and its leader hear of a way to the manager meanwhile."""
        self._parts[shell.machine.name] |= shell.agent.election.leadership.part

    def on_tick(self) -> None:
        """Every leader of a part that is cut off knows it."""
        now_us, manager = self.world.loop.now_us, self.manager
        for name in self.world.machines:
            if manager.reachable(name):
                self._since_us.pop(name, None)
            else:
                self._since_us.setdefault(name, now_us)
        for name, machine in self.world.machines.items():
            self._judge(name, machine, now_us)

    def _judge(self, name: str, machine: Machine, now_us: int) -> None:
        shell = machine.shell
        if shell is None or shell.hung or not machine.answers or shell.agent.election.leadership.leader != name:
            self._leads.pop(name, None)
            return
        agent, manager = shell.agent, self.manager.name
        known, since_us = self._leads.setdefault(name, (shell, now_us))
        part = agent.election.leadership.part | self._parts.pop(name, set())
        if known is not shell or not all(n in self._since_us for n in part):
            self._leads[name] = (shell, now_us)
            return
        if manager not in agent.picture.managers():
            return  # it was dismissed: nobody asks it any more
        flap = agent.uplink._flaps.get(manager)
        grace_us = agent.picture.uplink_settings().lost_after_ms * 1_000 * (flap.factor if flap is not None else 1)
        # A link may have worked for less than a look lasts.
        heard_us = [self.manager.heard_by_us.get(n, 0) for n in part]
        silent_us = now_us - max([since_us, *heard_us, *(self._since_us[n] for n in part)])
        if silent_us > grace_us:
            self.premise()
        late_us = self._late_us(name, machine, now_us)
        if silent_us > grace_us + SLACK_US + late_us and agent.uplink.mode(manager) != "isolated":
            self.broken(f"{name} leads {sorted(part)}, nobody of them reaches {manager} for {silent_us // 1000} ms")

    def _late_us(self, name: str, machine: Machine, now_us: int) -> int:
        """Who was slow until now has still to take what came meanwhile."""
        if machine.step_takes_ms:
            self._late[name] = (BATCH_MAX * machine.step_takes_ms * 1_000, now_us)
        late_us, slow_us = self._late.get(name, (0, 0))
        return late_us if now_us - slow_us < SLACK_US else 0
