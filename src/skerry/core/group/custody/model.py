"""Documents that the members keep for each other: the newest of each name, as its author signed it (C2, N2, D5).

A version is a tuple of whole numbers and names, compared in order; a plan's is (term, leader, number).
"""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import Value

Version = tuple[int | str, ...]


def is_older(held: Version, other: Version) -> bool:
    """Whether somebody who holds `held` lacks `other`. What a peer says that it holds is its word alone: a version that
    cannot be compared to a real one is none."""
    try:
        return held < other
    except TypeError:
        return True


CARRY_MAX = 32
CARRY_BYTES_MAX = 256 * 1024


class Kept(Value, frozen=True, kw_only=True):
    """One document in custody."""

    name: str
    version: Version
    author: str
    value: Any
    sealed: Sealed


class Carry(Value, frozen=True, kw_only=True, tag="carry"):
    """Several statements of anybody, forwarded as they came. Each is opened and verified by itself; the carrier vouches
    for nothing."""

    items: tuple[Sealed, ...]
