"""One node's journal on a disk of its own, for tests that hand pieces from one to another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from skerry.core.group.journal.chain import Chain, body_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Acknowledgement, Retention
from skerry.core.group.journal.retention import Retaining
from skerry.core.kernel.effects import Effects, Put, Record
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified
from skerry.core.kernel.values import decode
from skerry.core.stages.history.folding import fold
from skerry.sim.keys import StandInSigner
from tests.core.things import reopened

KEYS = {name: StandInSigner(name, 0) for name in "abc"}
KEEP_MS = 60_000
AT_ONCE = Retention(keep_ms=0)
"""What was acknowledged goes."""


@dataclass
class Disk:
    """What is kept of a journal, and the journal that it was read into."""

    me: NodeId
    life: str = "1"
    retention: Retention = field(default_factory=lambda: Retention(keep_ms=KEEP_MS))
    kept: dict[str, bytes] = field(default_factory=dict)
    has_shelf: bool = True
    """Older pieces need not stay in memory; with a manager they do."""
    words: int = 0

    def __post_init__(self) -> None:
        self._recover(self.life)

    def _recover(self, life: str) -> None:
        shelf = self.kept.get if self.has_shelf else None
        self.journal = Journal.recover(self.me, "shop", LifeId(life), "boot", KEYS[self.me], dict(self.kept), shelf)
        self.retaining = Retaining(self.retention)

    def start(self, life: str) -> None:
        """Another life, which holds what the one before held."""
        before = self._all()
        self._recover(life)
        self.journal.check_invariants()
        assert self._all() == before

    def _all(self) -> dict[str, Any]:
        return {name: (c.head, c.base, self.journal.entries(name, 0)) for name, c in self.journal.chains.items()}

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
            self.keep(self.records(one, kind=kind, at_ms=at_ms))

    def records(self, what: str, kind: str = "reading", at_ms: int = 1) -> Effects:
        """One more entry, which is not durable yet."""
        given: Input[object] = Input(id="i", at_ms=at_ms, wall_ms=1, draw=0, event=None)
        return self.journal.record(Record(kind=kind, what=what, about="x" * 100), given)[0]

    def folds(self, *, sums: bool = True) -> Sealed:
        """All that this life wrote since its last decision becomes one sum; or else what it wrote since the last
        sum."""
        pieces = self.journal.trailing(self.journal.own_chain, sums=sums)
        done, sealed = self.journal.fold([piece for piece, _ in pieces], *fold(body for _, body in pieces))
        self.keep(done)
        return sealed

    def takes(self, *pieces: Sealed, at_ms: int = 0) -> list[bool]:
        """Copied pieces; which of them changed anything."""
        return [self.keep(self.journal.take(opened(sealed), at_ms)) for sealed in pieces]

    def copy(self, source: Disk, chain: str, after: int = 0, at_ms: int = 0) -> list[bool]:
        return self.takes(*source.journal.entries(chain, after), at_ms=at_ms)

    def hears(self, **heads: int) -> None:
        """The manager's word."""
        self.words += 1
        named = {name.replace("_", "/"): (number, "") for name, number in heads.items()}
        self.journal.acknowledge(Acknowledgement(number=self.words, heads=named))

    def tidies(self, at_ms: int) -> int:
        """Let go of what is due; how many keys went."""
        done = self.retaining.tidy(self.journal, at_ms)
        self.keep(done)
        return sum(not isinstance(change, Put) for change in done.persist)

    def chain(self, name: str) -> Chain:
        return self.journal.chains[name]

    def held(self, chain: str) -> list[int]:
        """The last numbers of the pieces of a chain."""
        return numbers(self.journal.entries(chain, 0))


def numbers(pieces: Iterable[Sealed]) -> list[int]:
    return [opened(sealed).statement.number for sealed in pieces]


def opened(sealed: Sealed) -> Verified[Any]:
    return reopened(sealed, type(body_of(decode(sealed.statement, Statement))))
