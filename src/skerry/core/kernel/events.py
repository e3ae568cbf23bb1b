"""Events that any machine may get. All others belong to the machine that understands them."""

from __future__ import annotations

from skerry.core.kernel.values import Value


class DeadlinePassed(Value, frozen=True, kw_only=True, tag=True):
    """The moment that the machine's `next_deadline_ms` named is here, or has gone by."""


class Reconsider(Value, frozen=True, kw_only=True, tag=True):
    """Something that the machine's view shows has changed."""
