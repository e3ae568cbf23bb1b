"""How a test run ends."""

from __future__ import annotations

from skerry.core.kernel.ids import InstanceId
from skerry.core.kernel.values import Value


class TrialFinished(Value, frozen=True, kw_only=True, tag=True):
    """A configuration was run and measured, or could not be. Completes `TryConfiguration`."""

    trial: InstanceId
    digest: str
    figures_milli: dict[str, int] = {}
    operations: int = 0
    seconds_milli: int = 0
    disturbed: bool = False
    failure: str | None = None
