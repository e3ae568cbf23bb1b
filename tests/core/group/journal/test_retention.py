"""What was acknowledged goes in its time, or before it where space is short, and nothing else does (J3)."""

from __future__ import annotations

import pytest

from skerry.core.group.journal import retention
from skerry.core.group.journal.model import KEEP_MS as WEEK_MS
from skerry.core.group.journal.model import Acknowledgement, Retention
from skerry.core.group.journal.retention import DROPPED_MAX, LOOK_EVERY_MS, MARKS, Retaining
from tests.core.group.journal.disk import AT_ONCE, KEEP_MS, Disk
from tests.core.things import A, B, C


def test_j3_what_was_acknowledged_goes_after_its_time_and_the_rest_stays() -> None:
    disk = Disk(A)
    disk.write(*"abcde")
    disk.hears(a_1=3)
    disk.tidies(1_000)
    disk.tidies(1_000 + KEEP_MS - 1)
    assert disk.held("a/1") == [1, 2, 3, 4, 5]
    disk.tidies(1_000 + KEEP_MS + LOOK_EVERY_MS)
    assert disk.held("a/1") == [4, 5]
    assert disk.journal.heads == {"a/1": 5}
    disk.start("2")


@pytest.mark.parametrize("retained", [AT_ONCE, Retention(keep_ms=KEEP_MS, bytes_max=1)])
def test_j3_what_was_not_acknowledged_stays_however_old_it_is_and_however_short_space(retained: Retention) -> None:
    disk, other = Disk(A, retention=retained), Disk(B)
    disk.write(*"abcde")
    other.write("f")
    disk.copy(other, "b/1")
    disk.hears(a_1=2)
    disk.tidies(KEEP_MS * 100)
    disk.tidies(KEEP_MS * 200)
    assert (disk.held("a/1"), disk.held("b/1")) == ([3, 4, 5], [1])
    assert not disk.keep(disk.journal.drop("a/1", 64, 5))
    assert not disk.keep(disk.journal.drop("b/1", 64, 1))


def test_j3_what_was_acknowledged_later_goes_later() -> None:
    disk = Disk(A)
    disk.write(*"abcde")
    disk.hears(a_1=2)
    disk.tidies(0)
    disk.hears(a_1=4)
    disk.tidies(KEEP_MS // 2)
    disk.tidies(KEEP_MS)
    assert disk.held("a/1") == [3, 4, 5]
    disk.tidies(KEEP_MS * 3 // 2)
    assert disk.held("a/1") == [5]


def test_j3_however_often_it_acknowledges_nothing_goes_early_and_all_goes_soon() -> None:
    disk, every_ms, many = Disk(A), LOOK_EVERY_MS, 100
    disk.write(*("x" for _ in range(many)))
    soon_ms = KEEP_MS // MARKS + LOOK_EVERY_MS
    for at_ms in range(0, every_ms * many + KEEP_MS, every_ms):
        disk.hears(a_1=min(at_ms // every_ms, many))
        disk.tidies(at_ms)
        known_ms = {number: number * every_ms for number in range(1, many + 1)}
        young = {number for number, ms in known_ms.items() if at_ms - ms < KEEP_MS}
        rather_old = {number for number, ms in known_ms.items() if at_ms - ms < KEEP_MS + soon_ms}
        assert young <= set(disk.held("a/1")) <= rather_old
        assert len(disk.retaining._marks["a/1"]) <= 2 * MARKS


@pytest.mark.parametrize(("third_ms", "left"), [(KEEP_MS // MARKS - 1, [2, 3]), (KEEP_MS // MARKS, [3])])
def test_j3_two_acknowledgements_within_a_sixteenth_of_the_time_after_another_are_as_one(
    third_ms: int, left: list[int]
) -> None:
    disk = Disk(A)
    disk.write(*"abc")
    for acknowledged, at_ms in ((1, 0), (2, LOOK_EVERY_MS), (3, third_ms)):
        disk.hears(a_1=acknowledged)
        disk.tidies(at_ms)
    disk.tidies(KEEP_MS + LOOK_EVERY_MS)
    assert disk.held("a/1") == left
    disk.tidies(KEEP_MS + third_ms)
    assert disk.held("a/1") == []


def test_j3_the_time_runs_from_the_acknowledgement_however_often_it_is_looked_at_before_and_after() -> None:
    disk = Disk(A)
    disk.write(*"abcde")
    disk.tidies(0)
    for at_ms in range(LOOK_EVERY_MS, KEEP_MS, LOOK_EVERY_MS):
        disk.hears(a_1=1 if at_ms < 8_000 else 3)
        disk.tidies(at_ms)
    for at_ms, left in ((0, [1, 2, 3, 4, 5]), (1_000, [2, 3, 4, 5]), (7_000, [2, 3, 4, 5]), (8_000, [4, 5])):
        disk.tidies(KEEP_MS + at_ms)
        assert disk.held("a/1") == left


def test_t2_what_is_known_of_acknowledgements_stays_bounded_however_long_it_runs() -> None:
    disk = Disk(A)
    for number in range(1, 100):
        disk.write("x")
        disk.hears(a_1=number)
        disk.tidies(number * KEEP_MS)
        assert disk.held("a/1") == [number]
        assert len(disk.retaining._marks["a/1"]) <= 2


def test_j3_what_the_manager_takes_back_and_says_again_is_kept_for_the_whole_time_anew() -> None:
    disk = Disk(A)
    disk.write(*"abcde")
    disk.hears(a_1=2)
    disk.tidies(0)
    for at_ms, acknowledged in ((10_000, 5), (20_000, 3), (30_000, 5)):
        disk.hears(a_1=acknowledged)
        disk.tidies(at_ms)
    disk.tidies(10_000 + KEEP_MS)
    assert disk.held("a/1") == [3, 4, 5]
    disk.tidies(20_000 + KEEP_MS)
    assert disk.held("a/1") == [4, 5]
    disk.tidies(30_000 + KEEP_MS)
    assert disk.held("a/1") == []


def test_j3_a_manager_that_has_less_than_it_once_had_keeps_the_rest_from_being_dropped() -> None:
    disk = Disk(A)
    disk.write(*"abc")
    disk.hears(a_1=3)
    disk.tidies(1_000)
    disk.hears(a_1=1)
    disk.tidies(1_000 + 2 * KEEP_MS)
    assert disk.held("a/1") == [1, 2, 3]
    assert len(disk.journal.beyond({"a/1": 1}, 10)) == 2


def test_j3_where_space_is_short_what_was_acknowledged_goes_before_its_time() -> None:
    disk = Disk(A, retention=Retention(keep_ms=KEEP_MS, bytes_max=600))
    disk.write(*"abcde")
    disk.hears(a_1=4)
    disk.tidies(1_000)
    assert disk.held("a/1") == [5]


@pytest.mark.parametrize(("spare", "left"), [(-1, []), (0, [1, 2, 3]), (1, [1, 2, 3])])
def test_j3_nothing_goes_before_its_time_where_there_is_room(spare: int, left: list[int]) -> None:
    disk = Disk(A)
    disk.write(*"abc")
    disk.hears(a_1=3)
    disk.retaining.retention = Retention(keep_ms=KEEP_MS, bytes_max=disk.journal.size_bytes + spare)
    disk.tidies(1_000)
    assert disk.held("a/1") == left


@pytest.mark.parametrize("spare", [0, 1])
def test_j3_no_further_chain_makes_room_once_there_is_enough(spare: int) -> None:
    disk, other = Disk(A), Disk(B)
    other.write("abc")
    disk.copy(other, "b/1")
    disk.write(*"abc")
    disk.hears(a_1=3, b_1=1)
    disk.retaining.retention = Retention(keep_ms=KEEP_MS, bytes_max=disk.journal.size_bytes - 1)
    without_b = disk.journal.size_bytes - disk.chain("b/1").size_bytes
    disk.retaining.retention = Retention(keep_ms=KEEP_MS, bytes_max=without_b + spare)
    disk.tidies(1_000)
    assert (disk.held("b/1"), disk.held("a/1")) == ([], [1, 2, 3])


def test_j3_the_size_is_that_of_what_is_held() -> None:
    disk = Disk(A)

    def size_bytes() -> int:
        held = disk.journal.entries("a/1", 0)
        return sum(len(sealed.statement) + len(sealed.signature) for sealed in held)

    disk.write(*"abc", kind="decision")
    disk.write(*"def")
    assert disk.journal.size_bytes == size_bytes()
    disk.folds()
    assert disk.journal.size_bytes == size_bytes()
    disk.hears(a_1=2)
    disk.keep(disk.journal.drop("a/1", 64, 2))
    assert disk.journal.size_bytes == size_bytes()


def test_t2_the_time_begins_anew_with_each_start() -> None:
    disk = Disk(A)
    disk.write("a")
    disk.hears(a_1=1)
    disk.tidies(1_000)
    disk.start("2")
    disk.hears(a_1=1)
    disk.tidies(KEEP_MS)
    disk.tidies(KEEP_MS + LOOK_EVERY_MS)
    assert disk.held("a/1") == [1]
    disk.tidies(2 * KEEP_MS)
    assert disk.held("a/1") == []


def test_it_looks_once_a_second() -> None:
    disk = Disk(A, retention=AT_ONCE)
    disk.write(*"ab")
    for at_ms, acknowledged, left in ((0, 1, [2]), (LOOK_EVERY_MS - 1, 2, [2]), (LOOK_EVERY_MS, 2, [])):
        disk.hears(a_1=acknowledged)
        disk.tidies(at_ms)
        assert disk.held("a/1") == left


def test_a_step_drops_a_bounded_number() -> None:
    disk = Disk(A, retention=AT_ONCE)
    disk.write(*("x" for _ in range(DROPPED_MAX + 10)))
    disk.hears(a_1=DROPPED_MAX + 10)
    assert disk.tidies(1_000) == DROPPED_MAX
    disk.tidies(1_000 + LOOK_EVERY_MS)
    assert disk.held("a/1") == []


def test_what_is_due_and_more_than_a_step_drops_goes_with_the_next_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "DROPPED_MAX", 2)
    disk = Disk(A)
    disk.write(*"abcde")
    disk.hears(a_1=5)
    disk.tidies(0)
    left = []
    for at_ms in (0, 1, 2):
        disk.tidies(KEEP_MS + at_ms * LOOK_EVERY_MS)
        left.append(disk.held("a/1"))
    assert left == [[3, 4, 5], [5], []]


@pytest.mark.parametrize("retained", [AT_ONCE, Retention(keep_ms=WEEK_MS, bytes_max=1)])
@pytest.mark.parametrize("own", [2, 3, 4])
def test_a_step_drops_a_bounded_number_of_several_chains(
    monkeypatch: pytest.MonkeyPatch, retained: Retention, own: int
) -> None:
    monkeypatch.setattr(retention, "DROPPED_MAX", 4)
    disk, other = Disk(A, retention=retained), Disk(B)
    other.write(*"abcdefg")
    disk.write(*"wxyz"[:own])
    disk.copy(other, "b/1")
    disk.hears(a_1=own, b_1=7)
    for at_ms in range(0, 10 * LOOK_EVERY_MS, LOOK_EVERY_MS):
        assert disk.tidies(at_ms) <= 4
    assert (disk.held("a/1"), disk.held("b/1")) == ([], [])


def test_n1_a_life_of_which_nothing_is_left_is_forgotten_but_for_the_last_of_each() -> None:
    disk, other = Disk(A, retention=AT_ONCE), Disk(B)
    other.write("x")
    disk.copy(other, "b/1")
    disk.write("a")
    disk.start("2")
    disk.write("b")
    disk.hears(a_1=1, a_2=1, b_1=1)
    disk.start("3")
    disk.hears(a_1=1, a_2=1, b_1=1)
    disk.tidies(1_000)
    assert disk.journal.heads == {"b/1": 1, "a/2": 1}, "the next life links to its end"
    disk.start("4")
    other.start("2")
    other.write("y")
    disk.copy(other, "b/2")
    disk.hears(a_1=1, a_2=1, b_1=1)
    disk.tidies(2_000)
    assert disk.journal.heads == {"a/2": 1, "b/2": 1}
    disk.start("5")


def test_n1_the_newest_life_that_was_heard_of_is_not_forgotten_of_anybody() -> None:
    disk, other, third = Disk(B, retention=AT_ONCE), Disk(A), Disk(C)
    for source, chain in ((other, "a/1"), (third, "c/1")):
        source.write("x")
        disk.copy(source, chain)
    disk.hears(a_1=1, c_1=1)
    disk.tidies(0)
    assert (disk.held("a/1"), disk.held("c/1")) == ([], [])
    assert disk.journal.heads == {"a/1": 1, "c/1": 1}


def test_n1_only_a_life_that_is_over_is_forgotten() -> None:
    disk, other = Disk(A), Disk(B)
    disk.write("x")
    disk.start("2")
    disk.write("y")
    other.copy(disk, "a/1")
    other.copy(disk, "a/2")
    assert not other.journal.is_over("a/1"), "nothing of it was acknowledged"
    other.hears(a_1=1, a_2=1)
    assert not other.journal.is_over("a/1"), "it is held"
    other.keep(other.journal.drop("a/1", 64, 1))
    assert other.journal.is_over("a/1")
    other.hears(a_2=1)
    assert not other.journal.is_over("a/1"), "the manager was put back, and lacks it"
    disk.hears(a_1=1, a_2=1)
    for name in ("a/1", "a/2"):
        disk.keep(disk.journal.drop(name, 64, 1))
    assert not disk.journal.is_over("a/2"), "it is written by this life"
    disk.start("3")
    disk.hears(a_1=1, a_2=1)
    assert (disk.journal.is_over("a/1"), disk.journal.is_over("a/2")) == (True, False), "this life links to its end"


def test_a_life_that_is_held_still_is_not_forgotten_for_a_later_one() -> None:
    disk = Disk(A)
    disk.write("a")
    disk.start("2")
    disk.write("b")
    disk.hears(a_1=1)
    disk.tidies(0)
    assert disk.journal.heads == {"a/1": 1, "a/2": 1}
    disk.tidies(KEEP_MS)
    assert disk.journal.heads == {"a/2": 1}


def test_0017_a_reading_waits_a_quarter_longer_than_it_takes_to_become_part_of_a_sum() -> None:
    retained = Retention(rest_ms=60_000, rest_graces=12)
    assert [retained.rest_for_ms(grace_ms) for grace_ms in (5_000, 5_001)] == [60_000, 60_012]
    assert retained.untold_for_ms(5_001) == 75_015
    assert Retention(rest_ms=61_001).untold_for_ms(1) == 76_251


def test_retaining_of_a_journal_with_nothing_in_it_does_nothing() -> None:
    disk = Disk(A)
    disk.journal.acknowledge(Acknowledgement(number=1, heads={"b/1": (4, "")}))
    assert not disk.keep(Retaining(AT_ONCE).tidy(disk.journal, 1_000))
