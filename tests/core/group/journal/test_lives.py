"""Each life's first entry names the last that its node wrote before, as far as anybody still knows of it (N1)."""

from __future__ import annotations

import msgspec
import pytest

from skerry.core.group.journal import machine
from skerry.core.group.journal.chain import piece_key
from tests.core.group.journal.disk import AT_ONCE, Disk, opened
from tests.core.things import A, B


def named_by(disk: Disk) -> str:
    """The entry before the first of its life."""
    found: str = opened(disk.journal.entries(disk.journal.own_chain, 0)[0]).body.predecessor
    return found


def test_n1_a_restart_goes_on_where_what_was_dropped_ended() -> None:
    disk, other = Disk(A, retention=AT_ONCE), Disk(B)
    disk.write(*"abc")
    other.copy(disk, "a/1")
    disk.hears(a_1=3)
    disk.tidies(1_000)
    disk.start("2")
    disk.write("d")
    assert disk.journal.heads == {"a/1": 3, "a/2": 1}
    assert named_by(disk) == other.chain("a/1").hash


def test_n1_who_has_forgotten_all_of_its_own_links_to_what_others_still_had_of_it() -> None:
    disk, again = Disk(A, retention=AT_ONCE), Disk(A)
    disk.write(*"abc")
    disk.hears(a_1=2)
    disk.tidies(1_000)
    again.start("2")
    again.hears(a_1=2)
    again.copy(disk, "a/1")
    again.write("d")
    assert named_by(again) == disk.chain("a/1").hash


def test_n1_who_has_forgotten_the_end_of_its_last_life_links_to_what_others_still_had_of_it() -> None:
    disk, again = Disk(A, retention=AT_ONCE), Disk(A)
    disk.write("a")
    again.start("2")
    again.copy(disk, "a/1")
    disk.write(*"bcd")
    disk.hears(a_1=3)
    disk.tidies(1_000)
    again.hears(a_1=3)
    again.copy(disk, "a/1")
    again.write("e")
    assert named_by(again) == disk.chain("a/1").hash


def test_n1_who_gets_its_own_lives_back_in_another_order_links_to_the_last_of_them() -> None:
    disk, again = Disk(A), Disk(A)
    disk.write("a")
    disk.start("2")
    disk.write("b")
    again.start("3")
    again.copy(disk, "a/2")
    again.copy(disk, "a/1")
    again.write("c")
    assert named_by(again) == disk.chain("a/2").hash


def test_n1_who_gets_the_end_of_a_life_after_later_ones_links_to_the_last_of_these(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "WINDOW", 1)
    disk = Disk(A)
    disk.write("a")
    image = Disk(A, life="4", kept=dict(disk.kept))
    disk.write("b")
    disk.start("2")
    disk.write(*"cd")
    disk.start("3")
    disk.write(*"ef")
    for chain in ("a/3", "a/2", "a/1"):
        image.copy(disk, chain)
    image.write("g")
    assert named_by(image) == disk.chain("a/3").hash


def test_n1_an_older_image_that_goes_on_behind_what_all_others_dropped_links_to_the_end_of_that() -> None:
    old = Disk(A)
    old.write(*"ab")
    image = Disk(A, life="2", kept=dict(old.kept))
    old.write(*"cde")
    image.hears(a_1=4)
    assert image.copy(old, "a/1", after=4) == [True]
    image.start("3")
    image.write("x")
    assert named_by(image) == old.chain("a/1").hash


def test_n1_a_life_goes_on_in_its_own_chain_when_a_clone_began_one_behind_it() -> None:
    disk = Disk(A)
    disk.write("a")
    clone = Disk(A, life="2", kept=dict(disk.kept))
    clone.write("b")
    disk.copy(clone, "a/2")
    disk.write("c")
    first, second = disk.journal.entries("a/1", 0)
    assert opened(second).body.predecessor == opened(clone.journal.entries("a/2", 0)[0]).body.predecessor
    assert Disk(B).takes(first, second) == [True, True]


def test_n1_the_newest_life_of_each_is_the_one_after_which_no_other_begins() -> None:
    disk, other = Disk(A), Disk(B)
    other.write("x")
    disk.copy(other, "b/1")
    disk.write("a")
    disk.start("2")
    disk.write("b")
    assert disk.journal.ends() == {"a/2", "b/1"}


def test_i5_a_life_whose_end_is_lost_is_one_after_which_no_other_begins_though_first_lives_begin_after_none() -> None:
    disk, author = Disk(B), Disk(A)
    author.write("a")
    disk.copy(author, "a/1")
    disk.keep(disk.journal.lose("c/1", 2))
    assert disk.journal.ends() == {"a/1", "c/1"}


def test_a_disk_whose_last_entry_is_no_text_is_gone_on_with_though_the_link_is_lost() -> None:
    disk = Disk(A, kept={machine.LAST_KEY: b"\xff"})
    disk.write("a")
    assert named_by(disk) == "\ufffd"


def test_a_disk_that_holds_a_piece_without_those_before_it_is_damaged() -> None:
    disk = Disk(A)
    disk.write(*"ab")
    del disk.kept[piece_key("a/1", 1)]
    with pytest.raises(msgspec.DecodeError, match="the journal a/1 has a gap"):
        disk.start("2")


def test_a_disk_that_holds_a_piece_as_that_of_somebody_else_is_damaged() -> None:
    disk = Disk(A)
    disk.write("a")
    disk.kept[piece_key("b/1", 1)] = disk.kept[piece_key("a/1", 1)]
    with pytest.raises(msgspec.DecodeError, match="a piece of b/1 is of somebody else"):
        disk.start("2")
