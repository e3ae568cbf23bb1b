"""Leaders that meet others, and follows that count for nothing (L1-L6, J1). Node a speaks; it leads b and c in term 1
unless a test says otherwise."""

from __future__ import annotations

import pytest

from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.model import (
    CALLING_FOR_MS,
    INELIGIBLE,
    INELIGIBLE_FOR_MS,
    REFUSED_MAX,
    ROUND_MS,
    Standing,
)
from skerry.core.group.election.wire import AskHandOver, Follow, FollowMe, HandOver, IWould, WouldYou
from skerry.core.kernel.ids import LifeId
from tests.core.group.election.test_machine import ALL_HEAR, FIRST, follows, leader, voter
from tests.core.things import A, B, C, D, E
from tests.support.conversation import Talk, anything, at, heard, keeps, meanwhile, says, sees, until

LED = {B: follows(1), C: follows(1)}
CALM = FIRST + CALLING_FOR_MS
"""From then on a leader has called for long enough."""


def settled(*, at_ms: int = CALM) -> Talk:
    """A leader of b and c, some time after it was followed."""
    t = leader(B, C)
    assert t >> until(at_ms) << anything
    return t


# --- calling ----------------------------------------------------------------------------------------------------------


def test_l5_a_leader_calls_again_a_round_after_its_last_call_and_not_before() -> None:
    t = leader(B, C)
    assert t >> at(FIRST + 100) >> sees(contacts={**LED, D: follows(6, D, leads=1)}) >> until(FIRST + ROUND_MS - 1)
    assert t >> until(FIRST + ROUND_MS) << keeps(FOLLOWED_KEY) << anything
    assert t.machine.followed == Follow(term=7, leader=A)


@pytest.mark.parametrize(
    "met",
    [
        {E: follows(0, D), D: follows(1, D, leads=1)},
        {E: follows(0, D), D: follows(1, D, leads=3)},  # as many as a leads: by name
    ],
    ids=["with fewer", "with as many"],
)
def test_l5_a_leader_that_should_yield_is_met_with_a_higher_term_also_after_others_that_are_behind(met) -> None:
    t = settled()
    assert t >> sees(contacts={**met, **LED}) << keeps(FOLLOWED_KEY) << anything
    assert t.machine.followed == Follow(term=2, leader=A)


@pytest.mark.parametrize(
    "standing", [follows(1, D, leads=2), follows(1, E, leads=0)], ids=["it follows", "it is alone"]
)
def test_l5_no_term_is_called_because_of_who_leads_nobody(standing) -> None:
    t = settled()
    assert t >> sees(contacts={**LED, E: standing})


def test_p4_a_leader_calls_a_term_for_a_plan_above_it_also_when_it_meets_who_should_yield() -> None:
    for met in (follows(0, D, leads=1), follows(1, D, leads=3), follows(0, E, leads=9)):
        t = settled()
        assert t >> sees(contacts={**LED, D: met}, plan=(1, D)) << keeps(FOLLOWED_KEY) << anything


def test_p4_a_leader_goes_on_from_its_own_plan_in_its_own_term() -> None:
    assert settled() >> sees(plan=(1, A))


# --- asking for follows -----------------------------------------------------------------------------------------------


def test_l3_for_a_while_after_a_call_all_who_are_behind_are_asked_once_a_round() -> None:
    t = leader(B, C)
    assert t >> sees(contacts={**LED, D: follows(0, E), E: follows(6, D)})
    for now_ms in range(FIRST + ROUND_MS, CALM, ROUND_MS):
        assert t >> until(now_ms) << says(D, FollowMe(term=1))
    assert t >> until(CALM + 10 * ROUND_MS)


def test_l5_later_only_a_leader_that_should_yield_is_asked() -> None:
    for met in (follows(0, D, leads=1), follows(0, D, leads=3)):
        t = settled()
        assert t >> sees(contacts={**LED, D: met}) << says(D, FollowMe(term=1))
    t = settled()
    assert t >> sees(contacts={**LED, D: follows(0, D, leads=4), E: follows(0, D)}) >> until(CALM + 10 * ROUND_MS)
    assert t >> sees(contacts={**LED, E: follows(1, D)}) >> until(CALM + 20 * ROUND_MS)


def test_l2_who_says_that_it_follows_is_asked_once_a_round_for_the_follow_that_never_came() -> None:
    t = settled()
    assert t >> sees(contacts={**LED, D: follows(1, A)}) << says(D, FollowMe(term=1))
    assert t >> until(CALM + ROUND_MS) << says(D, FollowMe(term=1))


def test_l2_follows_of_other_terms_or_leaders_make_nobody_a_member() -> None:
    t = settled()
    assert t >> meanwhile(contacts={**LED, D: Standing(), E: follows(1, B)})
    assert t >> heard(D, Follow(term=9, leader=A)) << anything >> heard(E, Follow(term=1, leader=B)) << anything
    assert t.machine.leadership.part == {A, B, C}


# --- who counts -------------------------------------------------------------------------------------------------------


def test_l2_whose_disk_has_gone_back_is_no_member_before_it_has_followed_again() -> None:
    """Interleaving 9: in a later life it may not know what it followed."""
    t = settled()
    forgot = {**LED, B: Standing()}
    assert t >> sees(lives={B: LifeId("b1")}, contacts=forgot)
    assert t.machine.leadership.part == {A, B, C}, "the same life: its beat is older than its follow"
    assert t >> sees(lives={B: LifeId("b2")})
    assert t.machine.leadership.part == {A, C}
    assert t >> sees() << says(B, FollowMe(term=1))
    assert t >> sees(contacts=LED)
    assert t.machine.leadership.part == {A, B, C}, "it does know"


def test_j1_what_a_node_followed_that_wrote_two_journals_in_a_life_counts_for_nothing() -> None:
    t = voter(B, kept=Follow(term=4, leader=B))
    assert (
        t >> meanwhile(contacts={B: follows(4, B)}) >> heard(B, FollowMe(term=4)) << says(B, Follow(term=4, leader=B))
    )
    t.machine.void_term = 4
    assert t >> heard(B, FollowMe(term=4))
    assert t.machine.leadership.leader is None
    assert t >> heard(B, FollowMe(term=5)) << keeps(FOLLOWED_KEY) << says(B, Follow(term=5, leader=B))


@pytest.mark.parametrize(
    ("beat", "led_by"),
    [
        (follows(2, A), A),  # it has called a higher term, and is about to ask
        (Standing(term=1, highest=1), A),  # it has gone nowhere
        (Standing(term=2, highest=2), None),
    ],
    ids=["called again", "same term", "gone"],
)
def test_l4_a_leader_is_followed_until_it_follows_another_in_a_later_term(beat, led_by) -> None:
    t = voter(A, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything >> sees(contacts={A: beat})
    assert t.machine.leadership.leader == led_by


def test_l4_a_leader_whose_disk_has_gone_back_leads_nobody_who_followed_it_before() -> None:
    """Interleaving 9: in a later life it may not know that it led, and follow another in a term that is gone by."""
    t = voter(A, C, me=B)
    assert t >> heard(A, FollowMe(term=7)) << anything
    forgot = {A: follows(6, C), C: follows(6, C, leads=2)}
    assert t >> sees(lives={A: LifeId("a1"), C: LifeId("c1")}, contacts=forgot)
    assert t.machine.leadership.leader == A, "the same life: its beat is older than its call"
    assert t >> sees(lives={A: LifeId("a2"), C: LifeId("c1")}) << anything
    assert t.machine.leadership.leader is None
    assert t >> heard(C, FollowMe(term=8)) << keeps(FOLLOWED_KEY) << says(C, Follow(term=8, leader=C))


def test_l4_nor_if_it_has_come_to_the_same_term_again_behind_another() -> None:
    t = voter(A, C, me=B)
    assert t >> heard(A, FollowMe(term=7)) << anything
    assert t >> sees(lives={A: LifeId("a2")}, contacts={A: follows(7, C), C: follows(7, C, leads=2)}) << anything
    assert t.machine.leadership.leader is None


def test_l4_nor_who_followed_it_in_an_earlier_run() -> None:
    t = voter(me=B, a=follows(7), kept=Follow(term=7, leader=A))
    assert t >> sees(lives={A: LifeId("a2")})
    assert t.machine.leadership.leader == A, "it knows"
    assert t >> sees(contacts={A: Standing(term=3, highest=7)})
    assert t.machine.leadership.leader is None


def test_l4_a_leader_that_has_started_anew_is_followed_while_it_knows_that_it_led() -> None:
    t = voter(A, me=B)
    assert t >> heard(A, FollowMe(term=7)) << anything
    assert t >> sees(lives={A: LifeId("a2")}, contacts={A: Standing(term=7, highest=7)})
    assert t.machine.leadership.leader == A


def test_l4_who_has_gone_to_a_later_term_since_it_asked_is_not_followed() -> None:
    t = voter(c=follows(5, D))
    assert t >> heard(C, FollowMe(term=4))
    assert t >> heard(C, FollowMe(term=5)) << keeps(FOLLOWED_KEY) << says(C, Follow(term=5, leader=C))


# --- handing over -----------------------------------------------------------------------------------------------------


def test_l5_only_the_leader_of_the_term_that_is_meant_is_asked_for_a_hand_over() -> None:
    t = settled()
    assert t >> heard(B, AskHandOver(term=0, reaches=9)) >> heard(B, AskHandOver(term=2, reaches=9))
    offer = HandOver(term=1, to=B)
    assert t >> heard(B, AskHandOver(term=1, reaches=9)) << says(B, offer) << says(C, offer)
    (note,) = t.said.note
    assert note.data == {"why": "a member reaches more nodes", "term": 1}
    member = voter(B, C)
    assert (
        member >> heard(B, FollowMe(term=1)) << anything >> sees(contacts={B: follows(1, B, leads=2), C: follows(1, B)})
    )
    assert member >> heard(C, AskHandOver(term=1, to=C)) >> until(FIRST)


def test_l6_a_leader_that_may_not_lead_offers_its_place_once_a_round_and_looks_as_often_for_somebody() -> None:
    t = settled()
    nobody = {n: follows(1, fit=INELIGIBLE) for n in (B, C)}
    assert t >> sees(contacts=nobody, fit_permille=INELIGIBLE) >> until(CALM + INELIGIBLE_FOR_MS)
    offered_ms = CALM + INELIGIBLE_FOR_MS + ROUND_MS
    offer = HandOver(term=1, to=C)
    assert t >> meanwhile(contacts={**nobody, C: follows(1, fit=7)}, hears=ALL_HEAR) >> until(offered_ms - 1)
    assert t >> until(offered_ms) << says(B, offer) << says(C, offer)
    (note,) = t.said.note
    assert note.data == {"why": "not eligible for 5 s", "term": 1}
    assert t >> at(offered_ms + 100) >> until(offered_ms + ROUND_MS - 1)
    assert t >> until(offered_ms + ROUND_MS) << says(B, offer) << says(C, offer)


def test_l6_whom_it_was_handed_to_leads_at_once_also_in_the_moment_in_which_it_wakes() -> None:
    t = voter(A, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything >> meanwhile(contacts={A: follows(1)}, woke_ms=60_000)
    assert t >> at(60_000, heard(A, HandOver(term=1, to=B))) << keeps(FOLLOWED_KEY) << says(A, FollowMe(term=2))
    assert t.machine.leadership.leader == B


def test_l3_a_leader_that_wakes_asks_as_often_as_after_a_start_before_it_leads_itself() -> None:
    t = voter(B)
    assert t >> until(3 * FIRST) << anything
    first = [s.message for s in t.said.send if isinstance(s.message, WouldYou)]
    assert t.machine.leadership.leader == A
    assert t >> meanwhile(woke_ms=60_000) >> at(60_000) >> until(60_000 + 3 * FIRST) << anything
    again = [s.message for s in t.said.send if isinstance(s.message, WouldYou)]
    assert len(again) == len(first)
    assert t.machine.leadership.leader == A


def test_l3_so_does_one_that_stood_still_in_the_moment_in_which_it_was_about_to_lead() -> None:
    t = voter(B)
    assert t >> until(FIRST) << says(B, WouldYou)
    assert t >> heard(B, IWould(round=1, yes=True, highest=0)) << keeps(FOLLOWED_KEY) << anything
    assert t >> meanwhile(woke_ms=60_000) >> at(60_000) >> until(60_000 + 3 * FIRST) << anything
    again = [s.message for s in t.said.send if isinstance(s.message, WouldYou)]
    assert len(again) == REFUSED_MAX
