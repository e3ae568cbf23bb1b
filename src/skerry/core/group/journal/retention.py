"""When a node lets go of what was acknowledged: after a stated time, or before it where space is short (J3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Retention
from skerry.core.kernel.effects import NOTHING, Effects

LOOK_EVERY_MS = 1_000
DROPPED_MAX = 256
"""Pieces in one step."""
MARKS = 16
"""Moments of acknowledgement that are told apart within the time that entries are kept."""


@dataclass
class Retaining:
    """What was acknowledged when, by this life's boot-time."""

    retention: Retention
    _marks: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Of each chain since when (ms) it was known to be acknowledged, up to which number; oldest first."""
    _look_ms: int = 0

    def tidy(self, journal: Journal, at_ms: int) -> Effects:
        """Drop what is due, a bounded number of pieces at a time, and forget chains that are over."""
        if at_ms < self._look_ms:
            return NOTHING
        self._look_ms = at_ms + LOOK_EVERY_MS
        done, most = NOTHING, DROPPED_MAX
        for name in list(journal.chains):
            self._mark(name, journal.acknowledged.get(name, 0), at_ms)
            dropped = journal.drop(name, most, self._due(name, at_ms))
            done, most = done + dropped, most - len(dropped.persist)
        for name in list(journal.chains):
            if journal.size_bytes <= self.retention.bytes_max:
                break
            dropped = journal.drop(name, most, journal.acknowledged.get(name, 0))
            done, most = done + dropped, most - len(dropped.persist)
        return done + self._forget(journal)

    def _mark(self, name: str, acknowledged: int, at_ms: int) -> None:
        marks = [(since, number) for since, number in self._marks.get(name, []) if number <= acknowledged]
        highest = marks[-1][1] if marks else 0
        if acknowledged > highest:
            young = len(marks) > 1 and at_ms - marks[-2][0] < self.retention.keep_ms // MARKS
            marks = [*(marks[:-1] if young else marks), (at_ms, acknowledged)]
        self._marks[name] = marks

    def _due(self, name: str, at_ms: int) -> int:
        """Up to which number the time is over; of what was known before that nothing has to be known any more."""
        old = [mark for mark in self._marks[name] if at_ms - mark[0] >= self.retention.keep_ms]
        self._marks[name] = [*old[-1:], *self._marks[name][len(old) :]]
        return old[-1][1] if old else 0

    def _forget(self, journal: Journal) -> Effects:
        """A chain is over when a later life of its signer has begun: what comes of it still is acknowledged, or is not
        its end."""
        done = NOTHING
        newest = frozenset({name.rpartition("/")[0]: name for name in journal.chains}.values())
        for name in list(journal.chains):
            if name not in newest and journal.is_over(name):
                done = done + journal.forget(name)
                self._marks.pop(name, None)
        return done
