"""Which roster counts at node a of three, and what it closes (X5)."""

from __future__ import annotations

import msgspec
import pytest

from skerry.core.group.granting.model import Electorate
from skerry.core.group.succession.machine import CLOSE_AFTER_MS, COUNTING_KEY, OVER_KEY, Succession, SuccessionView
from skerry.core.group.succession.model import Closing, Edition
from skerry.core.group.succession.rules import agreed
from skerry.core.kernel.effects import Put
from skerry.core.kernel.ids import GrantKey, NodeId
from skerry.core.kernel.values import encode
from tests.core.things import A, B, C, D
from tests.support.conversation import Talk, at, keeps, notes, publishes, sees, talk, until

KEY = GrantKey("hq/shop/db")
LEASE_MS = 3_000
PROMISE_MS = 3_030
HELD = range(1, 6)


def edition(
    version: int, *members: NodeId, name: str = "", tie_breaker: str | None = None, lease_ms: int = LEASE_MS
) -> Edition:
    electorate = Electorate(
        roster_version=version, members=frozenset(members), tie_breaker=tie_breaker, lease_ms=lease_ms
    )
    return Edition(electorate=electorate, digest=f"{version}{name}")


ONE, TWO, THREE = edition(1, A, B, C), edition(2, A, B, C, D), edition(3, A, B, D)


def closing(node: NodeId, through: int = 1, base: int = 1, *, to: NodeId | None = None, name: str = "") -> Closing:
    promises = {KEY: to} if to is not None else {}
    return Closing(node=node, base=base, through=through, successor=f"{through + 1}{name}", promises=promises)


def view(*editions: Edition, **fields) -> SuccessionView:
    given = {
        "editions": {e.electorate.roster_version: e for e in editions or (ONE,)},
        "closings": {},
        "promises": {},
        "fences": {},
        "known_from_ms": 0,
        "dead": frozenset(),
        **fields,
    }
    return SuccessionView(**given)


def said(*closings: Closing) -> dict[NodeId, Closing]:
    return {c.node: c for c in closings}


def held(*editions: Edition) -> dict[int, Edition]:
    return {e.electorate.roster_version: e for e in editions}


def node_a(**fields) -> Talk:
    """One that has counted grants under version 1 for long."""
    t = talk(Succession.recover(A, {COUNTING_KEY: encode(1)}, HELD), view(**fields))
    assert t >> at(0)
    return t


def closed_by_a(**fields) -> Talk:
    """A knows of version 2, and has closed 1."""
    t = node_a(**fields)
    assert t >> sees(editions=held(ONE, TWO))
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a")
    mine = t.said.publish[0].value
    assert t >> sees(closings=said(mine))
    return t


# --- closing ----------------------------------------------------------------------------------------------------------


def test_x5_a_node_that_holds_the_next_roster_closes_the_one_that_counts_and_names_its_promises() -> None:
    t = node_a(promises={KEY: B})
    assert t >> sees(editions=held(ONE, TWO))
    assert t >> until(CLOSE_AFTER_MS - 1)
    mine = closing(A, to=B)
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a", lambda v: v == mine) << notes("roster.closed")
    assert t.machine.closed and t.machine.counting == 1


def test_x5_a_closing_is_a_document_whose_version_is_the_one_that_it_closes() -> None:
    t = node_a(promises={KEY: B})
    assert t >> sees(editions=held(ONE, TWO)) >> until(CLOSE_AFTER_MS) << publishes("closing/a")
    assert t.said.publish[0].version == (1,)
    (note,) = t.said.note
    assert note.data == {"version": 1, "promises": {KEY: B}}


def test_x5_of_what_is_over_a_node_closes_all_that_it_belonged_to_also_if_it_came_later() -> None:
    t = talk(Succession.recover(D, {COUNTING_KEY: encode(1)}, HELD), view(ONE, TWO))
    assert t >> at(0) >> until(1_000)
    assert t >> sees(editions=held(ONE, TWO, THREE))
    both = closing(D, through=2)
    assert t >> until(1_000 + CLOSE_AFTER_MS) << publishes("closing/d", lambda v: v == both)


def test_x5_it_closes_again_when_there_is_a_later_successor() -> None:
    t = closed_by_a()
    assert t >> sees(editions=held(ONE, TWO, THREE))
    both = closing(A, through=2)
    assert t >> until(t.at_ms + CLOSE_AFTER_MS) << publishes("closing/a", lambda v: v == both)


def test_x9_it_hands_on_the_fences_that_it_has_seen() -> None:
    t = node_a(fences={KEY: 7})
    assert t >> sees(editions=held(ONE, TWO))
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a", lambda v: v.fences == {KEY: 7})


def test_x5_it_closes_once() -> None:
    t = closed_by_a()
    assert t >> until(60_000)


def test_x5_a_restart_does_not_take_it_back() -> None:
    t = talk(Succession.recover(A, {COUNTING_KEY: encode(1)}, HELD), view(ONE, TWO, closings=said(closing(A))))
    assert t >> at(0)
    assert t.machine.closed


def test_x5_it_does_not_close_before_it_knows_what_an_earlier_life_promised() -> None:
    t = node_a(known_from_ms=PROMISE_MS)
    assert t >> sees(editions=held(ONE, TWO)) >> until(PROMISE_MS - 1)
    assert t >> until(PROMISE_MS) << publishes("closing/a")


def test_a_disk_that_never_granted_anything_has_nothing_to_wait_for() -> None:
    t = talk(Succession.recover(A, {}, HELD), view(ONE, TWO, known_from_ms=PROMISE_MS))
    assert t >> at(0) << keeps(COUNTING_KEY)
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a")


def test_rosters_that_come_in_a_row_are_closed_in_one() -> None:
    t = node_a()
    assert t >> sees(editions=held(ONE, TWO)) >> until(CLOSE_AFTER_MS // 2) >> sees(editions=held(ONE, TWO, THREE))
    both = closing(A, through=2)
    assert t >> until(CLOSE_AFTER_MS * 2) << publishes("closing/a", lambda v: v == both)


def test_who_belongs_to_none_that_is_over_has_nothing_to_close() -> None:
    t = talk(Succession.recover(D, {}, HELD), view(ONE, TWO))
    assert t >> at(0) << keeps(COUNTING_KEY) >> until(1_000)


# --- counting ---------------------------------------------------------------------------------------------------------


def test_x5_until_a_quorum_has_closed_it_the_old_roster_counts() -> None:
    t = closed_by_a()
    assert t.machine.counting == 1
    assert t >> sees(closings=said(closing(A), closing(B))) << keeps(COUNTING_KEY) << notes("roster.counts", version=2)
    assert t.machine.counting == 2 and not t.machine.closed


def test_x5_a_closing_in_favour_of_another_successor_counts_for_nothing() -> None:
    t = closed_by_a()
    assert t >> sees(closings=said(closing(A), closing(B, name="other")))
    assert t.machine.counting == 1


def test_x5_who_was_away_for_several_versions_goes_on_to_the_last() -> None:
    t = node_a()
    late = said(*(closing(n, through=2, base=2) for n in (B, C, D)))
    assert t >> sees(editions=held(ONE, TWO, THREE), closings=late) << keeps(COUNTING_KEY)
    assert t.machine.counting == 3


def test_a_roster_without_members_needs_nobody_to_close_it() -> None:
    t = talk(Succession.recover(A, {}, HELD), view(edition(1), edition(2, A)))
    assert t >> at(0) << keeps(COUNTING_KEY)
    assert t.machine.counting == 2


def test_x8_a_quorum_without_the_dead_will_do_and_is_told_apart() -> None:
    t = node_a()
    assert t >> sees(editions=held(ONE, edition(2, A)), closings=said(closing(A)))
    assert t >> sees(dead=frozenset({B, C})) << keeps(COUNTING_KEY)
    assert t.machine.counting == 2 and t.machine.surrendered
    assert t >> sees(closings=said(closing(A), closing(B)))
    assert not t.machine.surrendered


def test_x8_what_the_dead_have_closed_counts_and_no_less_for_their_being_dead() -> None:
    three = edition(1, A, B, C, tie_breaker=B)
    t = node_a(editions=held(three))
    assert t >> sees(editions=held(three, edition(2, A, C)), dead=frozenset({B}))
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a")
    assert t >> sees(closings=said(closing(A), closing(B))) << keeps(COUNTING_KEY)
    assert (t.machine.counting, t.machine.surrendered) == (2, False)


def test_a_node_that_holds_none_of_the_first_rosters_begins_with_the_first_that_it_holds() -> None:
    t = talk(Succession.recover(A, {}, HELD), view(edition(4, A, B, C), edition(5, A, B, C)))
    assert t >> at(0) << keeps(COUNTING_KEY) << notes("roster.counts", version=4)
    assert t.said.persist == (Put(key=COUNTING_KEY, value=encode(4)),)
    assert not t.machine.surrendered
    mine = closing(A, through=4, base=4)
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a", lambda v: v == mine)


def test_x5_what_counted_before_a_restart_counts_after_it_and_is_the_base_of_the_next_closing() -> None:
    t = talk(Succession.recover(A, {COUNTING_KEY: encode(2)}, HELD), view(ONE, TWO, THREE))
    assert t >> at(0)
    assert t.machine.counting == 2
    mine = closing(A, through=2, base=2)
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a", lambda v: v == mine)


def test_x8_exclusiveness_is_given_up_for_as_long_as_any_version_before_was_not_closed_by_a_whole_quorum() -> None:
    t = node_a(dead=frozenset({B, C}))
    onward = held(ONE, edition(2, A), edition(3, A))
    assert t >> sees(editions=onward, closings=said(closing(A, through=2))) << keeps(COUNTING_KEY)
    assert (t.machine.counting, t.machine.surrendered) == (3, True)
    assert t >> sees(closings=said(closing(A, through=2), closing(C)))
    assert not t.machine.surrendered
    later = node_a(dead=frozenset({B, C}))
    onward = held(ONE, edition(2, A, B, C), edition(3, A))
    assert later >> sees(editions=onward, closings=said(closing(A, through=2), closing(B))) << keeps(COUNTING_KEY)
    assert (later.machine.counting, later.machine.surrendered) == (3, True)


def test_whoever_watches_is_told_of_each_change_and_of_nothing_else() -> None:
    t = node_a()
    before = t.machine.version
    assert t >> sees()
    assert t.machine.version == before
    assert t >> sees(editions=held(ONE, TWO)) >> until(CLOSE_AFTER_MS) << publishes("closing/a")
    closed = t.machine.version
    assert closed > before
    assert t >> sees(closings=said(closing(A), closing(B))) << keeps(COUNTING_KEY)
    assert t.machine.version > closed


# --- how long what was promised before binds --------------------------------------------------------------------------

LONG_MS = 60_000
LONG_PROMISE_MS = 60_600
LONG = edition(1, A, B, C, lease_ms=LONG_MS)


def shortened() -> Talk:
    """The lease of the second version is shorter than that of the first, which a quorum has closed."""
    t = node_a(editions=held(LONG))
    assert t >> sees(editions=held(LONG, TWO))
    assert t >> until(CLOSE_AFTER_MS) << publishes("closing/a")
    assert t >> sees(closings=said(closing(A), closing(B))) << keeps(COUNTING_KEY)
    return t


def test_x2_a_promise_under_an_earlier_roster_is_waited_for_by_its_own_lease() -> None:
    t = shortened()
    assert t.machine.waits_until_ms == t.at_ms + LONG_PROMISE_MS
    assert t.machine.longest_lease_ms(held(LONG, TWO), 2) == LONG_MS


def test_x2_a_longer_lease_is_not_waited_for_before_anybody_can_have_had_one() -> None:
    t = closed_by_a()
    longer = edition(2, A, B, C, D, lease_ms=LONG_MS)
    assert t >> sees(editions=held(ONE, longer), closings=said(closing(A), closing(B))) << keeps(COUNTING_KEY)
    assert t.machine.waits_until_ms == t.at_ms + PROMISE_MS


def test_x4_a_start_counts_with_the_longer_lease_until_all_that_was_promised_under_it_is_over() -> None:
    t = shortened()
    counts_ms = t.at_ms
    crashed = Succession.recover(A, {COUNTING_KEY: encode(2)}, HELD)
    assert crashed.longest_lease_ms(held(LONG, TWO), 2) == LONG_MS
    assert t >> until(counts_ms + LONG_PROMISE_MS - 1)
    assert t >> at(counts_ms + LONG_PROMISE_MS) << keeps(OVER_KEY)
    (over,) = t.said.persist
    assert isinstance(over, Put)
    after = Succession.recover(A, {COUNTING_KEY: encode(2), OVER_KEY: over.value}, HELD)
    assert after.longest_lease_ms(held(LONG, TWO), 2) == LEASE_MS


def test_x4_after_a_start_it_is_not_over_before_the_promises_of_the_earlier_life_are() -> None:
    kept = {COUNTING_KEY: encode(2)}
    t = talk(Succession.recover(A, kept, HELD), view(LONG, TWO, known_from_ms=LONG_PROMISE_MS))
    assert t >> at(0) >> until(LONG_PROMISE_MS - 1)
    assert t >> at(LONG_PROMISE_MS) << keeps(OVER_KEY)


def test_x2_of_several_that_are_over_at_once_the_longest_lease_is_waited_for_whichever_had_it() -> None:
    t = node_a()
    longer = edition(2, A, B, C, D, lease_ms=LONG_MS)
    late = said(*(closing(n, through=2) for n in (A, B, C)))
    assert t >> sees(editions=held(ONE, longer, THREE), closings=late) << keeps(COUNTING_KEY)
    assert (t.machine.counting, t.machine.waits_until_ms) == (3, t.at_ms + LONG_PROMISE_MS)


def test_x2_it_wakes_when_the_wait_is_over_also_if_there_is_something_to_close_after_that() -> None:
    t = closed_by_a()
    assert t >> sees(closings=said(closing(A), closing(B))) << keeps(COUNTING_KEY)
    over_ms = t.at_ms + PROMISE_MS
    assert t.machine.next_deadline_ms() == over_ms
    assert t >> until(over_ms - 1)
    assert t >> sees(editions=held(ONE, TWO, THREE))
    assert t.machine.next_deadline_ms() == over_ms


def test_x4_a_start_needs_the_rosters_from_the_last_that_was_over_on_and_none_before_them() -> None:
    """Unless it knows of none that was over: then those from the one that counts on."""
    assert Succession.recover(A, {COUNTING_KEY: encode(3)}, (3, 4)).over == 0
    kept = {COUNTING_KEY: encode(3), OVER_KEY: encode(2)}
    assert Succession.recover(A, kept, (2, 3, 4)).over == 2
    with pytest.raises(msgspec.DecodeError):
        Succession.recover(A, kept, (3, 4))


# --- who goes on at once ----------------------------------------------------------------------------------------------


def test_x5_the_holder_whom_the_closing_agrees_on_goes_on_at_once() -> None:
    t = closed_by_a(promises={KEY: B})
    assert t >> sees(closings=said(closing(A, to=B), closing(C, to=B))) << keeps(COUNTING_KEY)
    assert t.machine.agreed == {KEY: B}
    assert t.machine.waits_until_ms == t.at_ms + PROMISE_MS


def test_x5_where_they_name_two_nobody_does() -> None:
    t = closed_by_a(promises={KEY: B})
    assert t >> sees(closings=said(closing(A, to=B), closing(C, to=C))) << keeps(COUNTING_KEY)
    assert t.machine.agreed == {}


def test_x5_a_quorum_that_agrees_is_enough_and_may_come_later() -> None:
    t = closed_by_a(promises={KEY: B})
    assert t >> sees(closings=said(closing(A, to=B), closing(C, to=C))) << keeps(COUNTING_KEY)
    assert t >> sees(closings=said(closing(A, to=B), closing(B, to=B), closing(C, to=C)))
    assert t.machine.agreed == {KEY: B}


def test_x5_who_has_gone_on_is_not_replaced_by_what_is_said_later() -> None:
    t = closed_by_a(promises={KEY: B})
    assert t >> sees(closings=said(closing(A, to=B), closing(C, to=B))) << keeps(COUNTING_KEY)
    assert t >> sees(closings=said(closing(A, to=C), closing(C, to=C)))
    assert t.machine.agreed == {KEY: B}


def test_x5_after_the_longest_promise_nobody_needs_to_be_agreed_on() -> None:
    for waited_ms, found in ((PROMISE_MS - 1, {KEY: B}), (PROMISE_MS, {})):
        t = closed_by_a(promises={KEY: B})
        assert t >> sees(closings=said(closing(A, to=B), closing(C, to=C))) << keeps(COUNTING_KEY)
        assert t >> until(t.at_ms + waited_ms)
        assert t >> sees(closings=said(closing(A, to=B), closing(B, to=B), closing(C, to=C)))
        assert t.machine.agreed == found


def test_x5_it_names_in_turn_who_went_on_for_as_long_as_that_promise_may_be_open() -> None:
    for waited_ms, promises, named in (
        (PROMISE_MS - 1, {}, {KEY: B}),
        (PROMISE_MS, {}, {}),
        (PROMISE_MS - 1, {KEY: C}, {KEY: C}),
    ):
        t = closed_by_a(promises={KEY: B})
        assert t >> sees(closings=said(closing(A, to=B), closing(B, to=B)), promises=promises) << keeps(COUNTING_KEY)
        closes_ms = t.at_ms + waited_ms
        assert t >> until(closes_ms - CLOSE_AFTER_MS) >> sees(editions=held(ONE, TWO, THREE))
        assert t >> until(closes_ms) << publishes("closing/a")
        assert t.said.publish[0].value.promises == named


def test_x5_a_holder_goes_on_over_two_changes_in_a_row() -> None:
    t = closed_by_a(promises={KEY: B})
    both = said(closing(A, to=B), closing(B, to=B))
    assert t >> sees(closings=both) << keeps(COUNTING_KEY)
    assert t >> sees(editions=held(ONE, TWO, THREE), promises={})
    assert t >> until(t.at_ms + CLOSE_AFTER_MS) << publishes("closing/a", lambda v: v.promises == {KEY: B})


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((closing(A, 2, to=A), closing(B, 2)), {KEY: A}),
        ((closing(A, 2, to=A), closing(B, 2, base=2)), {}),
    ],
    ids=["all of them knew no later one to count", "one of them did"],
)
def test_x5_who_knew_a_later_version_to_count_says_nothing_about_the_earlier(words, found) -> None:
    assert agreed(1, 3, held(ONE, edition(2, A, B, C), THREE), said(*words)) == found
