"""The only reader of chance."""

from __future__ import annotations

import secrets


def draw() -> int:
    """63 random bits."""
    return secrets.randbits(63)
