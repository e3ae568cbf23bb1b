"""U3: healthy work is not stopped, evicted or restarted because the link dropped or came back.

Nor for any other reason that its plan does not know: what the plan that a node holds gives to it in both modes alike,
is ready, and is not exclusive, is not stopped by that node's agent. Nor is what that plan leaves open for the moment,
because of who is slow or silent, while a node may run it (I7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import AwaitDrained, Effects, StopWorkload
from skerry.core.kernel.ids import InstanceId, IntentId
from skerry.core.kernel.inputs import Input
from skerry.core.stages.subscription.rules import is_open, paused_by
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.shell import Shell


class LeftAlone(Checker):
    """Looks at every stop that an agent asks for."""

    property_id = "U3"
    looks_at = ("effects",)

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """What is stopped was not wanted, or was exclusive, or had ended."""
        # A leader may commit several plans in one step, and stop something by one of them that counts no more.
        by_one_plan = sum(note.what == "plan.committed" for note in effects.note) <= 1
        for act in effects.act:
            if isinstance(act, StopWorkload | AwaitDrained):
                self._judge(shell, act.instance, by_one_plan=by_one_plan)

    def _judge(self, shell: Shell, instance: InstanceId, *, by_one_plan: bool) -> None:
        picture, name = shell.agent.picture, shell.machine.name
        workload, run = shell.machine.guard.workloads.get(instance), shell.agent.keeper.runs.get(instance)
        if workload is None or workload.ending or not workload.ready:
            return
        if run is None or run.phase == "active":
            return  # in the same step it was given back to this node
        plan, intent = picture.plan(), IntentId(instance.rsplit("/", 1)[0])
        ir, section = picture.irs().get(intent), plan.sections.get(intent) if plan is not None else None
        if picture.goes(picture.me):
            return  # who leaves stops all (X5)
        if ir is None or section is None or ir.withdrawn or ir.generation != section.generation:
            return
        if paused_by(instance, picture.paused()) is not None:
            return  # an operator's word outranks the plan (R4)
        if by_one_plan and (run.key is None or run.key in shell.agent.granting.held):
            self.premise()
            if is_open(plan, instance, intent, picture.modes(), for_the_moment=True):
                self.broken(f"{name} stops {instance}, which its plan leaves open for the moment only")
        given = (section.connected.get(instance), section.isolated.get(instance))
        ours = all(one is not None and (one.holder, one.digest) == (name, workload.digest) for one in given)
        if workload.fence is None and ours:
            self.broken(f"{name} stops {instance}, which its plan gives to it in both modes")
