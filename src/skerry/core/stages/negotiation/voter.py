"""A member's side of negotiation: yes or no, and what a yes holds (P2, P3, P5, G2).

A voter does not rank again. For itself it looks into its own ledger, which alone reserves; of others it knows only what
it measured itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core.kernel.effects import NOTHING, Effects, Note, Send
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import IntentId, NodeId, PlanId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import Value, digest
from skerry.core.stages.capability.model import Resources, Usage
from skerry.core.stages.negotiation.model import NO_PLAN, ROUND_MS, Assignment, No, Plan, Slot
from skerry.core.stages.negotiation.wire import Ballot, Proposal

VoterEvent = Verified[Proposal] | DeadlinePassed | Reconsider


class VoterView(Value, frozen=True, kw_only=True):
    """What the voter may know of the rest."""

    leader: NodeId | None
    term: int
    plan: Plan | None
    caps: Resources
    usage: Usage
    experience: dict[str, No]
    """What I would say against a node with a configuration, by `<node> <digest>` (P5)."""
    able: frozenset[str]
    """Digests of the configurations that I measured and that still may run here."""
    drained: str | None = None
    """Who holds this node, and why (R4)."""


@dataclass
class _Assent:
    """What I agreed to hold for one plan."""

    plan: PlanId
    until_ms: int
    slots: dict[Slot, Assignment]


@dataclass
class _Early:
    """A proposal that goes on from a plan which is not here yet."""

    peer: NodeId
    proposal: Proposal
    until_ms: int


@dataclass
class Voter:
    """One node as a member, and its ledger."""

    me: NodeId
    _assent: _Assent | None = None
    _early: _Early | None = None
    _seen: PlanId = NO_PLAN

    def step(self, given: Input[VoterEvent], view: VoterView) -> Effects:
        """Take a proposal or the passing of time."""
        self._forget(given.at_ms, view)
        match given.event:
            case Verified(statement=statement, body=Proposal() as proposal):
                return self._on_proposal(NodeId(statement.signer), proposal, given.at_ms, view)
            case DeadlinePassed() | Reconsider():
                return self._catch_up(given.at_ms, view)

    def next_deadline_ms(self) -> int | None:
        """The end of what an assent holds (I13)."""
        return self._assent.until_ms if self._assent is not None else None

    def check_invariants(self) -> None:
        """I13: an assent's hold ends; P2: it is for one plan."""
        assert self._assent is None or self._assent.plan <= self._seen, "P2: an assent for a plan that nobody proposed"

    def reserved(self, plan: Plan | None) -> Resources:
        """What this node has promised: the plan in force, and open assents beside it (P3)."""
        return _reserved(self.me, plan, self._assent.slots if self._assent is not None else {})

    def _forget(self, at_ms: int, view: VoterView) -> None:
        if self._assent is None:
            return
        committed = view.plan is not None and view.plan.id >= self._assent.plan
        if at_ms >= self._assent.until_ms or committed or view.term > self._assent.plan.term:
            self._assent = None

    def _catch_up(self, at_ms: int, view: VoterView) -> Effects:
        """By the plan of before, what the new one frees is taken (P3): an answer by that would be a no for half a
        minute. After a round nobody waits for it any more."""
        early, self._early = self._early, None
        if early is None or at_ms >= early.until_ms:
            return NOTHING
        if _is_early(early.proposal, view):
            self._early = early
            return NOTHING
        return self._on_proposal(early.peer, early.proposal, at_ms, view)

    def _on_proposal(self, peer: NodeId, proposal: Proposal, at_ms: int, view: VoterView) -> Effects:
        plan = proposal.plan
        if peer != view.leader or plan.leader != peer or plan.term != view.term or self.me not in proposal.members:
            return NOTHING  # I8: not of the leader and term in force
        if plan <= self._seen:
            return NOTHING  # one answer to each, and one deadline
        if _is_early(proposal, view):
            self._early = _Early(peer, proposal, at_ms + ROUND_MS)
            return NOTHING
        self._seen = plan
        held: dict[Slot, Assignment] = {}
        yes: list[Slot] = []
        no: dict[str, No] = {}
        for asked in proposal.asked:
            why = self._against(asked.assignment, {**held, asked.slot: asked.assignment}, view)
            if why is None:
                yes.append(asked.slot)
                if asked.assignment.holder == self.me:
                    held[asked.slot] = asked.assignment
            else:
                no[str(asked.slot)] = why
        self._assent = _Assent(plan=plan, until_ms=at_ms + proposal.hold_ms, slots=held)
        ballot = Ballot(plan=plan, members=digest(proposal.members), yes=tuple(yes), no=no)
        notes = tuple(
            Note(what="ballot.no", about=slot, data={"plan": str(plan), "why": word.reason, "evidence": word.evidence})
            for slot, word in no.items()
        )
        return Effects(send=(Send(to=peer, message=ballot),), note=notes)

    def _against(self, assignment: Assignment, with_it: dict[Slot, Assignment], view: VoterView) -> No | None:
        if assignment.holder != self.me:
            return view.experience.get(f"{assignment.holder} {assignment.digest}")
        if view.drained is not None:
            return No(reason=view.drained)
        if assignment.digest and assignment.digest not in view.able:
            return No(
                reason=f"the configuration {assignment.configuration!r} was not measured here, or may not run here"
            )
        have = view.caps - view.usage.owner
        before, after = self.reserved_with({}, view.plan), self.reserved_with(with_it, view.plan)
        overrun = _overrun(view.usage.tree - view.usage.owner, before)
        lacking = (have - overrun).lacking(after)
        return No(reason="not enough free: " + "; ".join(lacking)) if lacking and after != before else None

    def reserved_with(self, slots: dict[Slot, Assignment], plan: Plan | None) -> Resources:
        """What would be reserved with these on top of the plan in force."""
        return _reserved(self.me, plan, slots)


def _is_early(proposal: Proposal, view: VoterView) -> bool:
    return proposal.base > (view.plan.id if view.plan is not None else NO_PLAN)


def _reserved(me: NodeId, plan: Plan | None, slots: dict[Slot, Assignment]) -> Resources:
    """For each intent the larger of the needs of its sets (P3); a slot that is asked for anew counts once."""
    sums: dict[IntentId, dict[str, Resources]] = {}

    def add(intent: IntentId, name: str, resources: Resources) -> None:
        sets = sums.setdefault(intent, {})
        sets[name] = sets.get(name, Resources()) + resources

    for section in plan.sections.values() if plan is not None else ():
        for name in ("connected", "isolated"):
            for instance, assignment in (section.connected if name == "connected" else section.isolated).items():
                if assignment.holder == me and Slot(set=name, instance=instance) not in slots:
                    add(section.intent, name, assignment.resources)
    for slot, assignment in slots.items():
        if assignment.holder == me:
            add(IntentId(slot.instance.rsplit("/", 1)[0]), slot.set, assignment.resources)
    total = Resources()
    for sets in sums.values():
        total = total + sets.get("connected", Resources()).larger(sets.get("isolated", Resources()))
    return total


def _overrun(used: Resources, reserved: Resources) -> Resources:
    """What workloads take beyond what was reserved for them. Cpu is left out: who takes more of it yields it again."""
    beyond = (used - reserved).larger(Resources())
    return Resources(memory_bytes=beyond.memory_bytes, disk_bytes=beyond.disk_bytes)
