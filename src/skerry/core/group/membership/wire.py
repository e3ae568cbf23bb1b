"""What members say so that they are known to be there."""

from __future__ import annotations

from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.values import Value, Whole


class Beat(Value, frozen=True, kw_only=True, tag="beat", array_like=True):
    """Sent once a second and on change. Carries state, not news (C2)."""

    number: Whole
    hears: dict[NodeId, LifeId]
    """Whose beats are fresh here. Naming the life makes a beat of an earlier run worthless to a replayer."""
    carried: bytes
    """What its sender is, does and knows; the actor knows what it is. From a site at rest the same bytes every time."""
    holdings: bytes = b""
    """What its sender holds of what members keep for each other: apart, since it changes with every entry."""
    said_ms: Whole = 0
    """When, by the sender's boot-time: moments in `carried` are of that clock."""
