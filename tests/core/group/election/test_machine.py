"""Who leads, as one node decides it (L1-L6, I1). Node a speaks unless a test says otherwise."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from skerry.core.group.election.machine import FOLLOWED_KEY, Election
from skerry.core.group.election.model import (
    CALLING_FOR_MS,
    INELIGIBLE,
    INELIGIBLE_FOR_MS,
    RANK_WAIT_MS,
    REFUSED_MAX,
    ROUND_MS,
    START_WAIT_MS,
    TERM_STEP,
    ElectionView,
    Standing,
)
from skerry.core.group.election.wire import AskHandOver, Follow, FollowMe, HandOver, IWould, WouldYou
from skerry.core.kernel.effects import Put
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import WHOLE_MAX, decode, encode
from tests.core.things import A, B, C, D, E
from tests.support.conversation import Talk, anything, at, heard, keeps, meanwhile, notes, says, sees, talk, until

FIRST = START_WAIT_MS
ALL_HEAR = {A: (B, C), B: (A, C), C: (A, B)}


def voter(*others: NodeId, me: NodeId = A, fit: int = 0, kept: Follow | None = None, **known: Standing) -> Talk:
    """A node that starts now, in contact with these; what a beat says is given by name."""
    contacts = {n: Standing() for n in others} | {NodeId(n): s for n, s in known.items()}
    machine = Election.recover(me, encode(kept) if kept is not None else None, 0)
    t = talk(machine, ElectionView(contacts=contacts, fit_permille=fit))
    assert t >> sees()
    return t


def follows(term: int, leader: NodeId = A, leads: int = 0, fit: int = 0) -> Standing:
    return Standing(term=term, leader=leader, highest=term, leads=leads, fit_permille=fit)


def leader(*part: NodeId, term: int = 1) -> Talk:
    """Node a, leading these in a term."""
    t = voter(*part, kept=Follow(term=term - 1, leader=B) if term > 1 else None)
    assert t >> at(FIRST) << anything
    for peer in part:
        assert t >> heard(peer, IWould(round=1, yes=True, highest=term - 1)) << anything
    for peer in part:
        assert t >> heard(peer, Follow(term=term, leader=A)) << anything
    assert t >> sees(contacts={n: follows(term) for n in part}) << anything
    assert t.machine.leadership.part == {A, *part}
    assert t.machine.leadership.term == term
    return t


LAST_TERM = WHOLE_MAX


def test_l3_a_member_that_claims_the_last_term_leaves_terms_to_call() -> None:
    t = voter(B, C)
    liar = Standing(term=LAST_TERM, highest=LAST_TERM)
    assert t >> sees(contacts={B: liar, C: Standing()})
    assert t >> at(FIRST) << says(B, WouldYou) << says(C, WouldYou)
    assert t >> heard(B, IWould(round=1, yes=True, highest=LAST_TERM)) << keeps(FOLLOWED_KEY) << anything
    assert t.machine.leadership.term < LAST_TERM // 1_000_000


def test_l3_nobody_is_followed_in_a_term_far_above_all_that_is_known_before_that_was_heard_again() -> None:
    ahead = TERM_STEP + 5
    t = voter(B, C)
    assert t >> heard(B, FollowMe(term=ahead))
    assert t.machine.followed is None
    assert t >> heard(B, FollowMe(term=ahead)) << keeps(FOLLOWED_KEY) << says(B, Follow(term=ahead, leader=B))


def test_l5_a_leader_calls_no_term_because_of_one_that_is_not_believed() -> None:
    t = leader(B, C)
    lost = Standing(term=LAST_TERM, highest=LAST_TERM)
    assert t >> until(FIRST + 10 * ROUND_MS) << anything
    term = t.machine.leadership.term
    assert t >> sees(contacts={B: lost, C: follows(term)}) << anything
    assert t >> until(FIRST + 20 * ROUND_MS) << anything
    assert t.machine.leadership.term == term


def test_t2_a_leader_that_stood_still_leads_nobody_and_listens_before_it_stands() -> None:
    t = leader(B, C)
    assert t >> at(60_000) >> sees(woke_ms=60_000)
    assert (t.machine.leadership.leader, t.machine.leadership.part) == (None, frozenset())
    assert t >> until(60_000 + START_WAIT_MS - 1)
    assert t >> until(60_000 + START_WAIT_MS) << says(B, WouldYou) << says(C, WouldYou)


def test_t2_what_followed_meanwhile_is_followed_by_it_too() -> None:
    t = leader(B, C)
    assert t >> at(60_000) >> sees(woke_ms=60_000, contacts={B: follows(2, B, leads=2), C: follows(2, B)})
    assert t >> at(60_100) >> heard(B, FollowMe(term=2)) << keeps(FOLLOWED_KEY) << says(B, Follow(term=2, leader=B))
    assert t.machine.leadership.leader == B


# --- standing ---------------------------------------------------------------------------------------------------------


def test_i11_a_node_alone_leads_itself_with_its_follow_on_disk() -> None:
    t = voter()
    assert t >> until(FIRST - 1) >> until(FIRST) << keeps(FOLLOWED_KEY) << notes("leader.followed", A, term=1)
    assert t.machine.leadership.part == {A}


def test_l3_a_node_asks_before_it_persists_anything() -> None:
    assert voter(B, C) >> until(FIRST) << says(B, WouldYou(round=1)) << says(C, WouldYou(round=1))


def test_l3_with_more_than_half_of_those_in_contact_it_takes_the_term_above_the_highest_known() -> None:
    t = voter(B, C)
    assert (
        t
        >> until(FIRST)
        << anything
        >> heard(B, IWould(round=1, yes=True, highest=7))
        << keeps(FOLLOWED_KEY)
        << says(B, FollowMe(term=8))
        << says(C, FollowMe(term=8))
    )


def test_l3_who_does_not_follow_is_asked_again_once_a_round_is_over() -> None:
    t = voter(B, C)
    assert t >> until(FIRST) << anything >> heard(B, IWould(round=1, yes=True, highest=0)) << anything
    assert t.machine.next_deadline_ms() == FIRST + ROUND_MS
    assert t >> heard(B, Follow(term=1, leader=A)) >> sees(contacts={B: follows(1), C: Standing()})
    assert t >> until(FIRST + ROUND_MS) << says(C, FollowMe(term=1))


def test_l3_half_is_not_more_than_half() -> None:
    t = voter(B, C, D)
    assert t >> until(FIRST) << anything >> heard(B, IWould(round=1, yes=True, highest=0))


def test_l3_a_no_and_an_answer_to_an_earlier_round_do_not_count() -> None:
    t = voter(B, C)
    assert t >> until(FIRST) << anything >> heard(B, IWould(round=1, yes=False, highest=0))
    assert t >> heard(C, IWould(round=0, yes=True, highest=0))


def test_l3_a_worse_rank_waits_longer() -> None:
    t = voter(me=C, a=Standing(fit_permille=900), b=Standing(fit_permille=500), d=Standing(fit_permille=100), fit=300)
    assert t >> until(FIRST + 2 * RANK_WAIT_MS - 1) >> until(FIRST + 2 * RANK_WAIT_MS) << anything
    assert [s.to for s in t.said.send] == [A, B, D]


def test_l3_the_rank_is_that_among_those_who_are_there_when_it_would_stand() -> None:
    """At a start nobody is in contact yet; whoever ranked itself first then would ask at the same moment as all."""
    t = voter(me=C, fit=300)
    assert t >> at(100) >> sees(contacts={A: Standing(fit_permille=900), B: Standing(fit_permille=500)})
    assert t >> until(FIRST + 2 * RANK_WAIT_MS - 1) >> until(FIRST + 2 * RANK_WAIT_MS) << anything
    assert [s.to for s in t.said.send] == [A, B]


def test_l3_without_an_answer_it_asks_again_and_in_the_end_leads_itself() -> None:
    t = voter(B)
    assert t >> until(FIRST + REFUSED_MAX * (ROUND_MS + 50)) << anything << notes("leader.followed", A, term=1)
    assert [s.message.round for s in t.said.send if isinstance(s.message, WouldYou)] == list(range(1, REFUSED_MAX + 1))


def test_l3_no_duel_who_would_follow_one_would_not_follow_another_in_the_same_round() -> None:
    t = voter(A, B, me=C)
    assert t >> at(FIRST, heard(B, WouldYou(round=1))) << says(B, IWould, yes=True)
    assert t >> at(FIRST + 1, heard(A, WouldYou(round=1))) << says(A, IWould, yes=False)
    assert t >> at(FIRST + 1, heard(B, WouldYou(round=2))) << says(B, IWould, yes=True)
    assert t >> at(FIRST + 1 + ROUND_MS, heard(A, WouldYou(round=2))) << anything
    assert t.said.send[0].message.yes is True


def test_l3_of_two_that_ask_at_once_the_better_one_goes_first() -> None:
    worse = voter(A, me=B)
    assert (
        worse
        >> until(FIRST + RANK_WAIT_MS)
        << says(A, WouldYou)
        >> heard(A, WouldYou(round=1))
        << says(A, IWould, yes=True)
    )
    assert worse >> heard(A, IWould(round=1, yes=True, highest=0))  # its own asking is over
    better = voter(B, me=A)
    assert better >> until(FIRST) << says(B, WouldYou) >> heard(B, WouldYou(round=1)) << says(B, IWould, yes=False)


def test_l7_who_may_not_lead_is_not_followed_while_another_may_and_does_not_stand() -> None:
    t = voter(me=C, a=Standing(fit_permille=INELIGIBLE), b=Standing(fit_permille=10))
    assert t >> at(FIRST, heard(A, WouldYou(round=1))) << says(A, IWould, yes=False)
    shy = voter(B, fit=INELIGIBLE)
    assert shy >> until(FIRST + RANK_WAIT_MS + REFUSED_MAX * ROUND_MS - 1)


def test_i11_who_may_not_lead_leads_itself_if_nobody_comes_for_it() -> None:
    shy = voter(b=follows(3, leader=C), fit=INELIGIBLE)  # b may lead, and follows c, whom a does not hear
    assert (
        shy >> until(FIRST + RANK_WAIT_MS + REFUSED_MAX * (ROUND_MS + RANK_WAIT_MS)) << keeps(FOLLOWED_KEY) << anything
    )
    assert shy.machine.leadership.leader == A


def test_l7_where_nobody_may_lead_somebody_leads_all_the_same() -> None:
    t = voter(b=Standing(fit_permille=INELIGIBLE), fit=INELIGIBLE)
    assert t >> until(FIRST + ROUND_MS) << says(B, WouldYou) << anything


# --- following --------------------------------------------------------------------------------------------------------


def test_l1_a_follow_is_on_disk_when_it_leaves() -> None:
    t = voter(B)
    assert t >> heard(B, FollowMe(term=4)) << keeps(FOLLOWED_KEY) << says(B, Follow(term=4, leader=B))
    put = t.said.persist[0]
    assert isinstance(put, Put)
    assert decode(put.value, Follow) == Follow(term=4, leader=B)


def test_l1_nobody_is_followed_twice_in_a_term_and_the_one_follow_is_repeated() -> None:
    t = voter(B, C)
    assert t >> heard(B, FollowMe(term=4)) << anything
    assert t >> heard(C, FollowMe(term=4)) >> heard(C, FollowMe(term=3))
    assert t >> heard(B, FollowMe(term=4)) << says(B, Follow(term=4, leader=B))


def test_l1_after_a_restart_the_follow_on_disk_still_counts() -> None:
    t = voter(B, C, kept=Follow(term=4, leader=B))
    assert t >> heard(C, FollowMe(term=4)) >> heard(B, FollowMe(term=4)) << says(B, Follow(term=4, leader=B))


def test_l2_a_follow_of_myself_from_an_earlier_run_is_no_leadership() -> None:
    t = voter(kept=Follow(term=4, leader=A))
    assert t >> at(10)
    assert t.machine.leadership.leader is None
    assert t >> until(FIRST) << keeps(FOLLOWED_KEY) << notes("leader.followed", A, term=5)


def test_l2_after_a_restart_the_leader_on_disk_is_followed_again_as_soon_as_it_is_in_contact() -> None:
    t = voter(b=follows(4, B), kept=Follow(term=4, leader=B))
    assert t >> at(10)
    assert t.machine.leadership.leader == B


def test_l4_who_hears_its_leader_follows_nobody_else() -> None:
    t = voter(A, C, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything >> meanwhile(contacts={A: follows(1), C: Standing()})
    assert t >> heard(C, FollowMe(term=5)) >> heard(C, WouldYou(round=1)) << says(C, IWould, yes=False)
    assert t.machine.leadership.leader == A


def test_l4_who_lost_its_leader_follows_whoever_asks() -> None:
    t = voter(A, C, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything >> meanwhile(contacts={C: Standing()})
    assert t >> heard(C, FollowMe(term=2)) << keeps(FOLLOWED_KEY) << says(C, Follow(term=2, leader=C))


def test_l4_it_goes_where_its_leader_went() -> None:
    t = voter(A, C, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything
    assert t >> meanwhile(contacts={A: Standing(term=2, leader=C, highest=2), C: follows(2, C, leads=2)})
    assert t >> heard(C, FollowMe(term=2)) << keeps(FOLLOWED_KEY) << says(C, Follow(term=2, leader=C))


def test_l4_it_goes_where_its_leader_hands_it_over_to() -> None:
    t = voter(A, C, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything >> meanwhile(contacts={A: follows(1), C: Standing()})
    assert t >> heard(C, HandOver(term=1, to=C))  # not its leader's word
    assert t >> heard(A, HandOver(term=0, to=C)) >> heard(C, FollowMe(term=2))  # of another term
    assert t >> heard(A, HandOver(term=1, to=C)) >> heard(C, FollowMe(term=3)) << anything
    assert t.machine.followed == Follow(term=3, leader=C)


def test_i8_who_is_not_in_contact_is_neither_answered_nor_followed() -> None:
    t = voter(B)
    assert t >> heard(C, FollowMe(term=9)) >> heard(C, WouldYou(round=1)) >> heard(C, HandOver(term=0, to=A))
    assert t.machine.followed is None
    assert t.machine.highest == 0


# --- leading ----------------------------------------------------------------------------------------------------------


def test_l2_a_leader_leads_exactly_those_whose_follow_of_its_term_it_holds() -> None:
    t = leader(B, C)
    assert t >> heard(D, Follow(term=9, leader=A)) >> heard(E, Follow(term=1, leader=B)) << anything
    assert t.machine.leadership.part == {A, B, C}


def test_l6_a_member_out_of_contact_is_dropped_at_once_and_the_leader_stays() -> None:
    t = leader(B, C)
    assert t >> sees(contacts={B: follows(1)}) << anything
    assert (t.machine.leadership.leader, t.machine.leadership.part) == (A, {A, B})


def test_l2_who_still_follows_a_term_that_its_leader_has_left_is_asked_again_however_late() -> None:
    t = leader(B)
    assert t >> until(60_000) << anything
    assert t >> sees(contacts={B: follows(1), C: follows(0)}) << says(C, FollowMe(term=1))


def test_l5_the_leader_of_the_larger_part_calls_a_term_above_both() -> None:
    t = leader(B, C)
    with_d = {B: follows(1), C: follows(1), D: follows(6, D, leads=2)}
    assert (
        t
        >> until(FIRST + ROUND_MS)
        << anything
        >> sees(contacts=with_d)
        << keeps(FOLLOWED_KEY)
        << says(B, FollowMe(term=7))
        << says(C, FollowMe(term=7))
        << says(D, FollowMe(term=7))
    )


def test_l5_the_other_follows_and_tells_its_part() -> None:
    t = leader(B)
    assert t >> sees(contacts={B: follows(1), D: follows(2, D, leads=3), E: follows(2, D)}) << anything
    assert (
        t
        >> heard(D, FollowMe(term=3))
        << keeps(FOLLOWED_KEY)
        << says(D, Follow(term=3, leader=D))
        << says(B, HandOver(term=1, to=D))
    )


def test_l5_a_leader_does_not_yield_to_a_smaller_part() -> None:
    t = leader(B, C)
    assert t >> meanwhile(contacts={B: follows(1), C: follows(1), D: follows(6, D, leads=2)})
    assert t >> heard(D, FollowMe(term=8)) << anything
    assert t.machine.followed is not None
    assert t.machine.followed.leader == A


def test_l5_of_equal_parts_the_higher_term_wins_then_the_lesser_name() -> None:
    yields = leader(B)
    assert yields >> meanwhile(contacts={B: follows(1), D: follows(2, D, leads=2)})
    assert yields >> heard(D, FollowMe(term=3)) << anything
    assert yields.machine.followed == Follow(term=3, leader=D)
    stays = leader(B)
    assert stays >> meanwhile(contacts={B: follows(1), D: follows(1, D, leads=2)})
    assert stays >> heard(D, FollowMe(term=1)) << anything
    assert stays.machine.leadership.leader == A


def test_l5_a_node_without_a_leader_in_a_higher_term_is_met_with_a_higher_one() -> None:
    t = leader(B)
    assert t >> until(FIRST + ROUND_MS) << anything
    assert t >> sees(contacts={B: follows(1), C: Standing(term=5, highest=5)}) << anything
    assert t.machine.followed == Follow(term=6, leader=A)


def test_p4_a_leader_that_took_over_a_later_leaderships_plan_calls_a_term_above_it() -> None:
    t = leader(B)
    assert t >> until(FIRST + ROUND_MS) << anything
    assert t >> sees(plan=(4, D)) << keeps(FOLLOWED_KEY) << anything
    assert t.machine.followed == Follow(term=5, leader=A)


def test_l5_a_leader_that_should_yield_calls_no_term_for_a_plan_that_it_took_over() -> None:
    """Both would call at once, and the part of one of them would be torn."""
    t = leader(B)
    better = {B: follows(1), D: follows(1, D, leads=3)}
    assert t >> until(FIRST + ROUND_MS) << anything >> sees(contacts=better, plan=(1, D)) << anything
    assert t.machine.followed == Follow(term=1, leader=A)
    assert t >> heard(D, FollowMe(term=2)) << anything
    assert t.machine.followed == Follow(term=2, leader=D)


def test_l5_a_leader_hands_over_to_nobody_who_reaches_no_more_than_it_does() -> None:
    """Its part may be smaller than its reach: for some are ill. Else the leadership is handed on and on."""
    t = leader(B, C)
    assert t >> heard(B, AskHandOver(term=1, reaches=3))
    assert t >> heard(B, AskHandOver(term=1, reaches=4)) << says(B, HandOver(term=1, to=B)) << anything


def test_l5_a_leader_hands_over_to_one_at_a_time() -> None:
    t = leader(B, C)
    assert t >> heard(B, AskHandOver(term=1, reaches=4)) << says(B, HandOver(term=1, to=B)) << anything
    handed_ms = t.at_ms
    assert t >> until(handed_ms + CALLING_FOR_MS - 1) << anything >> heard(C, AskHandOver(term=1, reaches=5))
    assert t >> until(handed_ms + CALLING_FOR_MS) << anything
    assert t >> heard(C, AskHandOver(term=1, reaches=5)) << says(C, HandOver(term=1, to=C)) << anything


def test_l5_who_is_asked_for_a_hand_over_tells_all_and_leads_until_it_is_taken_over() -> None:
    t = leader(B, C)
    assert (
        t
        >> heard(B, AskHandOver(term=1, reaches=4))
        << says(B, HandOver(term=1, to=B))
        << says(C, HandOver(term=1, to=B))
    )
    assert t.machine.leadership.leader == A
    assert t >> heard(B, FollowMe(term=2)) << keeps(FOLLOWED_KEY) << anything
    assert t.machine.followed == Follow(term=2, leader=B)


def test_l6_a_leader_not_eligible_for_5_s_without_a_break_hands_over_to_the_best() -> None:
    t = leader(B, C)
    fits = {B: follows(1, fit=100), C: follows(1, fit=900)}
    start = t.at_ms
    assert t >> sees(contacts=fits, hears=ALL_HEAR, fit_permille=INELIGIBLE) << anything
    assert t >> until(start + INELIGIBLE_FOR_MS - 1)
    assert t >> until(start + INELIGIBLE_FOR_MS) << says(B, HandOver(term=1, to=C)) << says(C, HandOver(term=1, to=C))
    assert t.machine.leadership.leader == A


def test_l6_a_break_begins_the_five_seconds_anew() -> None:
    t = leader(B)
    start = t.at_ms
    assert t >> sees(fit_permille=INELIGIBLE) >> at(start + 4_000) >> sees(fit_permille=0)
    assert t >> at(start + 4_100) >> sees(fit_permille=INELIGIBLE) >> until(start + 4_100 + INELIGIBLE_FOR_MS - 1)
    assert t >> until(start + 4_100 + INELIGIBLE_FOR_MS) << says(B, HandOver(term=1, to=B))


def test_l6_a_leader_that_may_not_lead_hands_over_to_nobody_who_reaches_less() -> None:
    """In the middle of a star it is the only one whom all hear: who takes over from it leads two, and gives it back."""
    t = leader(B, C)
    start, ends = t.at_ms, {B: (A,), C: (A,)}
    assert t >> sees(contacts={B: follows(1), C: follows(1)}, hears=ends, fit_permille=INELIGIBLE) << anything
    assert t >> until(start + 4 * INELIGIBLE_FOR_MS)
    assert t >> sees(hears={**ends, C: (A, B)}) << says(B, HandOver(term=1, to=C)) << says(C, HandOver(term=1, to=C))


def test_l6_a_leader_leads_on_while_nobody_else_is_eligible() -> None:
    t = leader(B)
    assert t >> sees(contacts={B: follows(1, fit=INELIGIBLE)}, fit_permille=INELIGIBLE) >> until(30_000)
    assert t.machine.leadership.leader == A


def test_l6_whom_it_was_handed_to_calls_at_once() -> None:
    t = voter(A, C, me=B)
    assert t >> heard(A, FollowMe(term=1)) << anything >> meanwhile(contacts={A: follows(1), C: follows(1)})
    assert (
        t
        >> heard(A, HandOver(term=1, to=B))
        << keeps(FOLLOWED_KEY)
        << says(A, FollowMe(term=2))
        << says(C, FollowMe(term=2))
    )


# --- whatever happens -------------------------------------------------------------------------------------------------

NODES = [A, B, C, D]
terms = st.integers(0, 6)
nodes = st.sampled_from(NODES)
standings = st.builds(
    Standing, term=terms, leader=st.none() | nodes, highest=terms, leads=st.integers(0, 4), fit_permille=terms
)
messages = st.one_of(
    st.builds(WouldYou, round=terms),
    st.builds(IWould, round=st.integers(0, 3), yes=st.booleans(), highest=terms),
    st.builds(FollowMe, term=terms),
    st.builds(Follow, term=terms, leader=nodes),
    st.builds(HandOver, term=terms, to=nodes),
    st.builds(AskHandOver, term=terms),
)
happenings = st.tuples(
    st.integers(0, 900),
    st.sampled_from([B, C, D]),
    st.none() | messages,
    st.dictionaries(nodes, standings),
    st.booleans(),
)


@example([(0, B, FollowMe(term=0), {B: Standing()}, False)])
@given(st.lists(happenings, max_size=40))
def test_l1_whatever_is_said_followed_terms_only_grow_also_across_restarts(story) -> None:
    machine, disk, at_ms, followed = Election.recover(A, None, 0), None, 0, 0
    for number, (gap_ms, peer, message, contacts, restart) in enumerate(story):
        at_ms += gap_ms
        if restart and message is None:
            machine = Election.recover(A, disk, at_ms)
        view = ElectionView(contacts={n: s for n, s in contacts.items() if n != A}, fit_permille=1)
        event = heard(peer, message) if message is not None else DeadlinePassed()
        done = machine.step(Input(id=str(number), at_ms=at_ms, wall_ms=0, draw=number, event=event), view)
        machine.check_invariants()
        for put in done.persist:
            assert isinstance(put, Put)
            follow = decode(put.value, Follow)
            assert follow.term > followed, "L1: a term not above every term followed before"
            followed, disk = follow.term, put.value
        said = [s.message for s in done.send if isinstance(s.message, Follow)]
        assert all(disk is not None and decode(disk, Follow) == f for f in said), "L1: said before it was on disk"
