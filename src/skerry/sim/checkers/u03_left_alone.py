"""U3: healthy work is not stopped, evicted or restarted because the link dropped or came back.

Nor for any other reason that its plan does not know: what the plan that a node holds gives to it in both modes alike,
is ready, and is not exclusive, is not stopped by that node's agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.ids import IntentId
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine


class LeftAlone(Checker):
    """Looks at every process whose stop an agent asks for."""

    property_id = "U3"

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """It is gone, and its agent has asked for that."""
        if what != "gone" or not workload.asked or not workload.ready or workload.fence is not None:
            return
        shell = machine.shell
        plan = shell.agent.picture.plan() if shell is not None else None
        if shell is None or plan is None:
            return
        intent = IntentId(workload.instance.rsplit("/", 1)[0])
        section, ir = plan.sections.get(intent), shell.agent.picture.irs().get(intent)
        if section is None or ir is None or ir.withdrawn or ir.generation != section.generation:
            return
        self.premise()
        given = (section.connected.get(workload.instance), section.isolated.get(workload.instance))
        if all(one is not None and (one.holder, one.digest) == (machine.name, workload.digest) for one in given):
            self.broken(f"{machine.name} stops {workload.instance}, which {plan.id} gives to it in both modes")
