"""What a leader remembers of a proposal that is on its way, and of what was tried for a slot before (P1, P2, G2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from skerry.core.kernel.ids import InstanceId, IntentId, NodeId, PlanId
from skerry.core.stages.ir.model import SetName
from skerry.core.stages.negotiation.drafting import FAILING, SETS, Draft
from skerry.core.stages.negotiation.model import PASSING, Assignment, No, Plan, Section, Slot
from skerry.core.stages.negotiation.survey import Survey

REFUSAL_HOLDS_MS = 30_000
"""A node that said no to a slot is not asked for it again for so long."""
REFUSED_HOLDS_MS = 30_000
"""Between two tries at a section that its manager refuses."""
PATIENCE_MS = 60_000
"""How long a leader waits for members that are still measuring before it ranks without them."""


class Refusal(NamedTuple):
    """Why a node is not asked for a slot, for a while."""

    why: str
    until_ms: int
    by_vote: bool
    """Others said no; it would itself."""


def refusal(why: str, at_ms: int, *, by_vote: bool = False) -> Refusal:
    """One that holds from now on."""
    return Refusal(why, at_ms + REFUSAL_HOLDS_MS, by_vote)


def who_refused(holder: NodeId, no: Mapping[NodeId, No]) -> tuple[str, str]:
    """Of a slot that was voted down, by whom and why: the holder's own word before that of others."""
    if holder in no:
        return holder, no[holder].reason
    voter, word = min(no.items(), default=(NodeId("nobody"), No(reason="not enough would agree")))
    return voter, f"{voter} says no: {word.reason}"


@dataclass
class Memory:
    """What was tried for a slot so far."""

    refused: dict[NodeId, Refusal] = field(default_factory=dict)
    silent_rounds: int = 0
    clause: int = 0
    since_ms: int = 0
    urgent: bool = False
    """It was filled, and its holder is lost: nobody is waited for."""

    def still_refused(self, at_ms: int) -> dict[NodeId, Refusal]:
        """Who is not asked now; the others are forgotten."""
        self.refused = {node: one for node, one in self.refused.items() if one.until_ms > at_ms}
        return self.refused


def once_filled(slot: Slot, survey: Survey, at_ms: int) -> dict[Slot, Memory]:
    """What is remembered of a slot that has just been given to somebody: who was measured under the floor in it
    (interleaving 51). Of who takes over something bad may be remembered, too (P5): the role would go back with the next
    measurement, and come again with the one after."""
    failing = survey.failing.get(slot.instance)
    return {slot: Memory(refused={failing: refusal(FAILING, at_ms)}, since_ms=at_ms)} if failing is not None else {}


@dataclass
class Round:
    """One proposal on its way."""

    plan: PlanId
    members: tuple[NodeId, ...]
    until_ms: int
    draft: Draft
    asked: dict[Slot, tuple[IntentId, Assignment]]
    yes: dict[Slot, set[NodeId]] = field(default_factory=dict)
    no: dict[Slot, dict[NodeId, No]] = field(default_factory=dict)


def agreed(sections: dict[IntentId, Section], won: Mapping[Slot, str], plan: PlanId) -> dict[IntentId, Section]:
    """Write into each newly won assignment how and by which plan it was agreed."""

    def stamped(name: SetName, assignments: Mapping[InstanceId, Assignment]) -> dict[InstanceId, Assignment]:
        found: dict[InstanceId, Assignment] = {}
        for instance, assignment in assignments.items():
            how = won.get(Slot(set=name, instance=instance))
            found[instance] = assignment.agreed_by(how, plan) if how is not None else assignment
        return found

    return {
        intent: section.with_sets(stamped("connected", section.connected), stamped("isolated", section.isolated))
        for intent, section in sections.items()
    }


def is_news(sections: Mapping[IntentId, Section], plan: Plan | None, survey: Survey) -> bool:
    """Whether what was drafted is committed: it is another plan than the one in force, or somebody has to be told it by
    one that counts them among its members (X8)."""
    old = plan.sections if plan is not None else {}
    return substance(sections) != substance(old) or _to_be_told(sections, survey)


def _to_be_told(sections: Mapping[IntentId, Section], survey: Survey) -> bool:
    """A member that the plan in force was made without goes on with exclusive work without a quorum, though it is
    somebody else's: only a plan of its own leader's that counts it ends that (P1)."""
    alone = {(i.instance, node) for node in survey.newcomers for i in survey.running.get(node, ()) if i.surrendered}
    given = {a.instance: a.holder for s in sections.values() for name in SETS for a in s.of(name).values()}
    return any(given.get(instance, node) != node for instance, node in alone)


def substance(sections: Mapping[IntentId, Section]) -> dict[IntentId, object]:
    """What makes a plan another plan: who does what, and which slots are open, for the moment or to stay so, of which
    generation. Not the reasons in full: they have figures in them, which change all the time."""
    return {
        intent: (section.generation, section.connected, section.isolated, _open_slots(section))
        for intent, section in sections.items()
    }


def _open_slots(section: Section) -> dict[str, list[str]]:
    """Of each open slot the reasons that will pass; one that is open for a lack that lasts has none."""
    return {slot: [reason for reason in PASSING if reason in why] for slot, why in section.unfilled.items()}
