"""Who yields where a site cannot hold everything: by what is essential, by manager, by priority (U18, D25)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.kernel.ids import IntentId, ManagerId
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.negotiation.machine import Chair
from skerry.core.stages.proposal.model import Member
from tests.core.stages.negotiation.test_machine import keep_plan, proposed, view
from tests.core.things import HQ, SHOP, A, assigned, element, fit, instance, ir, measured, mib, plan
from tests.support.conversation import Talk, anything, sees, talk

BRANCH = ManagerId("branch")
NOTES = IntentId("branch/notes")


def contended(weaker: IntermediateRepresentation, stronger: IntermediateRepresentation) -> Talk:
    """Node a alone, with 1,000 MiB; the weaker has 600 of them in both sets, and the stronger wants 600."""
    there = assigned(A, resources=mib(600), intent=weaker.intent)
    present = plan(there, isolated=(there,), intent=weaker.intent)
    able = Member(
        fit=fit(A, {"store": (measured(ops=300),)}, intent=weaker.intent, more=stronger.intent), free=mib(1_000)
    )
    t = talk(
        Chair(me=A),
        view(weaker, stronger, known={A: able}, members=(A,), plan=present, precedence=(HQ, BRANCH)),
        follow=keep_plan,
    )
    assert t >> sees() << anything
    return t


def wish(intent: IntentId = SHOP, **fields: Any) -> IntermediateRepresentation:
    role = element("store", resources=mib(600), essential=fields.pop("essential", True))
    return ir(role, isolated=(role,), intent=intent, **fields)


OTHER = IntentId("hq/other")
YIELDS = {
    "a guest's essential role to the home manager's": (wish(NOTES), wish(SHOP)),
    "a guest's to the home manager's, whatever priority it has": (wish(NOTES, priority=1_000), wish(SHOP, priority=0)),
    "what is not essential to a guest's essential role": (wish(SHOP, essential=False), wish(NOTES)),
    "the lower priority of one manager": (wish(SHOP, priority=10), wish(OTHER, priority=11)),
}
STAYS = {
    "the home manager's essential role from a guest's": (wish(SHOP), wish(NOTES, priority=1_000)),
    "what is essential from what is not": (wish(NOTES), wish(SHOP, essential=False)),
    "the higher priority of one manager": (wish(SHOP, priority=11), wish(OTHER, priority=10)),
    "of two that are alike the one that runs": (wish(SHOP), wish(OTHER)),
}


@pytest.mark.parametrize(("weaker", "stronger"), YIELDS.values(), ids=YIELDS)
def test_d25_what_has_the_weaker_claim_yields_with_both_its_sets(weaker, stronger) -> None:
    t = contended(weaker, stronger)
    (made, *_) = [p.value for p in t.said.publish]
    room = f"makes room for {stronger.intent}/store#1"
    assert dict.fromkeys(made.sections[weaker.intent].unfilled, room) == made.sections[weaker.intent].unfilled
    assert len(made.sections[weaker.intent].unfilled) == 2
    asked = proposed(t)
    assert asked is not None and {slot.instance for slot in asked} == {instance(intent=stronger.intent)}


@pytest.mark.parametrize(("present", "wanted"), STAYS.values(), ids=STAYS)
def test_d25_what_has_the_stronger_claim_stays(present, wanted) -> None:
    t = contended(present, wanted)
    made = t.view.plan
    assert {a.holder for a in made.sections[present.intent].connected.values()} == {A}
    assert "memory" in str(made.sections[wanted.intent].unfilled)
