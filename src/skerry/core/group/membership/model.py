"""Who is in contact with whom (C1). Views are local and never compared between nodes (C3)."""

from __future__ import annotations

from skerry.core.group.membership.wire import Beat
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.values import Value

BEAT_PERIOD_MS = 1_000
BEAT_GAP_MS = 100
"""Between two beats of a small site, however much changes."""
HURRIED_PER_S = 50
"""As many beats a second a member has to read at most because something changes."""
FRESH_MS = 2_500
HUNG_MS = 3_500
SILENT_MS = 10_000
"""Ten beats that did not come; a machine that starts, or is flooded, may well be late by some."""
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


def beat_gap_ms(others: int) -> int:
    """How far beats are apart at least (C1), with so many other members: all of them read each one."""
    return min(max(BEAT_GAP_MS, others * 1_000 // HURRIED_PER_S), BEAT_PERIOD_MS)
