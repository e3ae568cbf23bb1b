"""U1: a node that was power-cycled while the site is cut off brings its work back, with nobody's permission.

Judged by what the node's own disk says when its agent starts: what the plan there gives it in the mode there, and is
not exclusive, runs at some moment of the next few seconds, unless a later plan or mode says otherwise by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.ids import InstanceId, IntentId
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.given import given

if TYPE_CHECKING:
    from skerry.core.actors.agent import Agent
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

WITHIN_US = 5_000_000


class PowerCycle(Checker):
    """Looks at agents that have just started, or are well again, or whose guard has begun anew, and once more when they
    had their time."""

    property_id = "U1"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._known: dict[str, tuple[object, int, dict[InstanceId, str]]] = {}
        """To each node its agent and which life of its guard, since when it was well, and what it was to run then."""

    def on_tick(self) -> None:
        """Who has had time enough has its work back."""
        now_us = self.world.loop.now_us
        for name, machine in self.world.machines.items():
            if machine.shell is None or not _is_well(machine):
                self._known.pop(name, None)
                continue
            known, lives = self._known.get(name), (machine.shell, machine.guard.deaths)
            if known is None:
                self._known[name] = (lives, now_us, given(machine.shell.agent))
            elif known[0] != lives:
                del self._known[name]
            elif known[2]:
                due, over = self._due(machine, machine.shell.agent, known[2]), now_us - known[1] >= WITHIN_US
                if over:
                    self._judge(machine, machine.shell.agent, due)
                self._known[name] = (lives, known[1], {} if over else due)

    def _due(self, machine: Machine, agent: Agent, due: dict[InstanceId, str]) -> dict[InstanceId, str]:
        """What has not come back yet, and is still given: a plan that it took in between may give it again just now."""
        still, modes = given(agent), agent.picture.modes()
        for instance in due.keys() & machine.guard.workloads:  # it may end again by itself, which is another matter
            if modes.get(IntentId(instance.rsplit("/", 1)[0])) == "isolated":
                self.premise()
        return {i: one for i, one in due.items() if still.get(i) == one and i not in machine.guard.workloads}

    def _judge(self, machine: Machine, agent: Agent, due: dict[InstanceId, str]) -> None:
        if agent.picture.goes(agent.picture.me):
            return  # who leaves runs nothing (X5)
        failed = {i.instance for i in agent.keeper.instances() if i.phase == "failed"}
        for instance in sorted(due):
            if instance in failed:
                continue
            self.broken(f"{machine.name} has its power back, and does not run {instance}, which its plan gives it")


def _is_well(machine: Machine) -> bool:
    """Whether nothing keeps an agent from starting what it wants to start."""
    shell = machine.shell
    able = machine.starts_fail_permille == 0 and machine.crashes_after_ms is None and machine.step_takes_ms == 0
    return able and machine.answers and shell is not None and not shell.stands and machine.owner_takes.memory_bytes == 0
