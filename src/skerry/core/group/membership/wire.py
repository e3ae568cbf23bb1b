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
