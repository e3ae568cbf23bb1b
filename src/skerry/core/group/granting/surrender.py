"""When exclusiveness is given up, because somebody said so beforehand or says so now (X8).

`whenNoQuorum: run` lets a role go on, or start, where no majority of the roster is in contact. An operator's word that
a node is off leaves its weight out. Both count only after the longest promise, by when a healthy holder elsewhere has
either renewed from a majority or stopped; a holder that is cut off itself goes on at once. Both end on contact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from skerry.core.group.granting.model import Electorate, promise_ms
from skerry.core.kernel.ids import NodeId


@dataclass
class Surrender:
    """Since when what is missing here."""

    dead: frozenset[NodeId] = frozenset()
    """Declared dead for longer than the longest promise, and not in contact."""
    _declared_ms: dict[NodeId, int] = field(default_factory=dict)
    _cut_off_ms: int | None = None
    """Since when those in contact are no quorum; None: they are."""

    def look(
        self, electorate: Electorate, present: frozenset[NodeId], declared: Iterable[NodeId], at_ms: int, lease_ms: int
    ) -> int | None:
        """Take who is there and who is said to be off; when to look again."""
        self._declared_ms = {n: self._declared_ms.get(n, at_ms) for n in declared if n not in present}
        over_ms = {n: since_ms + promise_ms(lease_ms) for n, since_ms in self._declared_ms.items()}
        self.dead = frozenset(n for n, until_ms in over_ms.items() if until_ms <= at_ms)
        if electorate.is_quorum(present):
            self._cut_off_ms = None
        elif self._cut_off_ms is None:
            self._cut_off_ms = at_ms
        waits = [until_ms for until_ms in over_ms.values() if until_ms > at_ms]
        return min(waits, default=None)

    def may_run_alone(self, at_ms: int, lease_ms: int, *, holds: bool) -> bool:
        """Whether a role that runs without a quorum may do so now; a present holder at once."""
        return self._cut_off_ms is not None and (holds or at_ms >= self._cut_off_ms + promise_ms(lease_ms))

    @property
    def in_touch(self) -> bool:
        """Whether a quorum of the whole roster is in contact."""
        return self._cut_off_ms is None
