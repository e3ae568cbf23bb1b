"""Processes that fill roles, as the node's guard runs them.

Contract (suite `tests/contracts/workload`): a workload outlives the agent that started it; a name is in use at most
once; everything that a name ever started is gone when `stop` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from skerry.core.kernel.ids import InstanceId
from skerry.core.kernel.values import Value
from skerry.core.stages.capability.model import Resources, Usage
from skerry.core.stages.ir.model import Configuration


class Running(Value, frozen=True, kw_only=True):
    """One workload that the guard owns."""

    instance: InstanceId
    digest: str
    """Of its configuration."""
    pid: int
    ports: dict[str, int]
    fence: int | None = None
    started_ms: int
    """Boot-time."""


class Exit(Value, frozen=True, kw_only=True):
    """How a workload ended by itself or at its deadline."""

    instance: InstanceId
    reason: str
    """`exit 1`, `signal 9`, `deadline`, `no agent` (none was there for longer than it may run alone), `guard ended`."""
    log_tail: str = ""


class Figures(Value, frozen=True, kw_only=True):
    """What a probe printed, checked."""

    figures_milli: dict[str, int]
    operations: int
    seconds_milli: int
    disturbed: bool = False


class Workloads(Protocol):
    """The guard, as an agent uses it."""

    async def open(self) -> list[Running]:
        """Find the node's guard, or start one, and list what really runs. Raises `WorkloadError`."""
        ...

    async def start(
        self,
        instance: InstanceId,
        configuration: Configuration,
        *,
        resources: Resources,
        with_: Mapping[str, str],
        fence: int | None = None,
        port: int | None = None,
        kill_at_ms: int | None = None,
        without_agent_ms: int | None = None,
    ) -> Running:
        """Start it and wait until it is ready. Raises `WorkloadError` with the reason and the last lines of its log;
        then nothing of it runs."""
        ...

    async def stop(self, instance: InstanceId, within_ms: int) -> None:
        """TERM, then KILL after `within_ms`; returns when all of it is gone. Unknown names are already gone."""
        ...

    async def extend(self, instance: InstanceId, kill_at_ms: int) -> None:
        """Move the guard's deadline for it. Raises `WorkloadError` if it has ended."""
        ...

    async def trial(
        self, instance: InstanceId, configuration: Configuration, *, resources: Resources, with_: Mapping[str, str]
    ) -> Figures:
        """Start it on ports and folders of its own, run its probe, stop it, clean up (X7, D9).
        Raises `WorkloadError`."""
        ...

    async def measure(self, probe: tuple[str, ...], endpoint: str, for_ms: int) -> Figures:
        """Run a probe against an instance that runs anywhere. Raises `WorkloadError`."""
        ...

    async def write_endpoints(self, instance: InstanceId, content: bytes) -> None:
        """Rewrite its endpoints file atomically."""
        ...

    async def exited(self) -> Exit:
        """Wait for the next workload that ends without having been stopped."""
        ...

    async def usage(self) -> Usage:
        """What the guard's whole tree uses now."""
        ...

    def log(self, instance: InstanceId, lines: int) -> str:
        """The last lines that it printed."""
        ...

    async def close(self) -> None:
        """Let go: what runs goes on without this agent, for as long as it may."""
        ...

    async def end(self) -> None:
        """Stop everything and the guard too (`agent leave`). Raises `WorkloadError` if something would not stop."""
        ...


class WorkloadError(Exception):
    """A workload could not be started, stopped or measured; the message says why."""
