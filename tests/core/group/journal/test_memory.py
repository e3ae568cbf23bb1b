"""The newest pieces are in memory, the older ones on the disk, and nobody can tell (N5)."""

from __future__ import annotations

import pytest

from skerry.core.group.journal import machine
from tests.core.group.journal.disk import Disk, numbers, opened
from tests.core.things import A, B


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pieces."""
    monkeypatch.setattr(machine, "WINDOW", 3)


def test_memory_holds_the_newest_and_the_disk_gives_the_rest() -> None:
    disk, other = Disk(A), Disk(B)
    disk.write(*"abcdefgh")
    assert len(disk.chain("a/1").recent) == 3
    assert disk.held("a/1") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert numbers(disk.journal.after("a/1", 2, 4)) == [3, 4, 5, 6]
    assert all(other.copy(disk, "a/1"))
    assert not any(other.copy(disk, "a/1", after=1)), "and what is held is known again, wherever it lies"


def test_where_nothing_gives_the_rest_all_of_it_stays_in_memory() -> None:
    author, manager = Disk(A), Disk(B, has_shelf=False)
    author.write(*"abcdefgh")
    manager.copy(author, "a/1")
    assert manager.held("a/1") == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("number", [1, 2, 5, 7, 8])
def test_j1_a_fork_is_found_wherever_the_one_of_the_two_lies(number: int) -> None:
    disk, fork, other = Disk(A), Disk(A), Disk(B)
    disk.write(*"abcdefgh")
    other.copy(disk, "a/1")
    fork.write(*("abcdefgh"[: number - 1] + "X"))
    (contradiction,) = fork.journal.entries("a/1", number - 1)
    assert other.takes(contradiction) == [True]
    assert other.journal.forks.chains == {"a/1": number}
    other.start("2")
    assert other.journal.forks.chains == {"a/1": number}


def test_j1_who_goes_on_behind_what_all_others_dropped_keeps_nothing_of_what_stood_before() -> None:
    old, behind = Disk(A), Disk(B)
    old.write(*"abcdefgh")
    behind.takes(*old.journal.entries("a/1", 0)[:5])
    behind.hears(a_1=7)
    assert behind.copy(old, "a/1", after=7) == [True]
    assert behind.held("a/1") == [8]
    behind.start("2")


def test_what_is_in_memory_has_no_gaps() -> None:
    """Of two sums the older comes later, and stands apart from what is in memory."""
    old, new = Disk(A), Disk(B)
    old.write(*"abc")
    first = Disk(A, kept=dict(old.kept)).folds()
    old.write("decided", kind="decision")
    old.write(*"efg")
    new.copy(old, "a/1")
    assert new.takes(old.folds()) == [True]
    old.write("h", kind="decision")
    new.copy(old, "a/1", after=7)
    assert new.takes(first) == [True]
    assert new.held("a/1") == [3, 4, 7, 8]


def test_n5_what_is_not_durable_yet_is_left_out_and_comes_later() -> None:
    disk = Disk(A)
    disk.write("a")
    pending = [disk.records(what) for what in "bcdef"]
    assert disk.held("a/1") == [1]
    for done in pending:
        disk.keep(done)
    assert disk.held("a/1") == [1, 2, 3, 4, 5, 6]


def test_n5_what_is_not_durable_yet_and_comes_again_changes_nothing() -> None:
    author, other = Disk(A, has_shelf=False), Disk(B)
    author.write(*"abcdefgh")
    pieces = author.journal.entries("a/1", 0)
    for sealed in pieces:
        other.journal.take(opened(sealed))
    assert other.takes(pieces[1], author.folds()) == [False, False]
    assert other.journal.heads == {"a/1": 8}


def test_n5_a_sum_that_is_not_durable_yet_is_given_from_memory() -> None:
    author, other = Disk(A), Disk(B)
    author.write("decided", kind="decision")
    author.write(*"ab")
    sealed = Disk(A, kept=dict(author.kept)).folds()
    other.copy(author, "a/1")
    author.write("decided", kind="decision")
    other.takes(author.journal.entries("a/1", 0)[-1])
    other.journal.take(opened(sealed))
    given = other.journal.after("a/1", 1)
    assert (given[0], numbers(given)) == (sealed, [3, 4])


def test_j2_of_a_sum_of_sums_any_part_leads_to_the_whole_of_it() -> None:
    author, late = Disk(A, has_shelf=False), Disk(B)
    author.write(*"abc")
    late.copy(author, "a/1")
    author.folds(sums=False)
    author.write(*"def")
    author.folds(sums=False)
    late.copy(author, "a/1", after=3)
    author.write("g")
    late.takes(author.folds())
    author.write(*"hijkl", kind="decision")
    late.copy(author, "a/1", after=7)
    assert [numbers(late.journal.after("a/1", number, 1)) for number in (0, 2, 3, 5, 6, 7)] == [[7]] * 5 + [[8]]
