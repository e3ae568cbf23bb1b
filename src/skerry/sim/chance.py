"""The world's only source of chance: one seed, and a stream of its own for each use.

Streams are split by name, so that what one part of the world draws never shifts what another part sees; a seed found
today then still means nearly the same world after the next fault has been added.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1


class Chance:
    """SplitMix64 (Steele, Lea, Flood 2014): small, fast enough here, and the same on every machine."""

    def __init__(self, seed: int | str) -> None:
        self._label = str(seed)
        self._state = int.from_bytes(blake2b(self._label.encode(), digest_size=8).digest(), "big")

    def child(self, name: str) -> Chance:
        """An independent stream."""
        return Chance(f"{self._label}/{name}")

    def bits(self) -> int:
        """63 bits."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return (state ^ (state >> 31)) >> 1

    def between(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return least + self.bits() % (most - least + 1)

    def happens(self, permille: int) -> bool:
        """Whether something of this likelihood happens."""
        return permille > 0 and self.bits() % 1000 < permille

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.bits() % len(choices)]

    def sample(self, choices: Sequence[T], number: int) -> list[T]:
        """So many different ones, in drawn order."""
        return self.shuffled(choices)[:number]

    def shuffled(self, choices: Sequence[T]) -> list[T]:
        """All of them, in drawn order."""
        left = list(choices)
        for index in range(len(left) - 1, 0, -1):
            other = self.bits() % (index + 1)
            left[index], left[other] = left[other], left[index]
        return left
