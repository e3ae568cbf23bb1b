"""What members and managers lack of each chain, and where a copy may begin (J1, C2)."""

from __future__ import annotations

import pytest

from tests.core.group.journal.disk import AT_ONCE, Disk, numbers, opened
from tests.core.things import A, B


@pytest.mark.parametrize("acknowledged", [1, 2, 3])
def test_j1_who_has_nothing_of_a_chain_begins_above_what_was_acknowledged_and_nowhere_else(acknowledged: int) -> None:
    old, new = Disk(A), Disk(B)
    old.write(*"abcd")
    new.hears(a_1=acknowledged - 1)
    assert not any(new.copy(old, "a/1", after=acknowledged))
    new.hears(a_1=acknowledged)
    assert all(new.copy(old, "a/1", after=acknowledged))
    assert (new.held("a/1"), new.journal.heads) == ([2, 3, 4][acknowledged - 1 :], {"a/1": 4})
    new.start("2")


def test_j1_who_has_fallen_behind_what_all_others_dropped_goes_on_behind_it() -> None:
    old, behind = Disk(A), Disk(B)
    old.write(*"abcde")
    behind.takes(*old.journal.entries("a/1", 0)[:2])
    assert behind.copy(old, "a/1", after=4) == [False]
    behind.hears(a_1=4)
    assert behind.copy(old, "a/1", after=4) == [True]
    assert behind.held("a/1") == [5]
    behind.start("2")


def test_j1_who_has_dropped_all_of_a_chain_takes_only_what_names_the_end_of_it() -> None:
    old, fork, new = Disk(A), Disk(A), Disk(B, retention=AT_ONCE)
    old.write(*"abc")
    fork.write(*"abX")
    new.copy(old, "a/1")
    new.hears(a_1=3)
    new.tidies(1_000)
    new.start("2")
    old.write("d")
    fork.write("d")
    assert new.copy(fork, "a/1", after=3) == [False]
    assert new.copy(old, "a/1", after=3) == [True]


def test_j1_what_was_dropped_and_comes_again_is_not_taken() -> None:
    old, new = Disk(A), Disk(B, retention=AT_ONCE)
    old.write(*"abc")
    new.copy(old, "a/1")
    new.hears(a_1=2)
    new.tidies(1_000)
    assert new.copy(old, "a/1") == [False, False, False]
    assert new.held("a/1") == [3]


def test_c2_what_the_manager_has_is_copied_no_more() -> None:
    disk = Disk(A)
    disk.write(*"abc")
    disk.hears(a_1=2)
    (sealed,) = disk.journal.lacking({}, ["a/1"])
    assert opened(sealed).statement.number == 3
    disk.hears(a_1=3)
    assert disk.journal.open_heads() == {}


def test_c2_what_the_manager_has_nothing_of_is_open_from_its_first_entry_on() -> None:
    disk = Disk(A)
    disk.write("a")
    assert disk.journal.open_heads() == {"a/1": 1}


def test_c2_what_members_and_managers_lack_of_several_chains_is_bounded() -> None:
    disk, other = Disk(A), Disk(B)
    disk.write(*"abc")
    other.write(*"xyz")
    disk.copy(other, "b/1")
    for most, found in ((0, []), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3, 1]), (9, [1, 2, 3, 1, 2, 3])):
        assert numbers(disk.journal.lacking({}, ["a/1", "b/1"], most)) == found
        assert numbers(disk.journal.beyond({}, most)) == found


def test_c2_a_manager_is_given_what_goes_on_from_where_it_is() -> None:
    disk = Disk(A, retention=AT_ONCE)
    disk.write(*"abcd")
    disk.hears(a_1=2)
    disk.tidies(1_000)
    given = {has: numbers(disk.journal.beyond({"a/1": has}, 64)) for has in range(6)}
    assert given == {0: [], 1: [], 2: [3, 4], 3: [4], 4: [], 5: []}


def test_c2_a_manager_that_never_heard_of_a_chain_is_given_it_from_its_beginning_or_not_at_all() -> None:
    disk = Disk(A, retention=AT_ONCE)
    disk.write("a")
    assert numbers(disk.journal.beyond({}, 64)) == [1]
    disk.write("b")
    disk.hears(a_1=1)
    disk.tidies(1_000)
    assert numbers(disk.journal.beyond({}, 64)) == []


def test_of_a_chain_that_was_never_heard_of_there_is_nothing_to_give() -> None:
    disk = Disk(A)
    assert (disk.journal.after("b/1", 0), disk.journal.entries("b/1", 0)) == ((), ())


def test_whoever_compares_versions_sees_each_change_of_what_is_held_or_acknowledged() -> None:
    disk, other = Disk(A), Disk(B)
    versions = [disk.journal.version]

    def looks() -> None:
        versions.append(disk.journal.version)

    disk.write("a")
    looks()
    other.write("x")
    disk.copy(other, "b/1")
    looks()
    other.start("2")
    other.write("y")
    disk.copy(other, "b/2")
    looks()
    disk.hears(b_1=1)
    looks()
    disk.hears(b_1=1, b_2=1)
    looks()
    disk.keep(disk.journal.drop("b/1", 64, 1))
    disk.keep(disk.journal.forget("b/1"))
    looks()
    disk.keep(disk.journal.lose("c/1", 4))
    looks()
    assert versions == sorted(set(versions))
