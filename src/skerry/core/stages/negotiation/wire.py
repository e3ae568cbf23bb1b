"""Proposal and ballot (G1, P2). The commit is the plan itself, which travels as a signed document."""

from __future__ import annotations

from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.values import Value
from skerry.core.stages.negotiation.model import NO_PLAN, Assignment, No, Slot


class Proposed(Value, frozen=True, kw_only=True, array_like=True):
    """One assignment that is asked for."""

    slot: Slot
    assignment: Assignment


class Proposal(Value, frozen=True, kw_only=True, tag="proposal"):
    """From a leader to each member of its part."""

    plan: PlanId
    members: tuple[NodeId, ...]
    asked: tuple[Proposed, ...]
    hold_ms: int
    """How long an assent holds resources if no commit comes (P2, I13)."""
    base: PlanId = NO_PLAN
    """The plan that this goes on from. It is on its way by itself, and may be overtaken."""


class Ballot(Value, frozen=True, kw_only=True, tag="ballot"):
    """A member's word on all that one proposal asks."""

    plan: PlanId
    members: str
    """Digest of the members that the proposal named."""
    yes: tuple[Slot, ...]
    no: dict[str, No]
    """By `str(Slot)`."""


NegotiationMessage = Proposal | Ballot
