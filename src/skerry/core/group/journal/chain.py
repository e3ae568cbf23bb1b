"""One chain as one holder has it: a stretch of signed pieces, each naming the one before by its hash (N1, J1).

The stretch begins above `base`: what stood before was acknowledged and dropped (J3), or never copied because it had
been. Its newest pieces are in memory, the older ones on the shelf. A piece is an entry, or a fold that stands for
several. Only a manager that was put back to a backup knows of lost stretches in between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from skerry.core.group.journal.model import READINGS, Entry, Fold, chain_name
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import Value, decode, digest_bytes

ENTRY_PREFIX = "journal/"
BASE_PREFIX = "journal-base/"

Shelf = Callable[[str], bytes | None]
"""What this holder has made durable under a key. What was persisted in steps whose commit is still to come may be
missing, and is in memory still."""


class Piece(NamedTuple):
    """An entry, or a fold of several."""

    first: int
    last: int
    before: str
    """The hash of the entry that stands before."""
    hash: str
    """Of the last entry in it."""
    sealed: Sealed
    at_ms: int = 0
    """When it came, by this holder's boot-time; 0: in an earlier life, or a fold."""
    alone: bool = False
    """It is a reading that may become part of a sum (J2)."""

    @property
    def size_bytes(self) -> int:
        """About what it takes on a disk."""
        return len(self.sealed.statement) + len(self.sealed.signature)


class Base(Value, frozen=True, kw_only=True):
    """What is kept of that which is not held: where it ended. And the stretches above that are lost for good."""

    number: int
    hash: str
    lost: tuple[tuple[int, int], ...] = ()


WHOLE = Base(number=0, hash="")
"""Of a chain that is held from its beginning."""


def piece_of(sealed: Sealed, statement: Statement, body: Entry | Fold, at_ms: int = 0) -> Piece:
    """A statement that was opened."""
    number = statement.number
    if isinstance(body, Fold):
        return Piece(body.first, number, body.before, body.last, sealed)
    alone = body.kind in READINGS
    return Piece(number, number, body.predecessor, digest_bytes(sealed.statement), sealed, at_ms, alone)


def stored_piece(raw: bytes, chain: str | None = None) -> Piece:
    """One from this holder's own disk. Raises `DecodeError` if it is damaged: it is none, or is none of `chain`."""
    sealed = decode(raw, Sealed)
    statement = decode(sealed.statement, Statement)
    if chain is not None and chain_name(statement.signer, statement.life) != chain:
        raise msgspec.ValidationError(f"a piece of {chain} is of somebody else")
    return piece_of(sealed, statement, body_of(statement))


def body_of(statement: Statement) -> Entry | Fold:
    """Of a piece. Raises `DecodeError`."""
    return decode(statement.body, Fold) if statement.kind == "fold" else decode(statement.body, Entry)


def piece_key(chain: str, number: int) -> str:
    """Under which key a piece is kept; of a fold, its last number."""
    return f"{ENTRY_PREFIX}{chain}/{number:08d}"


@dataclass
class Chain:
    """What is held of one life's chain."""

    name: str
    base: Base = WHOLE
    head: int = 0
    hash: str = ""
    """Of the entry at the head."""
    recent: list[Piece] = field(default_factory=list)
    """The newest, in order."""
    size_bytes: int = 0
    _folds: dict[int, int] = field(default_factory=dict)
    """Of the folds held, to the first number the last."""
    _covered: int = 0
    """How many numbers the pieces stand for."""

    @classmethod
    def above(cls, name: str, base: Base) -> Chain:
        """A chain of which nothing is held yet above its base. What is lost at its end leaves no piece behind."""
        head, end = (base.lost[-1][1], "") if base.lost else (base.number, base.hash)
        return cls(name=name, base=base, head=head, hash=end)

    def put(self, piece: Piece, window: int | None) -> None:
        """Hold one more: the next, or one that was lost. What it stands for is lost no more."""
        if window is None or not self.recent or piece.last + 1 >= self.recent[0].first:
            self.recent.insert(bisect_right(self.recent, piece.first, key=lambda held: held.first), piece)
        self.size_bytes += piece.size_bytes
        self._covered += piece.last - piece.first + 1
        if piece.last > piece.first:
            self._folds[piece.first] = piece.last
        if piece.last >= self.head:
            self.head, self.hash = piece.last, piece.hash
        if self.base.lost:
            ends = (((a, min(b, piece.first - 1)), (max(a, piece.last + 1), b)) for a, b in self.base.lost)
            lost = tuple(stretch for both in ends for stretch in both if stretch[0] <= stretch[1])
            self.base = msgspec.structs.replace(self.base, lost=lost)
        if window is not None and len(self.recent) > window:
            del self.recent[0]

    def take_out(self, pieces: list[Piece]) -> None:
        """Hold these no more; a fold stands for them now, or they are dropped."""
        gone = {piece.first for piece in pieces}
        self.recent = [held for held in self.recent if held.first not in gone]
        for piece in pieces:
            self.size_bytes -= piece.size_bytes
            self._covered -= piece.last - piece.first + 1
            self._folds.pop(piece.first, None)

    def drop_to(self, pieces: list[Piece]) -> None:
        """These, the first of all that is held, are dropped."""
        self.take_out(pieces)
        self.base = Base(number=pieces[-1].last, hash=pieces[-1].hash, lost=self.base.lost)

    def lose(self, first: int, last: int) -> None:
        """Nobody has these any more: go on after them."""
        self.base = msgspec.structs.replace(self.base, lost=(*self.base.lost, (first, last)))
        self.head, self.hash = last, ""

    def is_lost(self, number: int) -> bool:
        """Whether nobody has this one."""
        return any(a <= number <= b for a, b in self.base.lost)

    def pieces(self, after: int, shelf: Shelf | None) -> Iterator[Piece]:
        """What is held above a number, in order, beginning with the piece in which the next number stands; ends early
        where the shelf has nothing."""
        number = max(after, self.base.number) + 1
        if number > self.head or not self.recent:
            return
        oldest = self.recent[0].first
        if shelf is None or oldest <= number:
            yield from (held for held in self.recent if held.last >= number)
            return
        number = next((a for a, b in self._folds.items() if a <= number <= b), number)
        while number < oldest:
            last = self._folds.get(number, number)
            raw = shelf(piece_key(self.name, last))
            if raw is None:
                return
            yield stored_piece(raw)
            number = last + 1
        yield from list(self.recent)

    def piece_with(self, number: int, shelf: Shelf | None) -> Piece | None:
        """The piece in which a number stands, if it is held."""
        found = next(self.pieces(number - 1, shelf), None)
        return found if found is not None and found.first <= number <= found.last else None

    @property
    def whole(self) -> bool:
        """Whether nothing is lacking but what is known to be lost."""
        return self._covered == self.head - self.base.number - sum(b - a + 1 for a, b in self.base.lost)

    def check_invariants(self) -> None:
        """J1: no gaps."""
        assert self.whole, f"J1: {self.name} has a gap"
