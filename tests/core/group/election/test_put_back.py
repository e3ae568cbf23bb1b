"""P1: a leader whose disk was put back to an older image does not give the names of its old plans to new ones."""

from __future__ import annotations

from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.model import ROUND_MS
from skerry.core.group.election.wire import Follow
from tests.core.group.election.test_machine import FIRST, leader
from tests.core.things import A, B, C
from tests.support.conversation import anything, keeps, meanwhile, sees, until


def test_p1_a_leader_that_committed_more_in_this_term_than_it_knows_leaves_it() -> None:
    t = leader(B)
    assert t >> until(FIRST + ROUND_MS) << anything
    assert t >> sees(forgotten_term=1) << keeps(FOLLOWED_KEY) << anything
    assert t.machine.followed == Follow(term=2, leader=A)


def test_p1_it_goes_above_a_later_term_that_it_forgot() -> None:
    t = leader(B)
    assert t >> until(FIRST + ROUND_MS) << anything
    assert t >> sees(forgotten_term=7) << anything
    assert t.machine.followed == Follow(term=8, leader=A)


def test_p1_what_it_forgot_of_an_earlier_term_is_no_reason() -> None:
    t = leader(C, term=3)
    assert t >> until(FIRST + ROUND_MS) << anything
    assert t >> meanwhile(forgotten_term=2)
    assert t.machine.followed == Follow(term=3, leader=A)


def test_p1_a_word_on_other_sections_of_its_plan_is_a_reason_once_in_a_life() -> None:
    """A manager of another version may never name the same sections: it would be a reason for ever."""
    t = leader(B)
    assert t >> until(FIRST + ROUND_MS) << anything
    assert t >> sees(misjudged=True) << anything
    assert t.machine.followed == Follow(term=2, leader=A)
    assert t >> until(FIRST + 3 * ROUND_MS) << anything
    assert t.machine.followed == Follow(term=2, leader=A)


def test_p1_that_reason_stays_used_up_when_another_one_comes_in_between() -> None:
    t = leader(B)
    assert t >> until(FIRST + ROUND_MS) << anything
    assert t >> sees(misjudged=True) << anything
    assert t >> until(FIRST + 3 * ROUND_MS) << anything
    assert t >> sees(misjudged=False, forgotten_term=2) << anything
    assert t.machine.followed == Follow(term=3, leader=A)
    assert t >> until(FIRST + 5 * ROUND_MS) << anything
    assert t >> meanwhile(misjudged=True, forgotten_term=2)
    assert t >> until(FIRST + 7 * ROUND_MS) << anything
    assert t.machine.followed == Follow(term=3, leader=A)
