"""Entries of a site's journal that came otherwise than they were signed (R1): what is decided on them is not ratified.

A copy is bad, not its chain: the doubt ends when somebody brings that entry, or the sum that stands for it, as it was
signed, or when it is known that nobody has it any more (J2, J3). Then the chain goes on past it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CHAINS_MAX = 64
"""Of which one is remembered: anybody at a site may send as many."""


@dataclass
class BadCopies:
    """Of one site."""

    seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    """To a chain the number of the entry, and what is wrong with it."""

    def take(self, chain: str, number: int, why: str, heads: Mapping[str, int]) -> None:
        """One has come of an entry that is not here."""
        standing = [(c, seen) for c, seen in self.seen.items() if c != chain and heads.get(c, 0) < seen[0]]
        self.seen = {**dict(standing[1 - CHAINS_MAX :]), chain: (number, why)}

    def standing(self, heads: Mapping[str, int]) -> dict[str, str]:
        """Chains that do not verify, with the entry and the reason; `heads`: how far each is here."""
        return {c: f"entry {n}: {why}" for c, (n, why) in self.seen.items() if heads.get(c, 0) < n}
