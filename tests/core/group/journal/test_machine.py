"""Signed chains and their copies (N1, J1); what was changed on its way does not verify."""

from __future__ import annotations

import msgspec

from skerry.core.conversation import Refused, open_sealed
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import COPY_MAX, Entry
from skerry.core.kernel.effects import Put, Record
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode, digest_bytes
from skerry.sim.keys import StandInSigner, StandInVerifier
from tests.core.things import A, B, C, reopened

KEYS = {name: StandInSigner(name, 0) for name in "abc"}
VERIFIER = StandInVerifier(list(KEYS.values()))


def journal(me: NodeId = A, life: str = "1", kept: dict[str, bytes] | None = None) -> Journal:
    return Journal.recover(me, "shop", LifeId(life), "boot", KEYS[me], kept or {})


def write(to: Journal, *what: str, wall_ms: int = 100) -> dict[str, bytes]:
    """Record these; what must be on disk afterwards."""
    kept: dict[str, bytes] = {}
    for number, one in enumerate(what):
        given: Input[object] = Input(id=f"i{number}", at_ms=number, wall_ms=wall_ms + number, draw=0, event=None)
        done, _ = to.record(Record(kind="decision", what=one), given)
        for put in done.persist:
            assert isinstance(put, Put)
            kept[put.key] = put.value
    to.check_invariants()
    return kept


def entries(of: Journal, chain: str) -> list[Entry]:
    return [reopened(sealed, Entry).body for sealed in of.entries(chain, 0)]


def copy(source: Journal, target: Journal, chain: str, *numbers: int) -> list[bool]:
    """Hand these entries on; which of them were taken."""
    sealed = source.entries(chain, 0)
    return [bool(target.take(reopened(sealed[n - 1], Entry)).persist) for n in numbers]


def test_n1_each_entry_names_the_one_before_by_the_hash_of_its_bytes() -> None:
    one = journal()
    write(one, "first", "second")
    sealed = one.entries("a/1", 0)
    assert entries(one, "a/1")[0].predecessor == ""
    assert entries(one, "a/1")[1].predecessor == digest_bytes(sealed[0].statement)


def test_n1_a_restart_links_the_new_life_to_the_last_entry_of_the_one_before() -> None:
    first = journal()
    kept = write(first, "first", "second")
    second = journal(life="2", kept=kept)
    write(second, "third")
    assert entries(second, "a/2")[0].predecessor == digest_bytes(first.entries("a/1", 0)[-1].statement)
    assert second.heads == {"a/1": 2, "a/2": 1}


def test_n1_the_last_entry_is_found_by_the_links_also_where_the_clock_was_set_back() -> None:
    kept = write(journal(), "by a clock in 2099")
    second = journal(life="2", kept=kept)
    kept.update(write(second, "by one in 1970", wall_ms=0))
    third = journal(life="1 again", kept=kept)
    write(third, "and on")
    assert entries(third, "a/1 again")[0].predecessor == digest_bytes(second.entries("a/2", 0)[-1].statement)


def test_h4_an_entry_says_which_input_caused_it_and_when_by_the_clocks_of_which_boot() -> None:
    one = journal()
    write(one, "first", "second")
    said = [(e.cause, e.boot, e.at_ms, e.wall_ms) for e in entries(one, "a/1")]
    assert said == [("i0", "boot", 0, 100), ("i1", "boot", 1, 101)]


def test_j1_a_copy_is_a_prefix_without_gaps() -> None:
    mine, theirs = journal(), journal(B)
    write(mine, "one", "two", "three")
    assert copy(mine, theirs, "a/1", 2, 1, 3, 2, 3) == [False, True, False, True, True]
    theirs.check_invariants()
    assert theirs.entries("a/1", 0) == mine.entries("a/1", 0)


def test_j1_an_entry_that_is_held_already_changes_nothing() -> None:
    mine, theirs = journal(), journal(B)
    write(mine, "one")
    assert copy(mine, theirs, "a/1", 1, 1) == [True, False]
    assert theirs.heads == {"a/1": 1}


def test_j1_another_entry_with_a_number_that_is_held_is_noted_as_a_fork_and_not_taken() -> None:
    mine, fork, theirs = journal(), journal(), journal(B)
    write(mine, "one")
    write(fork, "another")
    copy(mine, theirs, "a/1", 1)
    done = theirs.take(reopened(fork.entries("a/1", 0)[0], Entry))
    assert [(n.what, n.about, n.data["number"]) for n in done.note] == [("journal.fork", A, 1)]
    assert theirs.entries("a/1", 0) == mine.entries("a/1", 0)


def test_j1_whoever_lives_a_life_that_was_written_twice_is_shown_both_entries_by_who_knows() -> None:
    """The finder's own entry may be acknowledged by everybody by then, and is not copied any more."""
    mine, fork, theirs = journal(), journal(), journal(B)
    write(mine, "one")
    write(fork, "another")
    for entry in (mine, fork):
        theirs.take(reopened(entry.entries("a/1", 0)[0], Entry))
    shown = theirs.written_twice(A, mine.life)
    assert theirs.written_twice(B, mine.life) == []
    assert [note.what for sealed in shown for note in mine.take(reopened(sealed, Entry)).note] == ["journal.fork"]


def test_j1_of_a_life_that_went_on_what_is_shown_are_the_two_of_the_number_that_was_written_twice() -> None:
    mine, fork, theirs = journal(), journal(), journal(B)
    write(mine, "one", "two", "three")
    write(fork, "one", "another")
    copy(mine, theirs, "a/1", 1, 2, 3)
    theirs.take(reopened(fork.entries("a/1", 1)[0], Entry))
    assert theirs.written_twice(A, mine.life) == [fork.entries("a/1", 1)[0], mine.entries("a/1", 1)[0]]


def test_j1_what_a_finder_hands_on_as_the_other_is_compared_and_never_taken_for_the_one() -> None:
    mine, fork, finder, newcomer = journal(), journal(), journal(B), journal(C)
    write(mine, "one")
    write(fork, "another")
    other = reopened(fork.entries("a/1", 0)[0], Entry)
    copy(mine, finder, "a/1", 1)
    given: Input[object] = Input(id="i", at_ms=1, wall_ms=1, draw=0, event=None)
    told = reopened(finder.record(finder.take(other).record[0], given)[1], Entry)
    newcomer.take(told)
    assert not newcomer.take(other).persist, "it has nothing to compare it to"
    copy(mine, newcomer, "a/1", 1)
    assert [note.what for note in newcomer.take(other).note] == ["journal.fork"]


def test_j1_an_entry_that_names_another_predecessor_is_not_taken() -> None:
    mine, fork, theirs = journal(), journal(), journal(B)
    write(mine, "one", "two")
    write(fork, "another", "two")
    copy(mine, theirs, "a/1", 1)
    assert copy(fork, theirs, "a/1", 2) == [False]


def test_c2_what_somebody_lacks_is_found_by_its_heads_chains_in_order_and_bounded() -> None:
    mine = journal(life="9", kept=write(journal(), *(f"e{n}" for n in range(COPY_MAX + 10))))
    write(mine, "new")
    assert len(mine.lacking({}, mine.heads)) == COPY_MAX
    lacks = [reopened(s, Entry).statement for s in mine.lacking({"a/1": COPY_MAX + 8}, mine.heads)]
    assert [(s.life, s.number) for s in lacks] == [("1", COPY_MAX + 9), ("1", COPY_MAX + 10), ("9", 1)]
    assert mine.lacking(mine.heads, mine.heads) == ()
    assert len(mine.lacking({}, mine.heads, most=3)) == 3


def test_a_restart_holds_the_same_copies() -> None:
    mine, theirs = journal(), journal(B)
    write(mine, "one", "two")
    kept = {}
    for sealed in mine.entries("a/1", 0):
        for put in theirs.take(reopened(sealed, Entry)).persist:
            assert isinstance(put, Put)
            kept[put.key] = put.value
    after = journal(B, life="2", kept=kept)
    assert after.heads == {"a/1": 2}
    after.check_invariants()


def test_i5_one_byte_changed_anywhere_in_an_entry_does_not_verify() -> None:
    mine = journal()
    kept = write(mine, "one")
    sealed = decode(next(iter(kept.values())), Sealed)
    open_sealed(sealed, "shop", lambda signer: KEYS[signer].public_key, VERIFIER)
    for place in range(len(sealed.statement)):
        changed = bytearray(sealed.statement)
        changed[place] ^= 1
        forged = msgspec.structs.replace(sealed, statement=bytes(changed))
        try:
            open_sealed(forged, "shop", lambda s: KEYS[s].public_key if s in KEYS else None, VERIFIER)
        except Refused:
            continue
        raise AssertionError(f"byte {place} may be changed")
