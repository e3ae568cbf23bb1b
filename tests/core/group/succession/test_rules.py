"""Who has closed a version of the roster, which counts then, and who alone may go on at once (X5, X8)."""

from __future__ import annotations

import msgspec
import pytest

from skerry.core.group.succession.model import Closing, Edition
from skerry.core.group.succession.rules import agreed, check_held, closers, counts_from, is_closed
from skerry.core.kernel.ids import GrantKey, NodeId
from tests.core.group.succession.test_machine import KEY, closing, edition, held, said
from tests.core.things import A, B, C, D

ONE, TWO, THREE = edition(1, A, B, C), edition(2, A, B, C), edition(3, A, B, C)
ALL = held(ONE, TWO, THREE)


def test_x5_who_has_closed_a_version_has_closed_those_before_it_and_none_after() -> None:
    words = said(closing(A, through=2), closing(B, through=1))
    assert {*closers(1, ALL, words)} == {A, B}
    assert {*closers(2, ALL, words)} == {A}


@pytest.mark.parametrize(
    "word",
    [closing(B, through=1, name="forged"), closing(B, through=3), closing(B, through=0)],
    ids=["in favour of another roster", "of one that is not held here", "of an earlier version"],
)
def test_x5_a_closing_counts_in_favour_of_the_rosters_held_here_and_of_no_others(word: Closing) -> None:
    assert closers(1, ALL, said(word)) == {}


def test_x5_a_version_is_closed_by_a_quorum_of_its_own_members() -> None:
    assert not is_closed(1, ALL, said(closing(A)))
    assert is_closed(1, ALL, said(closing(A), closing(B)))
    assert not is_closed(1, ALL, said(closing(A), closing(D))), "d is no member of it"


def test_x8_the_weight_of_the_dead_is_left_out_and_where_all_are_dead_nobody_is_left_to_close() -> None:
    words = said(closing(A))
    assert not is_closed(1, ALL, words, frozenset({B}))
    assert is_closed(1, ALL, words, frozenset({B, C}))
    assert is_closed(1, ALL, {}, frozenset({A, B, C}))
    assert not is_closed(1, ALL, {}, frozenset({A, B}))
    assert counts_from(1, ALL, words, frozenset({B, C})) == 2


def test_x5_the_first_version_that_is_not_closed_counts_or_the_last_that_is_held() -> None:
    once, twice = said(closing(A), closing(B)), said(closing(A, through=2), closing(B, through=2))
    assert counts_from(1, ALL, {}) == 1
    assert counts_from(1, ALL, once) == 2
    assert counts_from(1, ALL, twice) == 3
    assert counts_from(3, ALL, said(closing(A, through=3), closing(B, through=3))) == 3
    gap = held(ONE, THREE)
    assert counts_from(1, gap, said(closing(A, through=2), closing(B, through=2))) == 1, "its successor is not known"


# --- who alone may go on ----------------------------------------------------------------------------------------------


def test_x5_where_the_version_that_counts_has_not_changed_nobody_goes_on_by_a_closing() -> None:
    assert agreed(1, 1, ALL, said(closing(A, to=A), closing(B, to=A))) == {}


def test_x5_a_quorum_that_names_the_holder_or_nobody_lets_it_go_on() -> None:
    assert agreed(1, 2, ALL, said(closing(A, to=A), closing(B, to=A))) == {KEY: A}
    assert agreed(1, 2, ALL, said(closing(A, to=A), closing(B))) == {KEY: A}
    assert agreed(1, 2, ALL, said(closing(A, to=A), closing(B, to=B))) == {}
    assert agreed(1, 2, ALL, said(closing(A, to=A))) == {}


def test_x5_each_version_that_was_closed_since_needs_such_a_quorum() -> None:
    """Of the second one's five members two say nothing of the other three."""
    wider = held(ONE, edition(2, A, B, C, D, NodeId("e")), THREE)
    both = (closing(A, through=2, to=A), closing(B, through=2, to=A))
    assert agreed(1, 2, wider, said(*both)) == {KEY: A}
    assert agreed(1, 3, wider, said(*both)) == {}
    assert agreed(1, 3, wider, said(*both, closing(D, through=2))) == {KEY: A}


def test_x5_what_was_promised_under_an_earlier_version_than_counted_here_says_nothing_of_this_one() -> None:
    words = said(closing(A, through=2, base=2, to=A), closing(B, through=2, base=1, to=C))
    assert agreed(2, 3, ALL, words) == {KEY: A}


def test_x5_a_roster_without_members_on_the_way_has_nobody_to_ask() -> None:
    empty: dict[int, Edition] = held(ONE, edition(2), THREE)
    assert agreed(1, 3, empty, said(closing(A, to=A), closing(B, to=A))) == {KEY: A}


def test_x5_each_key_is_agreed_on_by_itself() -> None:
    one, other, third = GrantKey("one"), GrantKey("other"), GrantKey("third")
    words = said(
        Closing(node=A, base=1, through=1, successor="2", promises={one: A, other: B, third: A}),
        Closing(node=B, base=1, through=1, successor="2", promises={one: A, other: B, third: B}),
    )
    assert agreed(1, 2, ALL, words) == {one: A, other: B}


@pytest.mark.parametrize(("counting", "rosters"), [(0, [1]), (0, [3, 4]), (1, [1, 2, 3]), (3, [1, 3]), (2, [3, 2])])
def test_a_disk_with_every_roster_from_the_one_that_counts_on_is_gone_on_with(
    counting: int, rosters: list[int]
) -> None:
    check_held(counting, rosters)


@pytest.mark.parametrize("rosters", [[1], [1, 3], [1, 2**63]])
@pytest.mark.parametrize("counting", [-1, 2, 2**62])
def test_a_disk_that_has_lost_one_by_which_grants_go_is_not(counting: int, rosters: list[int]) -> None:
    with pytest.raises(msgspec.DecodeError, match=f"of the rosters {counting} to {max(rosters)}, by which grants go"):
        check_held(counting, rosters)


def test_before_any_counts_all_rosters_of_a_disk_are_a_row() -> None:
    with pytest.raises(msgspec.DecodeError, match="rosters 1 to 3"):
        check_held(0, [1, 3])
