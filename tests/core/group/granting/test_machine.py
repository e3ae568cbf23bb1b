"""One node as granter and as holder of exclusive keys (X2, X4, X7, X9). All talk is with node a of three."""

from __future__ import annotations

import pytest

from skerry.core.group.granting.machine import Granting, GrantingView
from skerry.core.group.granting.model import Electorate, Held
from skerry.core.group.granting.wire import GrantAsk, GrantGive, GrantRelease
from skerry.core.kernel.effects import Put
from skerry.core.kernel.ids import GrantKey, LifeId
from skerry.core.kernel.values import decode
from tests.core.things import A, B, C, D
from tests.support.conversation import Talk, anything, at, heard, keeps, meanwhile, notes, says, sees, talk, until

KEY = GrantKey("hq/shop/db")
LEASE_MS = 3_000
PROMISE_MS = 3_030
ROUND_MS = 300


def view(**fields) -> GrantingView:
    given = {
        "electorate": Electorate(roster_version=1, members=frozenset({A, B, C})),
        "longest_lease_ms": LEASE_MS,
        "lives": {B: LifeId("b1"), C: LifeId("c1")},
        "wanted": {},
        "in_use": frozenset(),
        **fields,
    }
    return GrantingView(**given)


def node_a(**fields) -> Talk:
    return talk(Granting(me=A, quiet_until_ms=0), view(**fields))


def ask(number: int = 1, fence: int = 0, roster: int = 1) -> GrantAsk:
    return GrantAsk(number=number, roster_version=roster, keys={KEY: fence})


def give(number: int, fence: int, roster: int = 1) -> GrantGive:
    return GrantGive(number=number, roster_version=roster, fences={KEY: fence})


def holder(at_ms: int = 0) -> Talk:
    """A that has just got its key with b's word: fence 1, asked for at `at_ms` plus 20."""
    t = node_a()
    assert (
        t
        >> at(at_ms)
        >> sees(wanted={KEY: 0})
        << says(None, ask(1))
        >> at(at_ms + 20, heard(B, give(1, 0)))
        << keeps("granting/fence/")
        << says(None, ask(2, fence=1))
        >> at(at_ms + 40, heard(B, give(2, 1)))
        << notes("grant.held", KEY, fence=1)
    )
    return t


# --- as a granter -----------------------------------------------------------------------------------------------------


def test_x2_a_granter_has_one_promise_open_for_a_key() -> None:
    t = node_a()
    assert t >> heard(B, ask()) << says(B, give(1, 0))
    assert t >> at(10, heard(C, ask()))
    assert t.machine.promised_to(KEY, 10) == B


def test_x2_who_cannot_have_one_key_may_have_another() -> None:
    other = GrantKey("hq/shop/another")
    t = node_a()
    assert t >> heard(C, GrantAsk(number=1, roster_version=1, keys={other: 0})) << says(C, GrantGive)
    both = GrantAsk(number=1, roster_version=1, keys={other: 0, KEY: 0})
    assert t >> heard(B, both) << says(B, give(1, 0))


def test_x2_a_granter_is_bound_for_the_lease_and_the_drift_from_its_answer() -> None:
    t = node_a()
    assert t >> at(500, heard(B, ask())) << says(B, GrantGive)
    assert t >> at(500 + PROMISE_MS - 1, heard(C, ask(1)))
    assert t >> at(500 + PROMISE_MS, heard(C, ask(2))) << says(C, give(2, 0))


def test_x2_the_same_holder_is_granted_again_at_any_time() -> None:
    assert node_a() >> heard(B, ask(1)) << says(B, GrantGive) >> at(750, heard(B, ask(2))) << says(B, give(2, 0))


def test_x4_after_a_start_nothing_is_granted_for_the_longest_promise() -> None:
    t = talk(Granting.recover(A, {}, 10_000, LEASE_MS), view(), at_ms=10_000)
    assert t >> at(10_000 + PROMISE_MS - 1, heard(B, ask(1)))
    assert t >> at(10_000 + PROMISE_MS, heard(B, ask(2))) << says(B, give(2, 0))


def test_x4_after_a_start_not_even_my_own_promise_counts_for_me() -> None:
    t = talk(Granting.recover(A, {}, 0, LEASE_MS), view(wanted={KEY: 0}))
    assert t >> at(0) << says(None, ask(1)) >> at(10, heard(B, give(1, 0)))
    assert t.machine.held == {}


def test_x2_late_release_of_an_earlier_wish_frees_nobody() -> None:
    """Interleaving 36: released, thought again, granted again; now the first release arrives."""
    t = node_a()
    assert t >> heard(B, ask(1)) << says(B, give(1, 0)) >> at(10, heard(B, ask(3))) << says(B, give(3, 0))
    assert t >> at(20, heard(B, GrantRelease(number=2, keys=(KEY,)))) >> at(30, heard(C, ask(1)))
    assert t.machine.promised_to(KEY, 30) == B


def test_x2_a_release_frees_at_once_and_only_who_was_promised_can_release() -> None:
    t = node_a()
    assert t >> heard(B, ask(1)) << says(B, GrantGive)
    assert t >> heard(C, GrantRelease(number=1, keys=(KEY,))) >> heard(C, ask(2))
    assert t >> heard(B, GrantRelease(number=2, keys=(KEY,))) >> heard(C, ask(3)) << says(C, give(3, 0))


def test_x2_a_request_older_than_the_newest_is_ignored() -> None:
    assert node_a() >> heard(B, ask(5)) << says(B, GrantGive) >> heard(B, ask(5)) >> heard(B, ask(4))


def test_x2_what_an_earlier_life_says_is_not_listened_to() -> None:
    assert node_a() >> heard(B, ask(), life="b0") >> heard(D, ask())


def test_x2_a_new_life_of_the_holder_counts_its_numbers_afresh() -> None:
    t = node_a()
    assert t >> heard(B, ask(7)) << says(B, GrantGive)
    assert t >> meanwhile(lives={B: LifeId("b2")}) >> heard(B, ask(1), life="b2") << says(B, give(1, 0))


def test_x2_grants_count_under_one_roster_version_only() -> None:
    assert node_a() >> heard(B, ask(roster=2))
    t = node_a(wanted={KEY: 0})
    assert t >> at(0) << says(None, GrantAsk) >> heard(B, give(1, 0, roster=2))
    assert t.machine.held == {}


def test_x2_a_promise_binds_for_the_lease_of_the_roster_under_which_it_was_given() -> None:
    long = Electorate(roster_version=1, members=frozenset({A, B, C}), lease_ms=60_000)
    t = node_a(electorate=long)
    assert t >> heard(B, ask()) << says(B, give(1, 0))
    short = Electorate(roster_version=2, members=frozenset({A, B, C}), lease_ms=1_000)
    assert t >> meanwhile(electorate=short) >> at(60_599, heard(C, ask(1, roster=2)))
    assert t >> at(60_600, heard(C, ask(2, roster=2))) << says(C, give(2, 0, roster=2))


def test_x2_a_holder_counts_no_longer_lease_from_an_answer_to_what_it_asked_under_a_shorter_one() -> None:
    t = node_a(wanted={KEY: 1})
    assert t >> at(0) << keeps("granting/fence/") << says(None, ask(1, fence=1))
    long = Electorate(roster_version=2, members=frozenset({A, B, C}), lease_ms=60_000)
    assert t >> at(10) >> sees(electorate=long) << says(None, ask(2, fence=1, roster=2))
    assert t >> at(20, heard(B, give(1, 1)))
    assert t.machine.held == {}


def test_x2_whoever_left_the_roster_is_granted_nothing() -> None:
    t = node_a(electorate=Electorate(roster_version=1, members=frozenset({A, C})))
    assert t >> heard(B, ask())


def test_x9_a_granter_keeps_the_highest_fence_and_tells_it_even_after_a_restart() -> None:
    t = node_a()
    assert t >> heard(B, ask(1, fence=4)) << keeps("granting/fence/") << says(B, give(1, 4))
    assert t >> heard(B, ask(2, fence=3)) << says(B, give(2, 4))
    kept = {f"granting/fence/{KEY}": b"\x04"}
    after = talk(Granting.recover(A, kept, 0, LEASE_MS), view(), at_ms=PROMISE_MS)
    assert after >> heard(C, ask(1)) << says(C, give(1, 4))


# --- as a holder ------------------------------------------------------------------------------------------------------


def test_x9_a_key_is_held_after_two_rounds_the_second_of_which_keeps_the_fence() -> None:
    t = holder()
    assert t.machine.held[KEY].fence == 1


def test_x9_the_fence_is_one_above_the_highest_that_the_quorum_has_seen() -> None:
    t = node_a(wanted={KEY: 0})
    assert t >> at(0) << says(None, ask(1))
    assert t >> at(9, heard(B, give(1, 6))) << keeps("granting/fence/") << says(None, ask(2, fence=7))
    put = t.said.persist[0]
    assert isinstance(put, Put)
    assert decode(put.value, int) == 7


def test_x9_a_higher_fence_seen_in_the_second_round_is_gone_above_as_well() -> None:
    t = node_a(wanted={KEY: 0})
    assert t >> at(0) << says(None, ask(1)) >> at(9, heard(B, give(1, 0))) << keeps("") << says(None, ask(2, fence=1))
    assert t >> at(18, heard(B, give(2, 5))) << keeps("granting/") << says(None, ask(3, fence=6))
    assert t >> at(27, heard(B, give(3, 6))) << notes("grant.held", KEY, fence=6)


def test_x9_a_fence_that_no_quorum_kept_in_time_is_forgone() -> None:
    """Somebody else was told the same highest after that, took the same number and may have used it."""
    t = node_a(wanted={KEY: 0})
    assert t >> at(0) << says(None, ask(1)) >> at(9, heard(B, give(1, 1))) << keeps("") << says(None, ask(2, fence=2))
    assert t >> at(9 + ROUND_MS, draw=100) << says(None, GrantRelease)
    assert t >> at(9 + ROUND_MS + 150) << says(None, ask(4))
    assert t >> at(9 + ROUND_MS + 160, heard(B, give(4, 2))) << keeps("") << says(None, ask(5, fence=3))
    assert t >> at(9 + ROUND_MS + 170, heard(B, give(5, 3))) << notes("grant.held", KEY, fence=3)


def test_x9_an_answer_that_comes_after_the_promises_with_which_the_highest_was_told_takes_no_fence() -> None:
    """As after a stall: the round is not over for whoever stood still in it."""
    t = node_a(wanted={KEY: 0})
    assert t >> at(0) << says(None, ask(1)) >> at(9, heard(B, give(1, 1))) << keeps("") << says(None, ask(2, fence=2))
    assert t >> at(LEASE_MS, heard(B, give(2, 2))) << says(None, ask(3))
    assert KEY not in t.machine.held


def test_x2_the_holder_counts_its_lease_from_the_moment_its_request_left() -> None:
    t = holder(at_ms=1_000)
    assert t.machine.held[KEY].until_ms == 1_020 + LEASE_MS


def test_x2_without_a_quorum_nothing_is_held() -> None:
    t = node_a(wanted={KEY: 0}, electorate=Electorate(roster_version=1, members=frozenset({A, B, C, D})))
    assert t >> at(0) << says(None, ask(1)) >> at(10, heard(B, give(1, 0)))
    assert t.machine.held == {}


def test_x2_an_answer_to_an_earlier_request_does_not_count() -> None:
    t = node_a(wanted={KEY: 0})
    assert t >> at(0) << says(None, ask(1)) >> at(ROUND_MS) << says(None, GrantRelease)
    assert t >> at(ROUND_MS + 50) << says(None, ask(3)) >> at(ROUND_MS + 60, heard(B, give(1, 0)))
    assert t.machine.held == {}


def test_x2_split_promises_are_given_back_and_asked_for_again_after_a_drawn_wait() -> None:
    """Interleaving 37: each of several holds its own promise, and nobody ever has a quorum."""
    t = node_a(wanted={KEY: 0})
    assert t >> at(0) << says(None, ask(1)) >> at(ROUND_MS, draw=100) << says(None, GrantRelease(number=2, keys=(KEY,)))
    assert t.machine.promised_to(KEY, ROUND_MS) is None
    assert t >> at(ROUND_MS + 149) >> at(ROUND_MS + 150) << says(None, ask(3))


def test_x2_the_drawn_wait_is_from_fifty_to_three_hundred_milliseconds() -> None:
    for draw, wait_ms in ((0, 50), (250, 300), (251, 50), (252, 51)):
        t = node_a(wanted={KEY: 0})
        assert t >> at(0) << says(None, ask(1)) >> at(ROUND_MS, draw=draw) << says(None, GrantRelease)
        assert t >> until(ROUND_MS + wait_ms - 1) >> until(ROUND_MS + wait_ms) << says(None, ask(3))


def test_x3_a_node_that_is_its_whole_roster_holds_its_key_at_once() -> None:
    t = node_a(wanted={KEY: 0}, electorate=Electorate(roster_version=1, members=frozenset({A})), lives={})
    assert t >> at(0) << anything >> until(1) << anything
    assert [(key, held.key, held.fence) for key, held in t.machine.held.items()] == [(KEY, KEY, 1)]


def test_a_renewal_is_seen_by_whoever_looks_and_told_to_nobody() -> None:
    t = holder()
    version = t.machine.version
    assert t >> until(20 + LEASE_MS // 4) << says(None, ask(3, fence=1)) >> heard(C, give(3, 1))
    assert t.machine.version > version
    assert t.said.note == ()


def test_x2_it_is_renewed_every_quarter_of_the_lease() -> None:
    t = holder()
    assert t >> until(20 + LEASE_MS // 4 - 1) >> until(20 + LEASE_MS // 4) << says(None, ask(3, fence=1))
    assert t >> heard(C, give(3, 1))
    assert t.machine.held[KEY].until_ms == 20 + LEASE_MS // 4 + LEASE_MS


def test_x2_a_holder_that_gets_no_quorum_any_more_asks_on_gives_nothing_back_and_loses_it_with_the_lease() -> None:
    t = holder()
    assert t >> until(20 + LEASE_MS - 1) << anything
    assert {type(s.message) for s in t.said.send} == {GrantAsk}
    assert KEY in t.machine.held
    version = t.machine.version
    assert t >> until(20 + LEASE_MS) << anything << notes("grant.lost", KEY, fence=1)
    assert t.machine.held == {} and t.machine.version > version


def test_x9_who_lost_a_key_and_gets_it_again_has_a_new_fence() -> None:
    t = holder()
    assert t >> until(20 + LEASE_MS) << anything >> until(20 + LEASE_MS + 700) << anything
    last = [s.message for s in t.said.send if isinstance(s.message, GrantAsk)][-1]
    assert t >> heard(B, give(last.number, 1)) << keeps("granting/") << says(None, GrantAsk, keys={KEY: 2})


def test_x7_a_key_is_not_released_while_something_still_runs_under_it() -> None:
    t = holder()
    assert t >> sees(wanted={}, in_use=frozenset({KEY}))
    version = t.machine.version
    assert t >> sees(in_use=frozenset()) << says(None, GrantRelease(number=3, keys=(KEY,)))
    assert t.machine.held == {} and t.machine.version > version
    assert t.machine.promised_to(KEY, t.at_ms) is None


def test_a_key_that_is_in_use_and_no_longer_wanted_wakes_nobody_at_once_over_and_over() -> None:
    t = holder()
    assert t >> at(900) << anything >> sees(wanted={}, in_use=frozenset({KEY})) << anything
    assert t >> until(2_000) << anything
    due_ms = t.machine.next_deadline_ms()
    assert due_ms is None or due_ms > t.at_ms


def test_x2_what_is_held_is_renewed_after_a_quarter_of_the_lease_and_moments_are_whole() -> None:
    t = holder()
    assert isinstance(t.machine.next_deadline_ms(), int)


def test_x7_what_still_runs_under_one_key_keeps_nobody_from_asking_for_another() -> None:
    t, later = holder(), GrantKey("hq/shop/queue")
    assert t >> sees(wanted={later: 0}, in_use=frozenset({KEY})) << says(None, GrantAsk, keys={later: 0})


def test_x2_a_node_asks_only_while_it_is_named() -> None:
    t = node_a()
    assert t >> until(10_000)
    assert t >> sees(wanted={KEY: 0}) << says(None, ask(1))
    assert t >> sees(wanted={}) << says(None, GrantRelease) >> until(60_000)


def test_x6_a_process_taken_over_keeps_its_fence_if_nobody_was_active_in_between() -> None:
    t = node_a(wanted={KEY: 4})
    assert t >> at(0) << keeps("granting/") << says(None, ask(1, fence=4)) >> at(5, heard(B, give(1, 4)))
    assert t.machine.held[KEY].fence == 4


def test_x6_a_process_taken_over_gets_a_new_fence_if_somebody_was() -> None:
    t = node_a(wanted={KEY: 4})
    assert t >> at(0) << keeps("granting/") << says(None, ask(1, fence=4))
    assert t >> at(5, heard(B, give(1, 5))) << keeps("granting/") << says(None, ask(2, fence=6))


def test_n6_all_that_is_due_is_asked_for_in_one_message() -> None:
    t = node_a(wanted={KEY: 0, GrantKey("hq/shop/queue"): 0})
    assert t >> at(0) << says(None, GrantAsk, keys={KEY: 0, GrantKey("hq/shop/queue"): 0})


@pytest.mark.parametrize("fences", [{KEY: 0}, {KEY: 1, GrantKey("hq/shop/unasked"): 1}])
def test_x9_a_key_that_is_held_without_a_fence_or_without_having_been_asked_for_is_found_out(fences) -> None:
    t = holder()
    t.machine.held = {key: Held(key=key, fence=fence, until_ms=3_000) for key, fence in fences.items()}
    with pytest.raises(AssertionError, match="X9"):
        t.machine.check_invariants()
