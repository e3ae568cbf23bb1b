"""What enters a machine: one event, with all that the machine may know of time and chance."""

from __future__ import annotations

from typing import Generic, TypeVar

from skerry.core.kernel.values import Value

E = TypeVar("E")


class Input(Value, Generic[E], frozen=True, kw_only=True):
    """One event and the moment in which it is looked at.

    `at_ms` is boot-time, which runs during suspend (T2); it means nothing on another node or after a reboot.
    `wall_ms` is a note for people: no rule compares it between nodes (T1).
    """

    id: str
    """Copied into every effect as `cause`, so that `skerry explain` can walk back from a deed to its reason."""
    at_ms: int
    wall_ms: int
    draw: int
    """63 random bits: all the chance that this step has."""
    event: E
