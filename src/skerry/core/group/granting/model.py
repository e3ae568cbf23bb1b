"""Exclusive keys: grants by a weighted majority of the roster, each granter by its own boot-time clock (X1-X4, X9)."""

from __future__ import annotations

from skerry.core.kernel.ids import GrantKey, NodeId
from skerry.core.kernel.values import Value, Whole

LEASE_MS = 3_000
RENEWAL_DIVISOR = 4
"""A lease of 3 s is renewed every 0.75 s."""
DRIFT_PERMILLE = 10
"""Two clocks of a site differ in speed by at most 1 %."""
ROUND_MS = 300
RETRY_MIN_MS = 50
RETRY_SPAN_MS = 250
WEIGHT = 2
TIE_BREAKER_WEIGHT = 3


def promise_ms(lease_ms: int) -> int:
    """How long a granter is bound by an answer: the lease, longer by what clocks may drift apart (X2)."""
    return lease_ms + -(-lease_ms * DRIFT_PERMILLE // 1000)


def weight(nodes: frozenset[NodeId], tie_breaker: str | None) -> int:
    """X3, of some nodes together: a tie-breaker decides halves, and never outvotes a majority."""
    return WEIGHT * len(nodes) + (TIE_BREAKER_WEIGHT - WEIGHT if tie_breaker in nodes else 0)


class Electorate(Value, frozen=True, kw_only=True):
    """Whose grants count: the whole roster, present or not."""

    roster_version: int
    members: frozenset[NodeId]
    tie_breaker: str | None = None
    lease_ms: int = LEASE_MS
    """How long a grant under this version lasts."""

    def is_quorum(self, nodes: frozenset[NodeId], without: frozenset[NodeId] = frozenset()) -> bool:
        """More than half of the sum of the weights (X3); the weight of those declared dead is left out (X8)."""
        counted = self.members - without
        return 2 * weight(nodes & counted, self.tie_breaker) > weight(counted, self.tie_breaker)


class Held(Value, frozen=True, kw_only=True):
    """A key that I may be active under until `until_ms`."""

    key: GrantKey
    fence: int
    until_ms: int
    surrendered: str = ""
    """Why nobody can say that it is not active elsewhere (X8); empty: it is not."""
    surrendered_wall_ms: int | None = None
    """Since when that is so."""
    without: frozenset[NodeId] = frozenset()
    """Whose weight was left out."""


DEAD_PREFIX = "dead/"


class DeclaredDead(Value, frozen=True, kw_only=True, tag="declared_dead"):
    """An operator's signed word that a node is off: its weight is left out, and exclusiveness given up (X8)."""

    node: NodeId
    generation: Whole
    roster: Whole = 0
    """The version under which it was signed: it lapses with the right that its author had then."""

    @property
    def version(self) -> tuple[int, int]:
        """Of the document."""
        return (self.generation, 0)


class Living(Value, frozen=True, kw_only=True, tag="living"):
    """The answer of a node that was declared dead, once all that it had exclusively is gone: it counts again."""

    node: NodeId
    generation: Whole

    @property
    def version(self) -> tuple[int, int]:
        """Of the document. Another operator, elsewhere, may have come to the same generation by saying it twice: then
        the node's own word counts, or each would stay with those who heard it first."""
        return (self.generation, 1)
