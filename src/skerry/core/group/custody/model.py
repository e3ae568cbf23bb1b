"""Documents that the members keep for each other: the newest of each name, as its author signed it (C2, N2, D5).

A version is a tuple of whole numbers and names, compared in order; a plan's is (term, leader, number).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import Value, Whole

Version = tuple[int | str, ...]


def is_older(held: Version, other: Version) -> bool:
    """Whether somebody who holds `held` lacks `other`. What a peer says that it holds is its word alone: a version that
    cannot be compared to a real one is none."""
    try:
        return held < other
    except TypeError:
        return True


def lacks(held: Mapping[str, Version], name: str, version: Version) -> bool:
    """Whether somebody with these versions lacks this one."""
    return name not in held or is_older(held[name], version)


CARRY_MAX = 32
CARRY_BYTES_MAX = 256 * 1024


class Kept(Value, frozen=True, kw_only=True):
    """One document in custody."""

    name: str
    version: Version
    author: str
    value: Any
    sealed: Sealed


LATER_PREFIX = "later/"
LATER_MAX = 64
LATER_BYTES_MAX = 16 * 1024


class Later(Value, frozen=True, kw_only=True, tag="later"):
    """A document of a kind that only later versions know: whoever cannot read it keeps it and hands it on (N2). So its
    name and version stand outside of what it says; and since nobody else can tell what it is good for, each signer has
    so many of them, of so many bytes, and no name but its own."""

    place: Whole
    """Which of its signer's it is; less than `LATER_MAX`."""
    version: Whole
    kind: str
    """As whoever knows it calls it."""
    said: bytes


class Carry(Value, frozen=True, kw_only=True, tag="carry"):
    """Several statements of anybody, forwarded as they came. Each is opened and verified by itself; the carrier vouches
    for nothing."""

    items: tuple[Sealed, ...]
