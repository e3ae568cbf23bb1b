"""What is observed of running instances: by their holder, second by second, and by others, with a probe (D21-D24, H).

Only the holder counts seconds; the validator never adds any. Fits are in thousandths, seconds whole.
"""

from __future__ import annotations

from skerry.core.kernel.ids import InstanceId, NodeId
from skerry.core.kernel.values import Value

EXPERIENCE_MAX = 20
"""Figures that are kept for each node and configuration (P5)."""
EXPERIENCE_NEEDED = 5
"""Figures that a no from experience needs."""
EXPERIENCE_FOR_MS = 3_600_000
"""How long after its last figure an experience counts (decision 0028)."""
MEASURE_FOR_MS = 250
MEASURE_GAP_MS = 1_000
"""Between two measurements while something is not yet verified or little known."""
MEASURE_GAP_QUIET_MS = 5_000
"""The least while everything is well known; never less than a holder lets pass between two readings."""


class Verification(Value, frozen=True, kw_only=True, array_like=True):
    """What one measurer last found of an instance, as its beats carry it; its journal holds the figures."""

    instance: InstanceId
    holder: NodeId
    ok: bool
    """The last figure, or the median of all, meets the standards, or their floor where remediation lowered them: what
    is good now is not given to somebody else for what it was while a link was slow."""
    count: int
    """Of the figures that this rests on."""


class Meter(Value, frozen=True, kw_only=True):
    """An instance's cumulative account (H1): the highest counts, so repeats do no harm."""

    instance: InstanceId
    activation: int
    """Counts the instance's starts on this node."""
    connected_s: int = 0
    connected_compliant_s: int = 0
    isolated_s: int = 0
    isolated_compliant_s: int = 0

    @property
    def total_s(self) -> int:
        """All seconds in which it was active."""
        return self.connected_s + self.isolated_s
