"""What a site remembers of its decisions: one signed chain per life of an agent (N1, J1, J2)."""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.values import Value

COPY_MAX = 64
"""Entries in one message."""


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


def chain_name(signer: str, life: str) -> str:
    """The name of one life's chain."""
    return f"{signer}/{life}"
