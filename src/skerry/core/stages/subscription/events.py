"""How starts, stops and checks end: each effect that can fail has its completing events here."""

from __future__ import annotations

from skerry.core.kernel.ids import InstanceId
from skerry.core.kernel.values import Value


class WorkloadReady(Value, frozen=True, kw_only=True, tag=True):
    """It runs and has passed its readiness check. Completes `StartWorkload`."""

    instance: InstanceId
    pid: int
    endpoint: str
    port: int | None
    fence: int | None


class WorkloadFailed(Value, frozen=True, kw_only=True, tag=True):
    """It could not be started; nothing of it runs. Completes `StartWorkload`."""

    instance: InstanceId
    reason: str


class WorkloadExited(Value, frozen=True, kw_only=True, tag=True):
    """It ended without having been asked to."""

    instance: InstanceId
    reason: str


class WorkloadStopped(Value, frozen=True, kw_only=True, tag=True):
    """All of it is gone. Completes `StopWorkload`."""

    instance: InstanceId


class WorkloadDrained(Value, frozen=True, kw_only=True, tag=True):
    """Its clients have gone; it may be stopped. Completes `AwaitDrained`."""

    instance: InstanceId


WorkloadEvent = WorkloadReady | WorkloadFailed | WorkloadExited | WorkloadStopped | WorkloadDrained
