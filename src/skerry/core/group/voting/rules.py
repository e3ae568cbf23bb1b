"""Counting: has a proposal won, lost, or is it still open? (G1, G2; MISSION D3, D13)

The denominator is what the clause says it is: the members that the proposal names (`of: part`), or the roster's number
(`of: roster`, for ratios and majorities). Silence is not assent, and not a no.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Protocol

from skerry.core.kernel.ids import NodeId


class Outcome(Enum):
    """What the ballots so far amount to."""

    PENDING = "pending"
    WON = "won"
    LOST = "lost"


class Clause(Protocol):
    """What of an assent clause matters to the counting."""

    @property
    def by(self) -> str:
        """`assignee`, `unanimous`, `majority` or `ratio`."""
        ...

    @property
    def of(self) -> str:
        """`part` or `roster`."""
        ...

    @property
    def ratio_permille(self) -> int:
        """Of a `ratio`, in thousandths."""
        ...


def needed(clause: Clause, members: int, roster: int) -> int:
    """How many yeses the clause asks for.

    `ratio` of 660 permille of 5 is 4 (3.3, rounded up); `majority` is more than half. A clause `of: roster` may ask
    for more than the part has: then it cannot be won there.
    """
    whole = roster if clause.of == "roster" else members
    match clause.by:
        case "assignee":
            return 1
        case "unanimous":
            return whole
        case "majority":
            return whole // 2 + 1
        case "ratio":
            return max(1, -(-whole * clause.ratio_permille // 1000))
        case other:
            raise ValueError(f"unknown rule of assent {other!r}: expected assignee, unanimous, majority or ratio")


def count(
    clause: Clause,
    *,
    assignee: NodeId,
    members: Collection[NodeId],
    roster: int,
    yes: Collection[NodeId],
    no: Collection[NodeId],
) -> Outcome:
    """Count one assignment's ballots.

    Under every clause the assignee's own word is needed: nobody is made to do what its ledger refuses. Ballots of
    nodes that the proposal does not name count for nothing.
    """
    named = frozenset(members)
    for_it, against = named & frozenset(yes), named & frozenset(no)
    if assignee in against or assignee not in named:
        return Outcome.LOST
    want = needed(clause, len(named), roster)
    if len(for_it) >= want and assignee in for_it:
        return Outcome.WON
    if len(named) - len(against) < want:
        return Outcome.LOST
    return Outcome.PENDING
