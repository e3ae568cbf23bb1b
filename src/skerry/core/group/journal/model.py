"""What a site remembers of its decisions: one signed chain per life of an agent (N1, J1, J2)."""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.values import Value

COPY_MAX = 64
"""Entries in one message."""
KEEP_MS = 7 * 86_400_000
FOLD_FROM = 128
READINGS = ("reading", "telemetry")
"""The kinds of entries that decide nothing, and may become a sum (J2)."""
BYTES_MAX = 16 * 1024 * 1024


class Entry(Value, frozen=True, kw_only=True, tag="entry", array_like=True):
    """One link. Life and number stand in the statement around it; the predecessor is the hash of a statement's bytes.

    The first entry of a life names the last own entry that the disk held, of the life before."""

    predecessor: str
    kind: str
    """`decision`, `reading`, `operator` or `telemetry` (J2)."""
    what: str
    about: str = ""
    data: dict[str, Any] = {}
    boot: str = ""
    at_ms: int = 0
    wall_ms: int = 0
    cause: str = ""


class Folded(Value, frozen=True, kw_only=True, array_like=True):
    """What many readings of one thing come to."""

    what: str
    about: str
    data: dict[str, Any]
    count: int
    wall_ms: int
    """Of the last of them."""


class Fold(Value, frozen=True, kw_only=True, tag="fold", array_like=True):
    """Stands for the readings `first` to n of its author's chain, n being its statement's number (J2). It names the
    entry before them and the last of them by hash, so that the chain goes on verifying without them."""

    first: int
    before: str
    last: str
    readings: tuple[Folded, ...]
    dropped: int = 0
    """How many of them were telemetry, of which nothing is left."""


class Acknowledgement(Value, frozen=True, kw_only=True, tag="acknowledged"):
    """A manager's word that it has stored so much of each chain (J3); from then on a node may let go of it. It names
    the last entry by hash. Chains that no node holds any more are left out."""

    number: int
    heads: dict[str, tuple[int, str]]
    owed: dict[str, int] = {}
    """Of each chain of which it once had more, by its own word, how much that was: it asks for it."""


class Retention(Value, frozen=True, kw_only=True):
    """For how long, and in how many bytes, a node keeps what was acknowledged (J3). What was not is kept in any
    case."""

    keep_ms: int = KEEP_MS
    """Of boot-time, from when the node first knew of it; begins anew with each start (T2)."""
    fold_from: int = FOLD_FROM
    """So many readings without a decision between them become one sum while the manager is out of reach (J2)."""
    bytes_max: int = BYTES_MAX
    """Of all chains together; above this the oldest that were acknowledged go before their time."""
    rest_ms: int = 60_000
    rest_graces: int = 12
    """So long, and so many graces of the uplink, nothing has to be decided for a site to be at rest: from then on a
    manager is told readings as sums, once in as long."""

    def rest_for_ms(self, grace_ms: int) -> int:
        """The longer of the two, for a site with this grace."""
        return max(self.rest_ms, self.rest_graces * grace_ms)

    def untold_for_ms(self, grace_ms: int) -> int:
        """For how long a manager is not told of a reading then: its author has had its turn to put it into a sum."""
        return self.rest_for_ms(grace_ms) * 5 // 4


AS_SHIPPED = Retention()


def chain_name(signer: str, life: str) -> str:
    """The name of one life's chain."""
    return f"{signer}/{life}"
