"""Members that reach more nodes than their leader leads (L5, last sentence). Node b speaks, in the middle."""

from __future__ import annotations

from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.model import APART_FOR_MS, CALLING_FOR_MS, ROUND_MS, Standing
from skerry.core.group.election.wire import AskHandOver, Follow, FollowMe, HandOver
from skerry.core.kernel.ids import NodeId
from tests.core.group.election.test_machine import follows, voter
from tests.core.things import A, B, C, D
from tests.support.conversation import Talk, anything, at, heard, keeps, meanwhile, says, sees, until


def led_by_a(*others: NodeId) -> Talk:
    t = voter(A, *others, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything
    return t


def others_lead(leads: int, *others: NodeId) -> dict[NodeId, Standing]:
    """What b sees: a leads so many, and each of the others itself."""
    return {A: follows(1, leads=leads), **{n: follows(1, n, leads=1) for n in others}}


def test_l5_a_member_that_reaches_more_nodes_than_its_leader_leads_asks_for_a_hand_over() -> None:
    """The middle of a chain whose ends do not hear each other."""
    t = voter(A, C, D, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything
    apart = {A: follows(1, leads=2), C: follows(1, C, leads=1), D: follows(1, D, leads=1)}
    assert (
        t
        >> sees(contacts=apart)
        >> until(APART_FOR_MS - 1)
        >> until(APART_FOR_MS)
        << says(A, AskHandOver(term=1, reaches=4))
    )
    sated = voter(A, C, me=B)
    assert sated >> heard(A, FollowMe(term=1)) << anything
    assert sated >> sees(contacts={A: follows(1, leads=3), C: follows(1, C, leads=1)}) >> until(10_000)


def test_l5_the_part_of_a_new_leader_has_time_to_gather_before_a_member_asks_for_a_hand_over() -> None:
    t = voter(A, C, D, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything
    apart = {A: follows(1, leads=2), C: follows(1, C, leads=1), D: follows(1, D, leads=1)}
    assert t >> sees(contacts=apart) >> until(APART_FOR_MS - 1) >> heard(A, HandOver(term=1, to=C))
    assert t >> heard(C, FollowMe(term=2)) << keeps(FOLLOWED_KEY) << says(C, Follow(term=2, leader=C))
    taken = {A: follows(1, leads=2), C: follows(2, C, leads=1), D: follows(1, D, leads=1)}
    assert t >> sees(contacts=taken) >> until(2 * APART_FOR_MS - 2)
    assert t >> until(2 * APART_FOR_MS - 1) << says(C, AskHandOver(term=2, reaches=4))


def test_l5_members_do_not_all_ask_at_the_same_moment() -> None:
    t = led_by_a(C, D)
    assert t >> meanwhile(contacts=others_lead(2, C, D)) >> at(100, draw=ROUND_MS + 70)
    due_ms = 100 + 70 + APART_FOR_MS
    assert t.machine.next_deadline_ms() == due_ms
    assert t >> until(due_ms - 1) >> until(due_ms) << says(A, AskHandOver, reaches=4)
    again_ms = due_ms + CALLING_FOR_MS
    assert t >> until(again_ms - 1) >> at(again_ms, draw=ROUND_MS + 30) << says(A, AskHandOver, reaches=4)
    assert t.machine.next_deadline_ms() == again_ms + CALLING_FOR_MS + 30


def test_l5_the_only_member_of_a_leader_asks_too_but_not_before_that_says_that_it_leads() -> None:
    t = led_by_a(C)
    assert t >> sees(contacts=others_lead(0, C)) >> until(10 * APART_FOR_MS)
    asks_ms = t.at_ms + APART_FOR_MS
    assert t >> sees(contacts=others_lead(1, C)) >> until(asks_ms) << says(A, AskHandOver, reaches=3)
