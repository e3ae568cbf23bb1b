"""How checks and measurements end."""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.ids import InstanceId, NodeId
from skerry.core.kernel.values import Value


class InstanceChecked(Value, frozen=True, kw_only=True, tag=True):
    """Completes `CheckInstance`."""

    instance: InstanceId
    ok: bool
    use: dict[str, Any] = {}
    """Per client what the instance says that it provided, as it came from `/use`, bounded; empty if not asked."""


class InstanceMeasured(Value, frozen=True, kw_only=True, tag=True):
    """Completes `MeasureInstance`."""

    instance: InstanceId
    holder: NodeId
    digest: str
    figures_milli: dict[str, int] = {}
    failure: str | None = None


class UnattendedAnswered(Value, frozen=True, kw_only=True, tag=True):
    """Completes `AskUnattended`."""

    node: NodeId
    instance: InstanceId
    ok: bool


MonitoringEvent = InstanceChecked | InstanceMeasured
