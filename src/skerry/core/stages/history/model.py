"""What an account is made from."""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.values import Value


class Reading(Value, frozen=True, kw_only=True):
    """One journal entry of kind `reading`, verified and in a chain without gaps."""

    node: str
    life: str
    what: str
    """`instance.seconds`, `client.seconds` or `validated`."""
    about: str
    data: dict[str, Any]
    wall_ms: int
