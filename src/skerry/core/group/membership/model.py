"""Who is in contact with whom (C1). Views are local and never compared between nodes (C3)."""

from __future__ import annotations

from skerry.core.group.membership.wire import Beat
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.values import Value

BEAT_PERIOD_MS = 1_000
BEAT_GAP_MS = 100
"""Between two beats, however much changes."""
FRESH_MS = 2_500
HUNG_MS = 3_500
STOOD_STILL_MS = 500
"""An agent that looks so much later than it meant to was not listening."""


class Contact(Value, frozen=True, kw_only=True):
    """A member with which I am in contact: its beat is fresh, and says that it hears me."""

    node: NodeId
    life: LifeId
    since_ms: int
    heard_ms: int
    """When its latest beat arrived, by my boot-time."""
    beat: Beat
    """The latest."""
