"""Members that reach more nodes than their leader leads (L5, last sentence). Node b speaks, in the middle of a chain."""

from __future__ import annotations

from skerry.core.group.election.model import APART_FOR_MS, ROUND_MS, Standing
from skerry.core.group.election.wire import AskHandOver, FollowMe
from skerry.core.kernel.ids import NodeId
from tests.core.group.election.test_machine import follows, voter
from tests.core.things import A, B, C, D
from tests.support.conversation import Talk, anything, at, heard, meanwhile, says, sees, until


def led_by_a(*others: NodeId) -> Talk:
    t = voter(A, *others, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything
    return t


def others_lead(leads: int, *others: NodeId) -> dict[NodeId, Standing]:
    """What b sees: a leads so many, and each of the others itself."""
    return {A: follows(1, leads=leads), **{n: follows(1, n, leads=1) for n in others}}


def test_l5_members_do_not_all_ask_at_the_same_moment() -> None:
    t = led_by_a(C, D)
    assert t >> meanwhile(contacts=others_lead(2, C, D)) >> at(100, draw=ROUND_MS + 70)
    due_ms = 100 + 70 + APART_FOR_MS
    assert t.machine.next_deadline_ms() == due_ms
    assert t >> until(due_ms - 1) >> until(due_ms) << says(A, AskHandOver, reaches=4)
    again_ms = due_ms + 1 + APART_FOR_MS
    assert t >> at(due_ms + 1) >> until(again_ms - 1) >> until(again_ms) << says(A, AskHandOver, reaches=4)


def test_l5_the_only_member_of_a_leader_asks_too_but_not_before_that_says_that_it_leads() -> None:
    t = led_by_a(C)
    assert t >> sees(contacts=others_lead(0, C)) >> until(10 * APART_FOR_MS)
    asks_ms = t.at_ms + APART_FOR_MS
    assert t >> sees(contacts=others_lead(1, C)) >> until(asks_ms) << says(A, AskHandOver, reaches=3)
