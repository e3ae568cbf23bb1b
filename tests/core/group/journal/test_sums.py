"""A signed sum takes the place of readings, and the chain goes on verifying (J2)."""

from __future__ import annotations

import pytest

from skerry.core.group.journal import machine
from tests.core.group.journal.disk import AT_ONCE, Disk, numbers, opened
from tests.core.things import A, B, C


def test_j2_a_sum_takes_the_place_of_what_it_stands_for() -> None:
    old, new = Disk(A), Disk(B)
    old.write(*"abcde")
    new.copy(old, "a/1")
    old.folds()
    old.write("f")
    assert new.copy(old, "a/1") == [True, True]
    assert (new.held("a/1"), new.journal.heads) == ([5, 6], {"a/1": 6})
    new.start("2")
    assert new.copy(old, "a/1") == [False, False]


@pytest.mark.parametrize("copied", [1, 2, 3, 4, 5, 6])
def test_j2_a_sum_takes_the_place_of_as_much_of_it_as_was_copied(copied: int) -> None:
    old, new = Disk(A), Disk(B)
    old.write(*"ab", kind="decision")
    old.write(*"cdef")
    new.takes(*old.journal.entries("a/1", 0)[:copied])
    old.folds()
    assert new.copy(old, "a/1")[-1]
    assert new.held("a/1") == [1, 2, 6]
    assert new.chain("a/1").hash == old.chain("a/1").hash
    new.start("2")


@pytest.mark.parametrize("written_before", ["", "12"])
@pytest.mark.parametrize("copied", [3, 4])
@pytest.mark.parametrize("dropped", [1, 3])
def test_j2_a_sum_that_reaches_below_what_was_dropped_is_taken_whole(
    written_before: str, copied: int, dropped: int
) -> None:
    """Its author was cut off, and had not heard how much of it was acknowledged."""
    old, new = Disk(A), Disk(B, retention=AT_ONCE)
    old.write(*written_before)
    if written_before:
        old.folds()
        old.write("d", kind="decision")
    old.write(*"abcde")
    new.takes(*old.journal.entries("a/1", 0)[:copied])
    new.hears(a_1=dropped)
    new.tidies(1_000)
    old.folds()
    assert new.copy(old, "a/1")[-1]
    assert new.held("a/1")[-1] == old.journal.heads["a/1"] == new.journal.heads["a/1"]
    new.start("2")


def test_j2_a_sum_that_reaches_below_what_was_dropped_and_stands_for_nothing_new_is_not_taken() -> None:
    old, new = Disk(A), Disk(B, retention=AT_ONCE)
    old.write(*"abcde")
    new.copy(old, "a/1")
    new.hears(a_1=3)
    new.tidies(1_000)
    old.folds()
    assert new.copy(old, "a/1") == [False], "all of it"
    old.write("f", kind="decision")
    new.copy(old, "a/1", after=5)
    assert new.copy(old, "a/1") == [False, False], "more than it"
    assert new.held("a/1") == [4, 5, 6]


def test_j2_a_sum_takes_the_place_of_sums() -> None:
    old, new, late = Disk(A), Disk(B), Disk(C)
    for _ in range(2):
        old.write(*"abc")
        new.copy(old, "a/1", after=new.journal.heads.get("a/1", 0))
        late.copy(old, "a/1", after=late.journal.heads.get("a/1", 0))
        old.folds(sums=False)
    assert old.held("a/1") == [3, 6]
    assert new.copy(old, "a/1") == [True, True]
    assert late.copy(old, "a/1", after=3) == [True], "the first of them did not come"
    old.write("d")
    old.folds()
    for disk in (new, late):
        assert disk.copy(old, "a/1") == [True]
        assert disk.held("a/1") == [7]
        disk.start("2")


def test_j2_a_sum_that_comes_after_a_longer_one_changes_nothing() -> None:
    old, new = Disk(A), Disk(B)
    old.write(*"abc")
    short = old.folds()
    old.write(*"de")
    new.takes(old.folds())
    assert new.takes(short) == [False]
    assert new.held("a/1") == [5]


@pytest.mark.parametrize(("before", "readings"), [("aX", "cde"), ("ab", "cdX")])
def test_j1_a_sum_of_another_chain_of_the_same_life_takes_the_place_of_nothing(before: str, readings: str) -> None:
    mine, fork, new = Disk(A), Disk(A), Disk(B)
    mine.write(*"ab", kind="decision")
    mine.write(*"cde")
    new.copy(mine, "a/1")
    fork.write(*before, kind="decision")
    fork.write(*readings)
    assert new.takes(fork.folds()) == [False]


def test_j2_a_sum_says_how_much_telemetry_it_stands_for() -> None:
    disk = Disk(A)
    disk.write(*"ab", kind="telemetry")
    disk.write("c")
    assert opened(disk.folds()).body.dropped == 2


def test_j2_what_was_decided_and_what_operators_did_is_no_part_of_a_sum() -> None:
    disk = Disk(A)
    for kind in ("decision", "operator"):
        disk.write("x", kind=kind)
        disk.write(*"ab")
        assert len(disk.journal.trailing("a/1")) == 2
    disk.folds()
    disk.write("c")
    assert len(disk.journal.trailing("a/1")) == 2, "but of the next sum a sum may be"
    assert disk.journal.trailing("b/1") == []


def test_j2_the_newest_readings_wait_for_their_sum_before_a_manager_is_told_of_them() -> None:
    disk, other = Disk(A), Disk(B)
    disk.write("decided", kind="decision", at_ms=10)
    disk.write("x", at_ms=20)
    disk.write("y", "z", at_ms=30)
    for sealed, at_ms in zip(disk.journal.entries("a/1", 0), (10, 20, 30, 30), strict=True):
        other.takes(sealed, at_ms=at_ms)
    for journal in (disk.journal, other.journal):
        assert journal.decided_ms == 10
        assert journal.heads_without_readings(25, {}) == {"a/1": 2}, "what is older waits no longer"
        assert journal.heads_without_readings(30, {}) == {"a/1": 2}
        assert journal.heads_without_readings(0, {}) == {"a/1": 1}, "a decision never waits"
        assert journal.heads_without_readings(0, {"a/1": 3}) == {"a/1": 3}, "nor what is known already"
    assert len(disk.journal.beyond({}, 10, {"a/1": 2})) == 2
    disk.folds()
    assert disk.journal.heads_without_readings(0, {}) == {"a/1": 4}
    assert disk.journal.trailing("a/1", sums=False) == []
    assert disk.journal.decided_ms == 10


def test_j2_of_a_chain_of_readings_alone_nothing_is_told_before_their_time() -> None:
    disk = Disk(A)
    disk.write("x", at_ms=20)
    assert disk.journal.heads_without_readings(0, {}) == {"a/1": 0}
    disk.start("2")
    assert disk.journal.heads_without_readings(1, {}) == {"a/1": 1}, "what an earlier life wrote waits no longer"


@pytest.mark.parametrize("window", [2, 3])
def test_j2_a_sum_of_what_stands_on_the_disk_alone_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(machine, "WINDOW", window)
    old, new = Disk(A), Disk(B)
    old.write("decided", kind="decision")
    old.write(*"ab")
    first = old.journal.entries("a/1", 0)
    sealed = Disk(A, kept=dict(old.kept)).folds()
    old.write(*"cdef")
    assert new.takes(*first, *old.journal.entries("a/1", 3), sealed) == [True] * 8
    assert new.held("a/1") == [1, 3, 4, 5, 6, 7]
    for number, after in enumerate((1, 3, 3, 4, 5, 6, 7)):
        assert numbers(new.journal.after("a/1", number, 1)) == [after]
    new.start("2")
    assert new.held("a/1") == [1, 3, 4, 5, 6, 7]
