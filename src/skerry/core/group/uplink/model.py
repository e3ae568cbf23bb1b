"""Is the manager there? A fact that nodes report, and a mode that their leader declares (M1-M4).

Modes are per manager here: every intent has the mode of its owner (M1).
"""

from __future__ import annotations

from typing import Literal

from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.values import Value, Whole

GRACE_DIVISOR = 4
"""Questions are asked every quarter of the grace, as long as they are answered."""
FLAP_MAX = 8
QUIET_SETTLINGS = 10
SESSION_TRY_MS = 1_000
NEW_LEADER_WAIT_MS = 300
"""A round: so long a new leader waits for what its part knows before it declares that nobody was answered (P4)."""
BEAT_PERIOD_MS = 1_000
"""How old a report may be because its bearer has not spoken since (C1)."""
STOOD_STILL_MS = 500
"""An agent that looks so much later than it meant to was not listening."""

ModeName = Literal["connected", "isolated"]


class ModeId(Value, frozen=True, kw_only=True, order=True, array_like=True):
    """A declaration's place in order: (term, leader, number) (M2)."""

    term: Whole
    leader: NodeId
    number: Whole


class ModeState(Value, frozen=True, kw_only=True, array_like=True):
    """What a leader has declared for the intents of one manager."""

    id: ModeId
    mode: ModeName
    wall_ms: int
    """When, for people."""


class UplinkReport(Value, frozen=True, kw_only=True, array_like=True):
    """One node's knowledge of one manager, as its beats carry it: moments of its own boot-time, since ages would make
    another beat of each."""

    answered_ms: int | None = None
    """When the last answered question was asked; None: none ever was."""
    up_since_ms: int | None = None
    """Since when questions have been answered without a gap of a grace; None: they are not."""
    session: bool = False


class UplinkSettings(Value, frozen=True, kw_only=True):
    """From the Site document."""

    lost_after_ms: int = 10_000
    back_after_ms: int = 30_000
