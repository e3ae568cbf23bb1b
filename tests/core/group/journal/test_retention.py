"""What was acknowledged goes in its time, and what is left goes on verifying (J1, J3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from skerry.core.group.journal import machine
from skerry.core.group.journal.chain import body_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Acknowledgement, Entry, Retention
from skerry.core.group.journal.retention import DROPPED_MAX, LOOK_EVERY_MS, Retaining
from skerry.core.kernel.effects import Effects, Put, Record
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified
from skerry.core.kernel.values import decode
from skerry.core.stages.history.folding import fold
from skerry.sim.keys import StandInSigner
from tests.core.things import A, B, reopened

KEYS = {name: StandInSigner(name, 0) for name in "abc"}
KEEP_MS = 60_000


@dataclass
class Disk:
    """One node's journal on a disk of its own."""

    me: NodeId
    life: str = "1"
    retention: Retention = field(default_factory=lambda: Retention(keep_ms=KEEP_MS))
    kept: dict[str, bytes] = field(default_factory=dict)
    words: int = 0

    def __post_init__(self) -> None:
        self.start(self.life)

    def start(self, life: str) -> None:
        self.journal = Journal.recover(
            self.me, "shop", LifeId(life), "boot", KEYS[self.me], dict(self.kept), self.kept.get
        )
        self.retaining = Retaining(self.retention)

    def keep(self, done: Effects) -> bool:
        for change in done.persist:
            if isinstance(change, Put):
                self.kept[change.key] = change.value
            else:
                self.kept.pop(change.key, None)
        self.journal.check_invariants()
        return bool(done.persist)

    def write(self, *what: str, kind: str = "reading", at_ms: int = 1) -> None:
        for one in what:
            given: Input[object] = Input(id="i", at_ms=at_ms, wall_ms=1, draw=0, event=None)
            self.keep(self.journal.record(Record(kind=kind, what=one, about="x" * 100), given)[0])

    def folds(self) -> None:
        """All that this life wrote becomes one sum."""
        pieces = self.journal.trailing(self.journal.own_chain)
        self.keep(self.journal.fold([piece for piece, _ in pieces], *fold(body for _, body in pieces))[0])

    def copy(self, source: Disk, chain: str, after: int = 0) -> list[bool]:
        return [self.keep(self.journal.take(opened(s))) for s in source.journal.entries(chain, after)]

    def hears(self, **heads: int) -> None:
        """The manager's word."""
        self.words += 1
        named = {name.replace("_", "/"): (number, "") for name, number in heads.items()}
        self.journal.acknowledge(Acknowledgement(number=self.words, heads=named))

    def tidies(self, at_ms: int) -> None:
        self.keep(self.retaining.tidy(self.journal, at_ms))

    def held(self, chain: str) -> list[int]:
        return [opened(s).statement.number for s in self.journal.entries(chain, 0)]


def opened(sealed: Sealed) -> Verified[Any]:
    return reopened(sealed, type(body_of(decode(sealed.statement, Statement))))


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


def test_j3_what_was_not_acknowledged_stays_however_short_space_is() -> None:
    disk = Disk(A, retention=Retention(keep_ms=KEEP_MS, bytes_max=1))
    disk.write(*"abcde")
    disk.tidies(KEEP_MS * 100)
    assert disk.held("a/1") == [1, 2, 3, 4, 5]


def test_j3_where_space_is_short_what_was_acknowledged_goes_before_its_time() -> None:
    disk = Disk(A, retention=Retention(keep_ms=KEEP_MS, bytes_max=600))
    disk.write(*"abcde")
    disk.hears(a_1=4)
    disk.tidies(1_000)
    assert disk.held("a/1") == [5]


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


def test_j1_a_restart_goes_on_where_what_was_dropped_ended() -> None:
    disk, other = Disk(A, retention=Retention(keep_ms=0)), Disk(B)
    disk.write(*"abc")
    other.copy(disk, "a/1")
    disk.hears(a_1=3)
    disk.tidies(1_000)
    disk.start("2")
    disk.write("d")
    assert disk.journal.heads == {"a/1": 3, "a/2": 1}
    (first,) = disk.journal.entries("a/2", 0)
    assert reopened(first, Entry).body.predecessor == other.journal.chains["a/1"].hash


def test_n1_who_has_forgotten_all_of_its_own_links_to_what_others_still_had_of_it() -> None:
    disk, again = Disk(A, retention=Retention(keep_ms=0)), Disk(A)
    disk.write(*"abc")
    disk.hears(a_1=2)
    disk.tidies(1_000)
    again.start("2")
    again.hears(a_1=2)
    again.copy(disk, "a/1")
    again.write("d")
    (first,) = again.journal.entries("a/2", 0)
    assert reopened(first, Entry).body.predecessor == disk.journal.chains["a/1"].hash


def test_n1_who_has_forgotten_the_end_of_its_last_life_links_to_what_others_still_had_of_it() -> None:
    disk, again = Disk(A, retention=Retention(keep_ms=0)), Disk(A)
    disk.write("a")
    again.start("2")
    again.copy(disk, "a/1")
    disk.write(*"bcd")
    disk.hears(a_1=3)
    disk.tidies(1_000)
    again.hears(a_1=3)
    again.copy(disk, "a/1")
    again.write("e")
    (first,) = again.journal.entries("a/2", 0)
    assert reopened(first, Entry).body.predecessor == disk.journal.chains["a/1"].hash


def test_n1_who_gets_its_own_lives_back_in_another_order_links_to_the_last_of_them() -> None:
    disk, again = Disk(A), Disk(A)
    disk.write("a")
    disk.start("2")
    disk.write("b")
    again.start("3")
    again.copy(disk, "a/2")
    again.copy(disk, "a/1")
    again.write("c")
    (first,) = again.journal.entries("a/3", 0)
    assert reopened(first, Entry).body.predecessor == disk.journal.chains["a/2"].hash


def test_n1_a_life_of_which_nothing_is_left_is_forgotten_but_for_the_last() -> None:
    disk = Disk(A, retention=Retention(keep_ms=0))
    disk.write("a")
    disk.start("2")
    disk.write("b")
    disk.hears(a_1=1, a_2=1)
    disk.start("3")
    disk.hears(a_1=1, a_2=1)
    disk.tidies(1_000)
    assert disk.journal.heads == {"a/2": 1}, "the next life links to its end"


def test_j1_who_has_nothing_of_a_chain_begins_above_what_was_acknowledged_and_nowhere_else() -> None:
    old, new = Disk(A, retention=Retention(keep_ms=0)), Disk(B)
    old.write(*"abcde")
    assert new.copy(old, "a/1", after=3) == [False, False]
    new.hears(a_1=3)
    assert new.copy(old, "a/1", after=3) == [True, True]
    assert (new.held("a/1"), new.journal.heads) == ([4, 5], {"a/1": 5})
    new.start("2")
    assert (new.held("a/1"), new.journal.heads) == ([4, 5], {"a/1": 5})


def test_j1_who_has_fallen_behind_what_all_others_dropped_goes_on_behind_it() -> None:
    old, behind = Disk(A), Disk(B)
    old.write(*"abcde")
    behind.copy(old, "a/1")
    behind = Disk(B, kept={key: raw for key, raw in behind.kept.items() if not key.endswith(("3", "4", "5"))})
    behind.hears(a_1=4)
    assert behind.copy(old, "a/1", after=4) == [True]
    assert behind.held("a/1") == [5]


def test_j2_a_sum_takes_the_place_of_what_it_stands_for() -> None:
    old, new = Disk(A), Disk(B)
    old.write(*"abcde")
    new.copy(old, "a/1")
    old.folds()
    old.write("f")
    assert new.copy(old, "a/1") == [True, True]
    assert (new.held("a/1"), new.journal.heads) == ([5, 6], {"a/1": 6})
    new.start("2")
    assert (new.held("a/1"), new.journal.heads) == ([5, 6], {"a/1": 6})


@pytest.mark.parametrize("written_before", ["", "12"])
@pytest.mark.parametrize("copied", [3, 4])
def test_j2_a_sum_that_reaches_below_what_was_dropped_is_taken_whole(written_before: str, copied: int) -> None:
    """Its author was cut off, and had not heard how much of it was acknowledged."""
    old, new = Disk(A), Disk(B, retention=Retention(keep_ms=0))
    old.write(*written_before)
    if written_before:
        old.folds()
        old.write("d", kind="decision")
    old.write(*"abcde")
    for sealed in old.journal.entries("a/1", 0)[:copied]:
        new.keep(new.journal.take(opened(sealed)))
    new.hears(a_1=3)
    new.tidies(1_000)
    old.folds()
    assert new.copy(old, "a/1")[-1]
    assert new.held("a/1")[-1] == old.journal.heads["a/1"] == new.journal.heads["a/1"]
    new.start("2")
    assert new.held("a/1")[-1] == old.journal.heads["a/1"] == new.journal.heads["a/1"]


def test_j2_the_newest_readings_wait_for_their_sum_before_a_manager_is_told_of_them() -> None:
    disk = Disk(A)
    disk.write("decided", kind="decision", at_ms=10)
    disk.write("x", at_ms=20)
    disk.write("y", "z", at_ms=30)
    assert disk.journal.decided_ms == 10
    assert disk.journal.heads_without_readings(25, {}) == {"a/1": 2}, "what is older waits no longer"
    assert disk.journal.heads_without_readings(0, {}) == {"a/1": 1}, "a decision never waits"
    assert disk.journal.heads_without_readings(0, {"a/1": 3}) == {"a/1": 3}, "nor what is known already"
    assert len(disk.journal.beyond({}, 10, {"a/1": 2})) == 2
    disk.folds()
    assert disk.journal.heads_without_readings(0, {}) == {"a/1": 4}
    assert disk.journal.trailing("a/1", sums=False) == []


def test_n1_an_older_image_that_goes_on_behind_what_all_others_dropped_links_to_the_end_of_that() -> None:
    old = Disk(A)
    old.write(*"ab")
    image = Disk(A, life="2", kept=dict(old.kept))
    old.write(*"cde")
    image.hears(a_1=4)
    assert image.copy(old, "a/1", after=4) == [True]
    image.start("3")
    image.write("x")
    assert opened(image.journal.entries("a/3", 0)[0]).body.predecessor == old.journal.chains["a/1"].hash


def test_c2_what_the_manager_has_is_copied_no_more() -> None:
    disk = Disk(A)
    disk.write(*"abc")
    disk.hears(a_1=2)
    (sealed,) = disk.journal.lacking({}, ["a/1"])
    assert reopened(sealed, Entry).statement.number == 3
    disk.hears(a_1=3)
    assert disk.journal.open_heads() == {}


def test_j3_a_manager_that_has_less_than_it_once_had_keeps_the_rest_from_being_dropped() -> None:
    disk = Disk(A)
    disk.write(*"abc")
    disk.hears(a_1=3)
    disk.tidies(1_000)
    disk.hears(a_1=1)
    disk.tidies(1_000 + 2 * KEEP_MS)
    assert disk.held("a/1") == [1, 2, 3]
    assert len(disk.journal.beyond({"a/1": 1}, 10)) == 2


def test_a_step_drops_a_bounded_number() -> None:
    disk = Disk(A, retention=Retention(keep_ms=0))
    disk.write(*("x" for _ in range(DROPPED_MAX + 10)))
    disk.hears(a_1=DROPPED_MAX + 10)
    disk.tidies(1_000)
    assert len(disk.held("a/1")) > 0
    disk.tidies(1_000 + LOOK_EVERY_MS)
    assert disk.held("a/1") == []


def test_memory_holds_the_newest_and_the_disk_gives_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "WINDOW", 3)
    disk, other = Disk(A), Disk(B)
    disk.write(*"abcdefgh")
    assert len(disk.journal.chains["a/1"].recent) == 3
    assert disk.held("a/1") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(other.copy(disk, "a/1"))
    assert not any(other.copy(disk, "a/1", after=1)), "and what is held is known again, wherever it lies"


def test_n5_what_is_not_durable_yet_is_left_out_and_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "WINDOW", 1)
    disk = Disk(A)
    disk.write("a")
    given: Input[object] = Input(id="i", at_ms=1, wall_ms=1, draw=0, event=None)
    pending = [disk.journal.record(Record(kind="reading", what=what), given)[0] for what in "bc"]
    assert disk.journal.after("a/1", 0) == disk.journal.after("a/1", 0)[:1]
    for done in pending:
        disk.keep(done)
    assert disk.held("a/1") == [1, 2, 3]
