"""What an account is made from."""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.values import Value

USED = ("instance.seconds", "client.seconds", "validated", "role.active", "role.stopped")
"""The journal entries that an account needs, by what they say."""


class Reading(Value, frozen=True, kw_only=True):
    """One journal entry, verified and in a chain without gaps."""

    node: str
    life: str
    number: int
    """Its place in the chain of this life."""
    what: str
    """One of `USED`."""
    about: str
    """The instance or, of `client.seconds`, the client."""
    data: dict[str, Any]
    wall_ms: int
    count: int = 1
    """How many readings were folded into it (J2)."""
