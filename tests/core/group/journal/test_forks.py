"""Of two entries with one number both are kept, and whoever finds them says so with the other whole (J1)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.group.journal.chain import Piece
from skerry.core.group.journal.forks import FORK_PREFIX, Forks
from skerry.core.group.journal.model import Entry
from skerry.core.group.journal.proofs import FORGOTTEN, FORK
from skerry.core.kernel.effects import NOTHING, Put
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode, encode
from tests.core.things import A


def other(number: int) -> Piece:
    """The other entry with this number."""
    statement = Statement(kind="entry", site="shop", signer=A, life="7", number=number, body=b"other")
    sealed = Sealed(statement=encode(statement), signature=b"good")
    return Piece(first=number, last=number, before="b", hash="h", sealed=sealed)


def test_j1_a_fork_is_on_disk_in_the_journal_and_told_once_and_stands_after_a_restart() -> None:
    forks = Forks()
    found = other(9)
    done = forks.find("a/7", found)
    (put,) = done.persist
    assert isinstance(put, Put)
    assert (put.key, decode(put.value, Sealed)) == (f"{FORK_PREFIX}a/7", found.sealed)
    (record,) = done.record
    assert (record.kind, record.what, record.about) == ("decision", FORK, A)
    proof = {"statement": found.sealed.statement, "signature": found.sealed.signature}
    assert record.data == {"number": 9, "life": "7", **proof}
    (note,) = done.note
    assert (note.what, note.about, note.data) == (FORK, A, {"number": 9, "life": "7"})
    assert forks.find("a/7", other(10)) == NOTHING, "the first is proof enough"
    recovered = Forks.recover({put.key: put.value, "another/key": b""})
    assert forks.chains == recovered.chains == {"a/7": 9}
    assert forks.others == recovered.others == {"a/7": found.sealed}, "a restart tells of it with its proof"


def test_j1_each_fork_that_is_found_is_news() -> None:
    forks = Forks()
    versions = [forks.version]
    for chain in ("a/7", "b/1"):
        forks.find(chain, other(1))
        versions.append(forks.version)
    assert versions == sorted(set(versions))


def test_j1_what_a_finder_handed_on_that_is_no_statement_has_no_number_and_is_a_fork_all_the_same() -> None:
    broken = encode(Sealed(statement=b"?", signature=b"good"))
    assert Forks.recover({f"{FORK_PREFIX}a/7": broken}).chains == {"a/7": 0}


@pytest.mark.parametrize(
    "data", [{}, {"statement": b"?"}, {"signature": b"!"}, {"statement": b"?", "signature": "!"}, {"statement": 1}]
)
def test_i8_who_tells_of_a_fork_without_the_other_entry_tells_nothing(data: dict[str, Any]) -> None:
    forks = Forks()
    forks.tell(Entry(predecessor="", kind="decision", what=FORK, about=A, data=data))
    assert forks.told == ()


@pytest.mark.parametrize(("what", "told"), [(FORK, (b"!",)), (FORGOTTEN, ())])
def test_j1_a_word_that_a_manager_forgot_is_no_other_entry(what: str, told: tuple[bytes, ...]) -> None:
    """Each member may show that one, and none of them may push out what a finder told."""
    forks = Forks()
    forks.tell(Entry(predecessor="", kind="decision", what=what, about=A, data={"statement": b"?", "signature": b"!"}))
    assert forks.told == told
