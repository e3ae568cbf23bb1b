"""U12: the agent restarts or is upgraded, and its workloads do not notice.

What is ready when an agent ends, and its node's disk gives to the node, is there with the same pid when the next agent
has looked at it, and is taken over. Nothing ends it in between but what would have ended it under an agent: the power,
the guard's own end, a deadline, or the program itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.conversation import Started
from skerry.core.kernel.effects import Effects, StopWorkload
from skerry.core.kernel.ids import InstanceId
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.given import given as given_to
from skerry.sim.guard import STOPPED

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class Unnoticed(Checker):
    """Compares what one agent left with what the next has, before anybody could tell that one anything."""

    property_id = "U12"
    looks_at = ("effects",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._left: dict[str, dict[InstanceId, Workload]] = {}
        """To each node what its last agent left."""

    def on_agent_end(self, machine: Machine) -> None:
        """What was ready goes on."""
        workloads = machine.guard.workloads.items() if machine.powered else ()
        self._left[machine.name] = {name: w for name, w in workloads if w.ready and not w.ending}

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """Was it anybody's doing?"""
        left = self._left.get(machine.name, {})
        if what == "gone" and left.get(workload.instance) is workload and workload.ended != STOPPED:
            del left[workload.instance]

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """The first step of a life: it has seen its disk and what runs, and heard nobody yet."""
        if not isinstance(given.event, Started):
            return
        machine, agent, left = shell.machine, shell.agent, self._left.pop(shell.machine.name, {})
        stopped = {act.instance for act in effects.act if isinstance(act, StopWorkload)}
        due = given_to(agent, exclusive=True) if not agent.picture.goes(agent.picture.me) else {}
        for instance, workload in left.items():
            if due.get(instance) != workload.digest:
                continue
            self.premise()
            now = machine.guard.workloads.get(instance)
            run = agent.keeper.runs.get(instance)
            if now is not workload or now.ending or instance in stopped:
                self.broken(f"{instance} (pid {workload.pid}) ends on {machine.name} because its agent was restarted")
            if run is None or run.pid != workload.pid:
                self.broken(f"the new agent of {machine.name} does not know of {instance} (pid {workload.pid})")
