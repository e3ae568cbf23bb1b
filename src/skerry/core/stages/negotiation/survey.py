"""What a leader knows when it plans, gathered from the beats and documents of its part."""

from __future__ import annotations

from skerry.core.kernel.ids import InstanceId, IntentId, ManagerId, NodeId
from skerry.core.kernel.values import Value
from skerry.core.stages.ir.model import ElementSpec, IntermediateRepresentation, ManagementRole, SetName
from skerry.core.stages.proposal.model import Member
from skerry.core.stages.subscription.model import Instance

RUNNING = ("starting", "active", "draining")
"""The phases in which there is a process."""


class Survey(Value, frozen=True, kw_only=True):
    """What a leader knows when it plans."""

    leader: NodeId
    members: dict[NodeId, Member]
    irs: dict[IntentId, IntermediateRepresentation]
    precedence: tuple[ManagerId, ...] = ()
    """The site's managers: what a later one owns yields to what an earlier one does (D25)."""
    present: frozenset[NodeId]
    """Those in contact, of this part or not, and those whose work goes on while their agent is away (U12)."""
    silent: dict[NodeId, frozenset[InstanceId]] = {}
    """What ran on a node whose agent is away, and answers no more."""
    running: dict[NodeId, tuple[Instance, ...]]
    """What each member's beats say that it runs."""
    management: dict[str, ManagementRole]
    """The management roles for a site of this size (D3)."""
    offices: dict[str, dict[NodeId, int]]
    """To each management role the members that meet its criteria, with their weighted fitness in thousandths."""
    in_force: dict[IntentId, SetName] = {}
    """Of each intent, the set."""
    only: dict[IntentId, SetName] = {}
    """The set in force of each intent, where nothing is voted ahead; else empty."""
    refused: frozenset[IntentId] = frozenset()
    """Intents whose section of the plan in force their manager has refused: all of it is agreed on anew (D18)."""
    inherited: bool = False
    """The plan in force was made in another term, perhaps by a part that this one has just joined with (P4)."""
    newcomers: frozenset[NodeId] = frozenset()
    """Members that the plan in force was made without."""
    failing: dict[InstanceId, NodeId] = {}
    """Instances that the validator found under their floor, with the holder that it measured."""
    drained: dict[NodeId, str] = {}
    """Nodes that operators hold, with who and why: they get nothing new, and what they have moves (R4)."""

    def at_work(self, instance: InstanceId) -> list[tuple[NodeId, str]]:
        """The nodes on which an instance runs, each with its configuration's digest."""
        return [
            (node, i.digest)
            for node, running in self.running.items()
            for i in running
            if i.instance == instance and i.phase in RUNNING
        ]

    def claim(self, intent: IntentId, spec: ElementSpec) -> tuple[bool, int, int]:
        """How strong a role's claim is where a site cannot hold everything; the least is the strongest (U18, D25)."""
        ir = self.irs[intent]
        rank = self.precedence.index(ir.owner) if ir.owner in self.precedence else len(self.precedence)
        return (not spec.essential, rank, -ir.priority)
