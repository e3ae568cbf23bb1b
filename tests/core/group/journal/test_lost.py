"""What a manager that was put back once had and nobody retains (J3): it goes on behind it, and takes it from whoever
comes late."""

from __future__ import annotations

import pytest

from skerry.core.group.journal import machine
from skerry.core.kernel.ids import NodeId
from tests.core.group.journal.disk import Disk, numbers
from tests.core.things import A

HQ = NodeId("c")
CHAIN = "a/1"


@pytest.fixture
def author() -> Disk:
    """Three entries, and three that will be lost."""
    disk = Disk(A)
    disk.write(*"abc", kind="decision")
    disk.write(*"def")
    return disk


@pytest.fixture
def manager(author: Disk) -> Disk:
    """It has the first three, and goes on behind the next."""
    disk = Disk(HQ, has_shelf=False)
    disk.copy(author, CHAIN)
    disk = Disk(HQ, kept={k: raw for k, raw in disk.kept.items() if not k.endswith(("4", "5", "6"))}, has_shelf=False)
    disk.keep(disk.journal.lose(CHAIN, 6))
    return disk


def test_j3_it_goes_on_behind_what_is_lost_also_after_a_restart(author: Disk, manager: Disk) -> None:
    author.write("g")
    manager.start("2")
    assert (manager.journal.lost(), manager.journal.heads) == ({CHAIN: ((4, 6),)}, {CHAIN: 6})
    assert manager.copy(author, CHAIN, after=6) == [True]
    manager.start("3")
    assert (manager.journal.lost(), manager.journal.heads) == ({CHAIN: ((4, 6),)}, {CHAIN: 7})


def test_j3_of_a_chain_of_which_nobody_has_anything_nothing_is_held(author: Disk) -> None:
    author.write("g")
    for manager in (Disk(HQ), Disk(HQ, has_shelf=False)):
        manager.keep(manager.journal.lose(CHAIN, 6))
        assert (manager.held(CHAIN), manager.journal.heads) == ([], {CHAIN: 6})
        assert manager.copy(author, CHAIN, after=6) == [True]
        assert manager.takes(*author.journal.entries(CHAIN, 0)[:6]) == [True] * 6, "but then somebody comes who has all"
        assert (manager.held(CHAIN), manager.journal.lost()) == ([1, 2, 3, 4, 5, 6, 7], {})
        manager.start("2")


def test_j3_what_was_lost_is_found_from_its_beginning_only(author: Disk, manager: Disk) -> None:
    lost = author.journal.entries(CHAIN, 3)
    assert manager.takes(lost[1], lost[2], lost[0], lost[2], lost[1]) == [False, False, True, False, True]
    assert manager.journal.lost() == {CHAIN: ((6, 6),)}
    manager.start("2")
    assert manager.takes(lost[2]) == [True]
    assert (manager.journal.lost(), manager.held(CHAIN)) == ({}, [1, 2, 3, 4, 5, 6])


def test_j1_what_fills_a_lost_stretch_names_the_one_before_it(author: Disk, manager: Disk) -> None:
    fork = Disk(A)
    fork.write(*"abX", kind="decision")
    fork.write("Y")
    assert manager.copy(fork, CHAIN, after=3) == [False]


def test_j1_what_fills_a_lost_stretch_names_the_one_before_it_also_where_that_is_on_the_disk_alone(
    author: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "WINDOW", 1)
    fork, holder = Disk(A), Disk(HQ)
    fork.write(*"abXYZ", kind="decision")
    author.write(*"gh")
    holder.takes(*author.journal.entries(CHAIN, 0)[:3])
    holder.keep(holder.journal.lose(CHAIN, 6))
    holder.copy(author, CHAIN, after=6)
    assert holder.takes(fork.journal.entries(CHAIN, 3)[0]) == [False]
    assert holder.takes(author.journal.entries(CHAIN, 3)[0]) == [True]


def test_j1_once_all_that_was_lost_is_found_the_next_one_names_the_end_of_it(author: Disk, manager: Disk) -> None:
    fork = Disk(A)
    fork.write(*"abc", kind="decision")
    fork.write(*"deXY")
    manager.copy(author, CHAIN, after=3)
    assert manager.chain(CHAIN).hash == author.chain(CHAIN).hash
    assert manager.copy(fork, CHAIN, after=6) == [False]


def test_i5_a_sum_of_what_was_lost_and_of_what_came_after_it_is_taken(author: Disk, manager: Disk) -> None:
    """Its author was cut off in a part of its own, and comes back."""
    author.write(*"gh")
    author.folds()
    author.write("i")
    assert manager.takes(*author.journal.after(CHAIN, 6)) == [True, True]
    assert (manager.held(CHAIN), manager.journal.lost()) == ([1, 2, 3, 8, 9], {})
    manager.start("2")
    assert manager.copy(author, CHAIN, after=3) == [False, False]


def test_i5_a_sum_of_what_is_held_and_of_what_was_lost_takes_the_place_of_both(author: Disk) -> None:
    manager = Disk(HQ, has_shelf=False)
    manager.takes(*author.journal.entries(CHAIN, 0)[:5])
    manager.keep(manager.journal.lose(CHAIN, 9))
    author.write("g")
    author.folds()
    assert manager.copy(author, CHAIN) == [False, False, False, True]
    assert (manager.held(CHAIN), manager.journal.lost()) == ([1, 2, 3, 7], {CHAIN: ((8, 9),)})
    manager.start("2")


def test_i5_a_sum_from_within_a_lost_stretch_leaves_lost_what_stands_before_it(author: Disk, manager: Disk) -> None:
    author.write("decided", kind="decision")
    author.write(*"hi")
    manager.keep(manager.journal.lose(CHAIN, 8))
    author.folds()
    assert manager.takes(author.journal.entries(CHAIN, 7)[0]) == [True]
    assert (manager.held(CHAIN), manager.journal.lost()) == ([1, 2, 3, 9], {CHAIN: ((4, 6), (7, 7))})
    assert manager.takes(*author.journal.entries(CHAIN, 3)[:4]) == [True] * 4
    assert manager.journal.lost() == {}
    manager.start("2")


def test_j1_a_sum_that_names_another_before_a_lost_stretch_is_not_taken(author: Disk, manager: Disk) -> None:
    fork = Disk(A)
    fork.write(*"abX", kind="decision")
    fork.write(*"defgh")
    fork.folds()
    assert manager.copy(fork, CHAIN, after=3) == [False]
    assert manager.journal.lost() == {CHAIN: ((4, 6),)}


def test_what_is_lost_is_known_also_when_what_stood_before_it_goes(author: Disk, manager: Disk) -> None:
    manager.hears(a_1=6)
    manager.keep(manager.journal.drop(CHAIN, 64, 2))
    assert (manager.held(CHAIN), manager.journal.lost()) == ([3], {CHAIN: ((4, 6),)})
    assert numbers(manager.journal.entries(CHAIN, 3)) == []
