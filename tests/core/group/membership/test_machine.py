"""Contact by beats, as node a sees it (C1, C2)."""

from __future__ import annotations

import pytest

from skerry.core.group.membership.machine import Membership, MembershipView, PresenceChanged
from skerry.core.group.membership.model import (
    BEAT_GAP_MS,
    BEAT_PERIOD_MS,
    FRESH_MS,
    HUNG_MS,
    SILENT_MS,
    STOOD_STILL_MS,
    beat_gap_ms,
)
from skerry.core.group.membership.wire import Beat
from skerry.core.kernel.ids import LifeId, NodeId
from tests.core.things import A, B, C, D
from tests.support.conversation import Talk, anything, at, heard, meanwhile, notes, says, sees, talk, until

ME = LifeId("a1")
FIRST = Beat(number=1, hears={}, carried=b"mine", holdings=b"held", said_ms=0)


def beat(number: int = 1, hears: dict[NodeId, str] | None = None, carried: bytes = b"") -> Beat:
    named = {A: ME} if hears is None else {n: LifeId(life) for n, life in hears.items()}
    return Beat(number=number, hears=named, carried=carried)


def node_a() -> Talk:
    view = MembershipView(members=frozenset({B, C}), carry=lambda: b"mine", holdings=lambda: b"held", stamp=lambda: ())
    return talk(Membership(me=A, life=ME), view)


def in_contact_with_b() -> Talk:
    t = node_a()
    assert t >> at(0) << anything >> at(10, heard(B, beat())) << notes("contact.made", B)
    assert list(t.machine.contacts) == [B]
    return t


def test_c1_the_first_beat_leaves_at_once_and_one_a_second_after_it() -> None:
    t = node_a()
    assert t >> at(0) << says(None, FIRST) >> until(BEAT_PERIOD_MS - 1)
    assert t >> until(BEAT_PERIOD_MS) << says(None, Beat, number=2, said_ms=BEAT_PERIOD_MS)


def test_x5_who_knows_that_it_was_taken_out_says_no_beats_and_hears_the_others() -> None:
    t = in_contact_with_b()
    assert t >> sees(silent=True) >> until(5_000) << notes("contact.lost", B)
    assert t >> heard(B, beat(9)) << notes("contact.made", B)


def test_c1_contact_needs_a_beat_that_says_that_it_hears_me() -> None:
    t = node_a()
    assert t >> at(0) << anything >> at(10, heard(B, beat(1, hears={})))
    assert (t.machine.contacts, t.machine.strangers()) == ({}, {B})
    assert t >> at(20, heard(B, beat(2))) << notes("contact.made", B)
    assert (t.machine.contacts[B].node, t.machine.strangers()) == (B, frozenset())


def test_c1_a_beat_that_names_an_earlier_life_of_mine_makes_no_contact() -> None:
    """A recording of what b said before I restarted proves nothing about now."""
    t = node_a()
    assert t >> at(0) << anything >> heard(B, beat(7, hears={A: "a0"}))
    assert t.machine.contacts == {}


def test_c1_a_beat_gets_old() -> None:
    t = in_contact_with_b()
    assert t >> until(10 + FRESH_MS - 1) << anything
    assert B in t.machine.contacts
    assert t >> until(10 + FRESH_MS) << anything << notes("contact.lost", B, why="no beat")
    assert t.machine.contacts == {}


def test_c1_contact_is_lost_when_the_other_stops_hearing_me() -> None:
    t = in_contact_with_b()
    assert t >> at(20, heard(B, beat(2, hears={}))) << notes("contact.lost", B, why="it does not hear me") << anything
    assert t.machine.contacts == {}


def test_c1_contacts_are_in_the_order_of_their_names() -> None:
    t = node_a()
    assert t >> at(0) << anything >> heard(C, beat()) << anything >> heard(B, beat()) << anything
    assert list(t.machine.contacts) == [B, C]


def test_c1_who_appears_is_told_at_once_that_i_am_here() -> None:
    t = in_contact_with_b()
    assert t >> until(1_500) << anything
    assert t >> PresenceChanged(node=C, present=True) << says(None, Beat, said_ms=1_500)


def test_c1_a_missing_token_is_believed_at_once() -> None:
    t = in_contact_with_b()
    assert t >> at(20, PresenceChanged(node=B, present=False)) << notes("contact.lost", why="token gone") << anything
    assert t.machine.contacts == {}


def test_c1_a_present_token_proves_nothing() -> None:
    t = node_a()
    assert t >> at(0) << anything >> at(5, PresenceChanged(node=B, present=True))
    assert t.machine.contacts == {}
    hung = in_contact_with_b()
    assert hung >> until(FRESH_MS + 10) << anything >> PresenceChanged(node=B, present=True) << anything
    assert hung.machine.contacts == {}


def test_c1_after_its_token_came_back_a_fresh_beat_counts_again() -> None:
    t = in_contact_with_b()
    assert t >> at(20, PresenceChanged(node=B, present=False)) << anything
    assert t >> at(30, heard(B, beat(2))) << anything
    assert t.machine.contacts == {}
    assert t >> at(40, PresenceChanged(node=B, present=True)) << anything << notes("contact.made", B)


def test_c1_a_node_that_keeps_its_token_and_says_nothing_counts_as_hung() -> None:
    t = in_contact_with_b()
    assert t >> until(10 + HUNG_MS - 1) << anything
    assert t.machine.hung == frozenset()
    assert t >> at(10 + HUNG_MS) << anything
    assert t.machine.hung == {B}


def test_c1_a_member_is_silent_until_it_is_heard_and_when_it_was_not_for_long() -> None:
    t = node_a()
    assert t >> at(0) << anything
    assert t.machine.silent(0) == {B, C}
    assert t >> at(10, heard(B, beat())) << anything
    assert t.machine.silent(10) == t.machine.silent(10 + SILENT_MS - 1) == {C}
    assert t.machine.silent(10 + SILENT_MS) == {B, C}


def test_c1_of_two_that_hang_each_counts_until_it_speaks_again() -> None:
    t = in_contact_with_b()
    assert t >> heard(C, beat()) << anything >> until(10 + HUNG_MS) << anything
    assert t.machine.hung == {B, C}
    assert t >> heard(B, beat(2)) << anything
    assert t.machine.hung == {C}


def test_c1_a_beat_of_one_does_not_hide_that_anothers_gets_old() -> None:
    t = in_contact_with_b()
    assert t >> until(2_000) << anything >> heard(C, beat()) << anything >> until(10 + FRESH_MS - 1) << anything
    assert list(t.machine.contacts) == [B, C]
    assert t >> at(10 + FRESH_MS, heard(C, beat(2))) << notes("contact.lost", B, why="no beat") << anything
    assert list(t.machine.contacts) == [C]


def test_c1_whoever_has_just_heard_one_wakes_when_the_beat_of_another_gets_old() -> None:
    t = in_contact_with_b()
    assert t >> until(2_000) << anything >> heard(C, beat()) << anything >> until(2_200) << anything
    assert t >> heard(C, beat(2)) >> until(10 + FRESH_MS) << notes("contact.lost", B, why="no beat") << anything


def test_c1_what_has_changed_is_named_one_by_one() -> None:
    t = in_contact_with_b()
    assert t >> until(500) << anything >> heard(C, beat()) << anything
    assert t.machine.changed == [C]
    assert t >> heard(C, beat())
    assert t.machine.changed == [], "a replay"
    assert t >> at(520, PresenceChanged(node=B, present=False)) << anything
    assert t.machine.changed == [B]


def test_c1_a_beat_numbered_no_higher_than_one_heard_is_a_replay() -> None:
    t = in_contact_with_b()
    assert (
        t >> until(2_000) << anything >> heard(B, beat(1)) >> until(10 + FRESH_MS) << anything << notes("contact.lost")
    )


def test_c1_a_new_life_takes_over_when_it_names_mine_and_the_one_before_is_then_a_replay() -> None:
    t = in_contact_with_b()
    assert t >> at(110, heard(B, beat(1), life="b2")) << notes("contact.made", B) << anything
    assert t >> at(120, heard(B, beat(99), life="b1"))
    assert t.machine.contacts[B].life == "b2"


def test_c1_a_life_that_does_not_name_mine_takes_nothing_from_one_that_did_and_is_answered() -> None:
    """It may be a recording from before my start, or a life that has yet to hear me: my beat tells it who I am."""
    t = in_contact_with_b()
    assert t >> at(110, heard(B, beat(1, hears={A: "a0"}), life="b0")) << says(None, Beat, number=2)
    assert t.machine.contacts[B].life == "b1"
    assert t >> at(120, heard(B, beat(2)))
    assert t.machine.contacts[B].heard_ms == 120


def test_c1_a_life_that_never_named_mine_is_no_replay_when_it_does() -> None:
    """It may have begun before mine, and heard of me only now."""
    t = node_a()
    assert t >> at(0) << anything >> at(10, heard(B, beat(1, hears={}), life="b0"))
    assert t >> at(20, heard(B, beat(1), life="b1")) << notes("contact.made", B)
    assert t >> at(30, heard(B, beat(2), life="b0"))
    assert t.machine.contacts[B].life == "b0"


def test_c1_a_new_life_without_a_token_is_as_gone_as_the_one_before() -> None:
    t = in_contact_with_b()
    assert t >> at(20, PresenceChanged(node=B, present=False)) << anything
    assert t >> at(30, heard(B, beat(1), life="b2")) << anything
    assert t.machine.contacts == {}
    assert t >> at(40, PresenceChanged(node=B, present=True)) << notes("contact.made", B) << anything


def test_c1_who_does_not_hear_me_is_told_at_once_that_i_am_here() -> None:
    t = in_contact_with_b()
    assert t >> until(1_500) << anything
    assert t >> heard(B, beat(2, hears={})) << notes("contact.lost", B) << says(None, Beat, said_ms=1_500)


def test_c1_whom_i_do_not_hear_any_more_my_beats_do_not_name_and_that_does_not_wait() -> None:
    t = in_contact_with_b()
    assert t >> until(10 + FRESH_MS - 1) << anything
    assert t >> until(10 + FRESH_MS) << notes("contact.lost", B) << says(None, Beat, hears={}, said_ms=10 + FRESH_MS)
    gone = in_contact_with_b()
    assert (
        gone >> at(500, PresenceChanged(node=B, present=False)) << notes("contact.lost") << says(None, Beat, hears={})
    )


def test_c1_my_beats_name_the_life_that_i_hear() -> None:
    t = in_contact_with_b()
    assert t >> until(BEAT_PERIOD_MS) << anything
    assert t.said.send[0].message.hears == {B: "b1"}


def test_c1_a_change_is_told_at_once_but_no_two_beats_closer_than_100_ms() -> None:
    t = node_a()
    assert t >> at(0) << says(None, Beat, number=1) >> at(500) >> sees(stamp=lambda: (1,)) << says(None, Beat, number=2)
    assert t >> at(510) >> sees(stamp=lambda: (2,)) >> until(500 + BEAT_GAP_MS - 1)
    assert t >> until(500 + BEAT_GAP_MS) << says(None, Beat, number=3)


@pytest.mark.parametrize(("others", "gap_ms"), [(0, 100), (5, 100), (23, 460), (50, 1_000), (500, 1_000)])
def test_c1_the_more_have_to_read_a_beat_the_further_they_are_apart(others: int, gap_ms: int) -> None:
    assert beat_gap_ms(others) == gap_ms and isinstance(beat_gap_ms(others), int)


def test_c1_time_in_which_this_agent_stood_still_is_no_silence_of_the_others() -> None:
    t = in_contact_with_b()
    assert t >> at(60_000) << anything
    assert B in t.machine.contacts
    assert t >> until(60_000 + FRESH_MS) << anything << notes("contact.lost", B)


def test_c1_an_agent_half_a_second_late_was_busy_and_one_later_than_that_stood_still() -> None:
    busy = in_contact_with_b()
    due_ms = busy.machine.next_deadline_ms()
    assert due_ms is not None
    assert busy >> at(due_ms + STOOD_STILL_MS) << anything >> until(10 + FRESH_MS) << anything << notes("contact.lost")
    still, stood_ms = in_contact_with_b(), STOOD_STILL_MS + 1
    assert still >> at(due_ms + stood_ms) << anything >> until(10 + stood_ms + FRESH_MS - 1) << anything
    assert B in still.machine.contacts
    assert still >> until(10 + stood_ms + FRESH_MS) << anything << notes("contact.lost")


def test_t2_who_stood_still_for_as_long_as_a_beat_is_fresh_knows_that_the_others_may_have_gone_on() -> None:
    t = in_contact_with_b()
    due_ms = t.machine.next_deadline_ms()
    assert due_ms is not None
    assert t >> at(due_ms + FRESH_MS - 1) << anything
    assert t.machine.woke_ms < 0
    late = in_contact_with_b()
    assert late >> at(due_ms + FRESH_MS) << anything
    assert late.machine.woke_ms == due_ms + FRESH_MS


def test_u6_of_who_left_while_in_contact_the_last_that_it_carried_is_known_until_it_is_back() -> None:
    t = in_contact_with_b()
    assert t >> at(20, heard(B, beat(2, carried=b"last"))) >> PresenceChanged(node=B, present=False) << anything
    assert t.machine.departed == {B: b"last"}
    assert t >> at(30, PresenceChanged(node=B, present=True)) << anything
    assert t.machine.departed == {}
    hung = in_contact_with_b()
    assert hung >> until(10 + FRESH_MS) << anything
    assert hung.machine.departed == {}, "it may be there still"


def test_c1_a_contact_lasts_from_beat_to_beat_and_one_that_was_lost_begins_anew() -> None:
    t = in_contact_with_b()
    assert t >> at(500, heard(B, beat(2))) << anything
    contact = t.machine.contacts[B]
    assert (contact.since_ms, contact.heard_ms, contact.beat.number) == (10, 500, 2)
    assert t >> until(500 + FRESH_MS) << anything >> at(4_000, heard(B, beat(3))) << anything
    assert t.machine.contacts[B].since_ms == 4_000


def test_c1_who_is_not_in_the_roster_is_not_heard_and_who_leaves_it_is_lost() -> None:
    t = in_contact_with_b()
    assert t >> heard(D, beat())
    assert t >> meanwhile(members=frozenset({C})) >> at(20) << notes("contact.lost", B) << anything
    assert t.machine.contacts == {}


def test_c2_what_a_contact_carries_is_kept_as_its_latest_beat_says() -> None:
    t = in_contact_with_b()
    assert t >> at(20, heard(B, beat(2, carried=b"news")))
    assert t.machine.contacts[B].beat.carried == b"news"
