"""I7: a healed, quiet site has one leader and one plan, fills what can be filled, and moved no healthy work.

The first half is what `settled` looks for. The second is judged where nothing but the way to the manager was broken
at the healing: every process that the plan of then names on its node, in both modes alike, has to be there at the
end. What is connected again is looked over once, though, and moves where that is worth it, by the ranking that its
leader shows (D18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.stages.negotiation.model import SITE, Plan, Slot
from skerry.core.stages.subscription.rules import paused_by
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.world import World

UNHEALTHY = ("workload.slow", "workload.starts_fail", "owner.takes_memory")
"""Faults whose after-effects may rightly move work."""
CALM_LOSS_PERMILLE = 5
CALM_FOR_US = 5_000_000
"""So long before the healing nothing may have begun or ended inside the site."""


class Quiet(Checker):
    """Remembers who did what when the site was healed."""

    property_id = "I7"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._healthy: dict[InstanceId, tuple[str, int]] = {}

    def on_healed(self) -> None:
        """If the site is of one mind, note what it runs."""
        world = self.world
        if any(kind in world.options.faults for kind in UNHEALTHY) or world.options.loss_permille > CALM_LOSS_PERMILLE:
            return
        plan = self._plan_of_all()
        if plan is None or world.loop.now_us - world.faults.inside_changed_us < CALM_FOR_US:
            return
        for section in plan.sections.values():
            for instance, assignment in section.connected.items() if section.intent != SITE else ():
                other = section.isolated.get(instance)
                workload = world.machines[assignment.holder].guard.workloads.get(instance)
                same = other is not None and (other.holder, other.digest) == (assignment.holder, assignment.digest)
                if same and workload is not None and workload.digest == assignment.digest and not workload.ending:
                    self._healthy[instance] = (assignment.holder, workload.pid)

    def at_end(self) -> None:
        """It still does."""
        held = next((self.world.machines[name].shell for name in self.world.core.nodes), None)
        picture = held.agent.picture if held is not None else None
        for instance, (node, pid) in sorted(self._healthy.items()):
            if picture is not None and (paused_by(instance, picture.paused()) or node in picture.drained()):
                continue  # it was set in a part that the others heard of only now
            self.premise()
            workload = self.world.machines[node].guard.workloads.get(instance)
            if (workload is None or workload.pid != pid) and not self._was_worth_it(instance, NodeId(node)):
                self.broken(
                    f"{instance} ran healthily on {node} (pid {pid}) when the site was healed, and does not now"
                )

    def _was_worth_it(self, instance: InstanceId, node: NodeId) -> bool:
        for machine in self.world.machines.values():
            agent = machine.shell.agent if machine.shell is not None else None
            if agent is None or agent.election.leadership.leader != machine.name:
                continue
            ranking = agent.chair.rankings.get(Slot(set="connected", instance=instance))
            ir = agent.picture.irs().get(IntentId(instance.rsplit("/", 1)[0]))
            if ranking is not None and ir is not None:
                own = max((c.score for c in ranking.candidates if c.node == node), default=0)
                best = max((c.score for c in ranking.candidates if c.node != node), default=0)
                return best * 1_000 >= own * (1_000 + ir.replace_if_gain_permille)
        return False

    def _plan_of_all(self) -> Plan | None:
        """The plan, if every node is up, quiet for a while and of one mind, and the manager wants what the plan has."""
        world = self.world
        found: set[tuple[object, object]] = set()
        plan: Plan | None = None
        for machine in world.machines.values():
            if machine.shell is None or machine.shell.hung or machine.shell.stopped or machine.frozen:
                return None
            agent = machine.shell.agent
            plan = agent.picture.plan()
            found.add((agent.election.leadership.leader, plan.id if plan is not None else None))
            if len(agent.membership.contacts) + 1 < len(world.machines):
                return None
        if len(found) != 1 or plan is None:
            return None
        managers = world.managers.values()
        wanted = {ir.intent: ir.generation for m in managers for ir in m.irs.values() if not ir.withdrawn}
        agreed = {s.intent: s.generation for s in plan.sections.values() if s.intent != SITE}
        return plan if wanted == agreed else None
