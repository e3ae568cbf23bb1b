"""What a manager lacks that it had acknowledged once, brought together from whoever on site still retains it (J3).

A manager that was put back to a backup says what it lacks. The member that holds the session gives what it has; of the
rest its beats say that it is wanted, whoever has it sends it, and it is handed on without being kept. After a while of
silence the manager is told where what the site retains begins: what stood before is lost, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.core.group.journal.chain import Piece
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import COPY_MAX
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed

WANTED_FOR_MS = 6_000
"""Some beats of everybody in contact. Whoever comes into contact later is asked anew."""
RELAYED_MAX = 8 * COPY_MAX


@dataclass
class Relay:
    """What one member hands on between the site and one of its managers."""

    lacks: dict[str, int] = field(default_factory=dict)
    """Of each chain the number above which the manager lacks something."""
    _since_ms: int = 0
    _among: frozenset[NodeId] = frozenset()
    _pieces: dict[str, dict[int, Piece]] = field(default_factory=dict)
    """To each chain what was sent for it, by first number."""

    def hear(self, said: Mapping[str, int], heads: Mapping[str, int], journal: Journal, at_ms: int) -> None:
        """The manager said what it lacks, and how far it has each chain: no further than I have dropped it, perhaps.
        That comes before what it lost further below, which may never be found, as what follows would wait for it (I5).
        """
        bases = {name: chain.base.number for name, chain in journal.chains.items()}
        lacks = {**said, **{n: heads.get(n, 0) for n, base in bases.items() if heads.get(n, 0) < base}}
        if lacks != self.lacks:
            kept = {name: self._pieces.get(name, {}) for name in lacks}
            self._pieces = {n: {a: p for a, p in held.items() if p.last > lacks[n]} for n, held in kept.items()}
            self.lacks, self._since_ms = lacks, at_ms

    def look(self, contacts: frozenset[NodeId], at_ms: int) -> None:
        """Ask again when somebody has come."""
        if not contacts <= self._among:
            self._since_ms = at_ms
        self._among = contacts

    def wanted(self, journal: Journal, at_ms: int) -> dict[str, int]:
        """What my beats ask for: what I cannot give myself."""
        if not self.lacks or at_ms - self._since_ms >= WANTED_FOR_MS:
            return {}
        return {name: n for name, n in self.lacks.items() if self._first(name, n, journal) != n + 1}

    def offer(self, piece: Piece, name: str) -> None:
        """A piece that my own journal does not take."""
        if piece.last > self.lacks.get(name, piece.last) and sum(map(len, self._pieces.values())) < RELAYED_MAX:
            self._pieces.setdefault(name, {})[piece.first] = piece

    def owed(self, journal: Journal, most: int) -> list[Sealed]:
        """What goes up for this, in order."""
        found: list[Sealed] = []
        for name, number in self.lacks.items():
            while len(found) < most and (piece := self._relayed(name, number + 1)) is not None:
                found.append(piece.sealed)
                number = piece.last
            if self._first_own(name, number, journal) == number + 1:
                found.extend(journal.after(name, number, most - len(found)))
        return found[:most]

    def lost(self, heads: Mapping[str, int], journal: Journal, at_ms: int) -> dict[str, int]:
        """Of each chain the number up to which nobody in contact retains what the manager lacks, which is all that is
        known of it where all of it was dropped; 0: nobody here ever heard of it, or of more than the manager has.
        Nothing before everybody could answer, nor what the manager, with these heads, has counted as lost by now."""
        if at_ms - self._since_ms < WANTED_FOR_MS:
            return {}
        firsts = {name: self._first(name, number, journal) for name, number in self.lacks.items()}
        lost = {
            name: first - 1 if first is not None else self._all_known(name, journal)
            for name, first in firsts.items()
            if first != self.lacks[name] + 1
        }
        return {name: until for name, until in lost.items() if heads.get(name, 0) < max(until, self.lacks[name] + 1)}

    def _all_known(self, name: str, journal: Journal) -> int:
        head = journal.heads.get(name, 0)
        return head if head > self.lacks[name] else 0

    def _relayed(self, name: str, number: int) -> Piece | None:
        """What was sent in which this number stands; a sum may begin with what the manager has."""
        return next((p for p in self._pieces.get(name, {}).values() if p.first <= number <= p.last), None)

    def _first(self, name: str, number: int, journal: Journal) -> int | None:
        """The first number above this one that can be handed up."""
        sent = self._pieces.get(name, {}).values()
        relayed = min((max(p.first, number + 1) for p in sent if p.last > number), default=None)
        known = [n for n in (relayed, self._first_own(name, number, journal)) if n is not None]
        return min(known, default=None)

    def _first_own(self, name: str, number: int, journal: Journal) -> int | None:
        chain = journal.chains.get(name)
        if chain is None or number >= chain.head:
            return None
        piece = next(chain.pieces(number, journal.shelf), None)
        return max(piece.first, number + 1) if piece is not None else None
