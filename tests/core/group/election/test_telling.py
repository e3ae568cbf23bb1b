"""What a node's beats say of who leads, and at which moments it asks for itself (C2, L3, L5). Node a speaks."""

from __future__ import annotations

from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.model import (
    ASK_AGAIN_MS,
    INELIGIBLE,
    INELIGIBLE_FOR_MS,
    RANK_WAIT_MS,
    ROUND_MS,
    Standing,
)
from skerry.core.group.election.rules import preferred
from skerry.core.group.election.wire import Follow, FollowMe, HandOver, IWould, WouldYou
from tests.core.group.election.test_machine import FIRST, follows, leader, voter
from tests.core.things import A, B, C, D, E
from tests.support.conversation import anything, at, heard, keeps, meanwhile, says, sees, until


def test_c2_beats_say_the_followed_leader_and_term_the_highest_term_and_the_size_of_the_part() -> None:
    t = leader(B, C)
    before = t.machine.version
    assert t >> sees(contacts={B: follows(1), C: Standing(term=1, leader=A, highest=9)}, fit_permille=70)
    assert t.machine.standing() == Standing(term=1, leader=A, highest=9, leads=3, fit_permille=70)
    news = t.machine.version
    assert news > before
    assert t >> sees()
    assert t.machine.version == news, "nothing has changed"
    member = voter(B)
    assert member >> heard(B, FollowMe(term=2)) << anything
    assert member.machine.standing() == Standing(term=2, leader=B, highest=2, leads=0, fit_permille=0)


def test_l3_who_was_refused_asks_again_50_ms_and_its_draw_later() -> None:
    for draw, waits_ms in ((0, 0), (ASK_AGAIN_MS, ASK_AGAIN_MS), (ASK_AGAIN_MS + 1 + 7, 7)):
        t = voter(B)
        assert t >> until(FIRST) << says(B, WouldYou(round=1))
        over_ms = FIRST + ROUND_MS
        assert t.machine.next_deadline_ms() == over_ms
        assert t >> heard(B, IWould(round=1, yes=False, highest=0))
        assert t.machine.next_deadline_ms() == over_ms, "others may answer yet"
        assert t >> at(over_ms - 1) >> at(over_ms, draw=draw)
        again_ms = over_ms + ASK_AGAIN_MS + waits_ms
        assert t.machine.next_deadline_ms() == again_ms
        assert t >> at(again_ms - 1) >> until(again_ms) << says(B, WouldYou(round=2))


def test_l3_who_would_follow_somebody_stands_after_them_by_rank_and_not_with_all_others_at_once() -> None:
    b, c, d = (Standing(fit_permille=fit) for fit in (900, 800, 100))
    t = voter(b=b, c=c, d=d, fit=500)
    assert t >> at(FIRST) >> heard(B, WouldYou(round=1)) << says(B, IWould, yes=True)
    mine_ms = FIRST + ROUND_MS + 2 * RANK_WAIT_MS
    assert t.machine.next_deadline_ms() == mine_ms
    assert t >> at(mine_ms - 1) >> until(mine_ms) << says(B, WouldYou(round=1)) << anything


def test_l3_of_two_that_ask_at_once_the_one_goes_first_that_would_lead_better() -> None:
    for mine, theirs, yes in ((500, 900, True), (900, 500, False)):
        t = voter(b=Standing(fit_permille=theirs), fit=mine)
        assert t >> until(FIRST + ROUND_MS - 1) << says(B, WouldYou)
        assert t >> heard(B, WouldYou(round=1)) << says(B, IWould, yes=yes)


def test_l5_the_larger_part_goes_first_then_the_higher_term_then_the_lesser_name() -> None:
    assert preferred(3, 1, B, 2, 9, A)
    assert preferred(2, 9, B, 2, 1, A)
    assert not preferred(2, 1, A, 2, 9, B)
    assert preferred(2, 9, A, 2, 9, B)
    assert not preferred(2, 9, A, 2, 9, A)


def test_l6_a_leader_that_may_not_lead_offers_its_place_again_with_nobody_else_waking_it() -> None:
    t = leader(B)
    due_ms = t.at_ms + INELIGIBLE_FOR_MS
    assert t >> sees(contacts={B: follows(1)}, fit_permille=INELIGIBLE) << anything
    assert t >> until(due_ms - 1) << anything >> at(due_ms) << says(B, HandOver(term=1, to=B))
    assert t.machine.leadership.leader == A
    assert t.machine.next_deadline_ms() == due_ms + ROUND_MS
    assert t >> heard(B, Follow(term=1, leader=A)) << anything
    assert t.machine.next_deadline_ms() == due_ms + ROUND_MS


def test_l6_it_does_so_in_time_though_it_asks_somebody_else_to_follow_meanwhile() -> None:
    t = leader(B)
    due_ms = t.at_ms + INELIGIBLE_FOR_MS
    assert t >> sees(contacts={B: follows(1)}, fit_permille=INELIGIBLE) << anything >> until(due_ms - 100) << anything
    assert t >> sees(contacts={B: follows(1), C: follows(0)}) << says(C, FollowMe(term=1))
    assert t.machine.next_deadline_ms() == due_ms


def test_l4_a_leader_would_follow_nobody_who_asks() -> None:
    assert leader(B, C) >> heard(B, WouldYou(round=1)) << says(B, IWould, yes=False)


def test_l3_an_answer_names_the_round_that_was_asked_in_and_the_highest_term_known() -> None:
    t = voter(B, c=Standing(highest=7))
    assert t >> heard(B, WouldYou(round=5)) << says(B, IWould(round=5, yes=True, highest=7))


def test_l3_each_that_would_follow_counts_once() -> None:
    t = voter(B, C, D, E)
    yes = IWould(round=1, yes=True, highest=0)
    assert t >> until(FIRST) << anything >> heard(B, yes) >> heard(B, yes), "two of five"
    assert t >> heard(C, yes) << keeps(FOLLOWED_KEY) << anything


def test_l3_who_lost_its_leader_would_follow_one_and_in_that_round_no_other() -> None:
    t = voter(A, C, D, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything >> meanwhile(contacts={C: Standing(), D: Standing()})
    assert t >> heard(C, WouldYou(round=1)) << says(C, IWould, yes=True)
    assert t >> heard(D, WouldYou(round=1)) << says(D, IWould, yes=False)


def test_t2_a_leader_that_stood_still_has_nobody_to_hand_over_when_it_follows_another() -> None:
    t = leader(B, C)
    assert t >> meanwhile(woke_ms=60_000)
    assert t >> at(60_000, heard(B, FollowMe(term=2))) << keeps(FOLLOWED_KEY) << says(B, Follow(term=2, leader=B))
