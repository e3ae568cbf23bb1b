"""Grants while one roster follows another (X5), and where exclusiveness is given up (X8). Talk with node a of three."""

from __future__ import annotations

from skerry.core.group.granting.machine import Granting, GrantingView
from skerry.core.group.granting.model import DeclaredDead, Electorate, Living
from skerry.core.group.granting.surrender import Surrender
from skerry.core.group.granting.wire import GrantAsk, GrantGive, GrantRelease
from skerry.core.kernel.effects import Put
from skerry.core.kernel.ids import GrantKey, LifeId
from skerry.core.kernel.values import decode
from tests.core.things import A, B, C, D, E
from tests.support.conversation import (
    Talk,
    anything,
    at,
    heard,
    keeps,
    meanwhile,
    notes,
    publishes,
    says,
    sees,
    talk,
    until,
    writes,
)

KEY = GrantKey("hq/shop/db")
LEASE_MS = 3_000
PROMISE_MS = 3_030
ROUND_MS = 300
ALL = {B: LifeId("b1"), C: LifeId("c1")}
FIRST = Electorate(roster_version=1, members=frozenset({A, B, C}))
SECOND = Electorate(roster_version=2, members=frozenset({A, B, D}))


def view(**fields) -> GrantingView:
    given = {
        "electorate": FIRST,
        "longest_lease_ms": LEASE_MS,
        "lives": ALL,
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


def holder(**fields) -> Talk:
    """A that has just got its key with b's word, under the first roster: fence 1."""
    t = node_a(**fields)
    assert (
        t
        >> sees(wanted={KEY: 0})
        << says(None, ask(1))
        >> at(20, heard(B, give(1, 0)))
        << keeps("granting/fence/")
        << says(None, ask(2, fence=1))
        >> at(40, heard(B, give(2, 1)))
        << notes("grant.held", KEY, fence=1)
    )
    return t


# --- one roster follows another ---------------------------------------------------------------------------------------


def test_x5_who_has_closed_a_roster_grants_nothing_more_under_it() -> None:
    t = node_a(closed=True)
    assert t >> heard(B, ask())


def test_x5_a_new_roster_grants_for_a_while_only_to_the_holder_agreed_on() -> None:
    t = node_a(electorate=SECOND, only_agreed_until_ms=PROMISE_MS, agreed={KEY: B})
    t.view = view(electorate=SECOND, only_agreed_until_ms=PROMISE_MS, agreed={KEY: B}, lives={**ALL, D: LifeId("d1")})
    assert t >> heard(D, ask(roster=2))
    assert t >> heard(B, ask(roster=2)) << says(B, give(1, 0, roster=2))


def test_x5_and_to_anybody_when_all_that_was_promised_before_is_over() -> None:
    t = node_a(electorate=SECOND, only_agreed_until_ms=PROMISE_MS, lives={B: LifeId("b1")})
    assert t >> at(PROMISE_MS - 1, heard(B, ask(1, roster=2)))
    assert t >> at(PROMISE_MS, heard(B, ask(2, roster=2))) << says(B, give(2, 0, roster=2))


def test_x5_whom_it_promised_under_which_roster_is_known_while_it_lasts() -> None:
    t = node_a()
    assert t >> heard(B, ask()) << says(B, GrantGive)
    assert t.machine.promised_under(1, PROMISE_MS - 1) == {KEY: B}
    assert t.machine.promised_under(1, PROMISE_MS) == t.machine.promised_under(2, 10) == {}


def test_x5_who_is_not_of_the_roster_that_counts_grants_nothing() -> None:
    t = node_a(electorate=Electorate(roster_version=1, members=frozenset({B, C})))
    assert t >> heard(B, ask())


def test_x2_answers_under_two_rosters_make_no_quorum_together() -> None:
    t = holder()
    assert t >> until(780) << says(None, ask(3, fence=1))
    assert t >> sees(electorate=SECOND) << says(None, ask(4, fence=1, roster=2))
    assert t >> at(800, heard(B, give(3, 1, roster=1)))
    assert t.machine.held[KEY].until_ms < 780 + LEASE_MS


def test_x5_a_holder_goes_on_under_the_next_roster_with_the_same_fence() -> None:
    t = holder(agreed={KEY: A}, only_agreed_until_ms=10_000)
    assert t >> at(100) >> sees(electorate=SECOND) << says(None, ask(3, fence=1, roster=2))
    assert t >> at(120, heard(B, give(3, 1, roster=2)))
    held = t.machine.held[KEY]
    assert (held.fence, held.until_ms, held.surrendered) == (1, 100 + LEASE_MS, "")


def test_x9_a_higher_fence_that_was_told_under_a_roster_is_forgone_with_it() -> None:
    t = holder(agreed={KEY: A}, only_agreed_until_ms=10_000)
    assert t >> until(20 + LEASE_MS // 4) << says(None, ask(3, fence=1)) << anything
    assert t >> heard(B, give(3, 5)) << keeps("granting/fence/") << says(None, ask(4, fence=6))
    assert t >> sees(electorate=SECOND) << says(None, ask(5, fence=1, roster=2))


def test_x5_who_is_agreed_on_for_one_key_is_granted_that_one_beside_one_that_it_is_not() -> None:
    other = GrantKey("hq/shop/another")
    t = node_a(electorate=SECOND, only_agreed_until_ms=PROMISE_MS, agreed={KEY: B})
    both = GrantAsk(number=1, roster_version=2, keys={other: 0, KEY: 0})
    assert t >> heard(B, both) << says(B, give(1, 0, roster=2))


def test_x9_granters_that_have_seen_no_fence_know_those_of_the_rosters_before() -> None:
    t = node_a(electorate=SECOND, fences={KEY: 7}, lives={B: LifeId("b1")})
    assert t >> heard(B, ask(roster=2)) << says(B, give(1, 7, roster=2))
    assert t >> heard(B, ask(2, fence=8, roster=2)) << keeps("granting/fence/") << says(B, give(2, 8, roster=2))


# --- exclusiveness given up -------------------------------------------------------------------------------------------


def cut_off(**fields) -> Talk:
    """A holder that hears nobody any more from 1,000 on, with its program running."""
    t = holder(**fields)
    assert t >> at(1_000) << anything >> sees(lives={}, in_use=frozenset({KEY}))
    return t


def test_x8_by_default_a_role_without_a_quorum_ends_with_its_lease() -> None:
    t = cut_off()
    assert t >> until(20 + LEASE_MS + 1_000) << anything
    assert t.machine.held == {}


def test_x8_a_role_that_runs_without_a_quorum_goes_on_at_once_and_says_so() -> None:
    t = cut_off(runs_alone=frozenset({KEY}))
    why = "no majority of the roster is in contact"
    told = notes("grant.surrendered", KEY, fence=1, why=why)
    assert t >> until(2_000) << anything << told << writes("grant.surrendered", fence=1, why=why)
    assert [(r.kind, r.about) for r in t.said.record] == [("decision", KEY)]
    held = t.machine.held[KEY]
    assert held.fence == 1 and held.surrendered == "no majority of the roster is in contact"
    since_ms = held.surrendered_wall_ms
    assert since_ms is not None and 1_000 < since_ms <= 2_000
    assert t >> until(20_000) << anything
    assert t.machine.held[KEY].surrendered_wall_ms == since_ms and t.machine.held[KEY].until_ms > 20_000


def test_x8_whoever_has_a_quorum_has_given_nothing_up() -> None:
    held = holder().machine.held[KEY]
    assert (held.surrendered, held.surrendered_wall_ms, held.without) == ("", None, frozenset())


def test_x8_a_role_without_a_quorum_starts_when_the_longest_promise_is_over_and_goes_on_at_once() -> None:
    surrender = Surrender()
    surrender.look(FIRST, frozenset({A}), {}, 100, LEASE_MS)
    assert surrender.may_run_alone(100, LEASE_MS, holds=True)
    assert not surrender.may_run_alone(100 + PROMISE_MS - 1, LEASE_MS, holds=False)
    assert surrender.may_run_alone(100 + PROMISE_MS, LEASE_MS, holds=False)


def test_x8_one_that_starts_there_waits_for_the_longest_promise_and_takes_a_fence_of_its_own() -> None:
    t = node_a(lives={}, runs_alone=frozenset({KEY}))
    t.machine.fences[KEY] = 7
    assert t >> at(0) >> sees(wanted={KEY: 0}) << anything >> until(PROMISE_MS - 1) << anything
    assert t.machine.held == {}
    assert t >> until(PROMISE_MS + ROUND_MS * 3) << keeps(f"granting/fence/{KEY}") << anything
    assert [decode(p.value, int) for p in t.said.persist if isinstance(p, Put)] == [8]
    assert t.machine.held[KEY].fence == 8 and t.machine.held[KEY].surrendered


def test_x8_what_runs_without_a_quorum_is_renewed_as_seldom_as_what_runs_with_one() -> None:
    t = cut_off(runs_alone=frozenset({KEY}))
    assert t >> until(2_000) << anything
    assert t >> until(2_000 + LEASE_MS) << anything
    assert len([s for s in t.said.send if isinstance(s.message, GrantAsk)]) <= 4
    assert isinstance(t.machine.next_deadline_ms(), int), "moments are whole"


def test_x8_on_contact_it_stops_before_it_asks() -> None:
    t = cut_off(runs_alone=frozenset({KEY}))
    assert t >> until(5_000) << anything
    assert t >> sees(lives=ALL) << notes("grant.given_up", KEY) << anything
    assert t.machine.held == {}
    assert t >> until(6_000), "it asks for nothing while its program is there"
    assert t >> sees(in_use=frozenset()) << says(None, GrantAsk, keys={KEY: 0})


def declared() -> Talk:
    """A hears b; c, which is off, has just been declared dead; with d there would be four."""
    four = Electorate(roster_version=1, members=frozenset({A, B, C, D}))
    t = node_a(electorate=four, lives={B: LifeId("b1")})
    assert t >> sees(declared={C: 1, D: 1}, wanted={KEY: 0}) << anything
    return t


def test_x8_the_weight_of_the_dead_is_left_out_after_the_longest_promise() -> None:
    t = declared()
    assert t >> until(PROMISE_MS - 1) << anything
    assert t.machine.surrender.dead == frozenset()
    assert t >> until(PROMISE_MS) << anything
    assert t.machine.surrender.dead == {C, D}


def test_x8_with_the_dead_left_out_it_still_takes_a_quorum_of_the_living() -> None:
    t = declared()
    assert t >> until(PROMISE_MS + 5 * ROUND_MS) << anything
    assert t.machine.surrender.dead == {C, D} and t.machine.held == {}


def test_x8_whoever_shows_who_counts_as_dead_sees_each_change_of_it() -> None:
    t = declared()
    assert t >> sees() << anything
    versions = [t.machine.version]
    assert t >> until(PROMISE_MS - 1) << anything
    assert t.machine.version == versions[0], "nothing has changed yet"
    assert t >> until(PROMISE_MS) << anything
    versions.append(t.machine.version)
    for present in (ALL, {B: LifeId("b1")}):
        assert t >> sees(lives=present) << anything >> until(t.at_ms + PROMISE_MS) << anything
        versions.append(t.machine.version)
    assert versions == sorted(set(versions))


def test_x8_what_is_held_so_names_whose_weight_was_left_out() -> None:
    t = declared()
    assert t >> until(PROMISE_MS) << anything
    number = t.machine._number
    assert t >> heard(B, give(number, 0)) << anything
    assert t >> heard(B, give(number + 1, 1)) << anything
    held = t.machine.held[KEY]
    assert (held.surrendered, held.without) == ("without c, d, declared dead", {C, D})


def test_x8_nobodys_weight_is_left_out_while_a_quorum_of_the_whole_roster_is_in_contact() -> None:
    """Or it would hold its key without the dead, and stop at once for those who are there, again and again."""
    five = Electorate(roster_version=1, members=frozenset({A, B, C, D, E}))
    t = node_a(electorate=five)
    assert t >> sees(declared={D: 1, E: 1}, wanted={KEY: 0}) << anything >> until(PROMISE_MS) << anything
    assert t.machine.surrender.dead == {D, E}
    number = t.machine._number
    assert t >> heard(B, give(number, 0)) << anything
    assert t.machine._number == number, "it waits for c"
    assert t >> heard(C, give(number, 0)) << anything
    assert t >> heard(B, give(number + 1, 1)) >> heard(C, give(number + 1, 1)) << anything
    assert t.machine.held[KEY].surrendered == ""


def test_x8_what_is_held_under_a_roster_that_followed_without_a_majority_says_so() -> None:
    t = node_a(roster_surrendered=True)
    assert t >> sees(wanted={KEY: 0}) << anything >> heard(B, give(1, 0)) << anything
    assert t >> heard(B, give(2, 1)) << writes("grant.surrendered") << notes("grant.held") << notes("grant.surrendered")
    assert t.machine.held[KEY].surrendered == "under a roster that followed without a majority of the one before"
    assert t >> until(LEASE_MS // 4) << says(None, ask(3, fence=1))
    assert KEY in t.machine.held, "contact does not end it: the roster is the same for all"


def test_x8_who_was_declared_dead_stops_what_it_has_and_only_then_says_that_it_lives() -> None:
    t = holder(in_use=frozenset({KEY}))
    assert t >> sees(declared={A: 4}) << notes("grant.given_up", KEY)
    assert t.machine.held == {}
    lives = Living(node=A, generation=5)
    assert t >> sees(in_use=frozenset()) << publishes("dead/a", lambda v: v == lives)
    assert [p.version for p in t.said.publish] == [lives.version]
    assert t >> sees(declared={}) << says(None, GrantAsk, keys={KEY: 0})


def test_x8_the_nodes_own_word_counts_against_one_of_the_same_generation() -> None:
    """Operators of two parts, one of whom said it twice: otherwise each word would stay with those who heard it."""
    twice, answer = DeclaredDead(node=A, generation=2), Living(node=A, generation=2)
    assert DeclaredDead(node=A, generation=1).version < twice.version < answer.version


def test_x9_whoever_hears_of_a_higher_fence_keeps_its_own_until_it_has_one_above() -> None:
    """Somebody had the key by X8 meanwhile, and has given it up."""
    t = holder()
    assert t >> until(20 + LEASE_MS // 4) << says(None, ask(3, fence=1)) << anything
    assert t >> heard(B, give(3, 5)) << keeps("granting/fence/") << says(None, ask(4, fence=6))
    assert t.machine.held[KEY].fence == 1
    assert t >> heard(B, give(4, 6)) << notes("grant.held", KEY)
    assert t.machine.held[KEY].fence == 6


def test_x9_a_holder_that_gets_no_quorum_for_a_higher_fence_goes_on_asking_with_its_own() -> None:
    t = holder()
    assert t >> until(20 + LEASE_MS // 4) << says(None, ask(3, fence=1)) << anything
    assert t >> heard(B, give(3, 5)) << keeps("granting/fence/") << says(None, ask(4, fence=6))
    assert t >> until(20 + LEASE_MS // 4 + ROUND_MS + 50) << says(None, ask(5, fence=1))


def test_x8_who_is_in_contact_is_not_dead() -> None:
    t = node_a(declared={B: 1})
    assert t >> at(10_000)
    assert t.machine.surrender.dead == frozenset()


def test_what_is_not_wanted_any_more_is_given_back_whoever_was_declared_dead() -> None:
    t = holder()
    assert t >> meanwhile(declared={C: 1}) >> sees(wanted={}) << says(None, GrantRelease)
