"""Carries out what machines want done to workloads: each act runs beside the loop and ends in its completing event.

Acts on one instance are done one after the other, in the order in which they were asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from skerry.core.conversation import AgentEvent
from skerry.core.kernel.effects import (
    Act,
    AskUnattended,
    AwaitDrained,
    CheckInstance,
    ExtendWorkload,
    MeasureInstance,
    StartWorkload,
    StopWorkload,
    TryConfiguration,
    WriteEndpoints,
)
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.monitoring.events import InstanceChecked, InstanceMeasured, UnattendedAnswered
from skerry.core.stages.subscription.events import (
    WorkloadDrained,
    WorkloadExited,
    WorkloadFailed,
    WorkloadReady,
    WorkloadStopped,
)
from skerry.ports.workload import Exit, WorkloadError, Workloads
from skerry.shell.http_get import http_get, http_json, open_port
from skerry.shell.supervisor import Supervisor

DRAIN_ASK_S = 0.2
ASK_AGAIN_S = 0.5
"""After a guard has not answered, or refused."""
WRITE_AGAIN_S = 1.0
"""After a disk has refused an endpoints file."""
CLIENTS_MAX = 100
"""Clients of one instance whose use is taken over in one reading."""


class WorkloadDesk:
    """One agent's dealings with its guard."""

    def __init__(
        self, workloads: Workloads, host: str, supervisor: Supervisor, post: Callable[[AgentEvent], None]
    ) -> None:
        self._workloads = workloads
        self._host = host
        self._supervisor = supervisor
        self._post = post
        self._turns: dict[InstanceId, asyncio.Lock] = {}
        self._endpoints: dict[InstanceId, str] = {}
        self._newest: dict[InstanceId, WriteEndpoints] = {}
        """What the endpoints file of each is to say."""

    def act(self, act: Act) -> None:
        """Begin one act."""
        match act:
            case StartWorkload():
                self._in_turn(act.instance, self._start(act))
            case StopWorkload():
                self._in_turn(act.instance, self._stop(act))
            case WriteEndpoints():
                self._newest[act.instance] = act
                self._in_turn(act.instance, self._write(act))
            case ExtendWorkload():
                self._supervisor.start(self._extend(act), f"extend {act.instance}")
            case AwaitDrained():
                self._supervisor.start(self._await_drained(act), f"drain {act.instance}")
            case CheckInstance():
                self._supervisor.start(self._check(act), f"check {act.instance}")
            case AskUnattended():
                self._supervisor.start(self._ask_unattended(act), f"ask {act.instance}")
            case MeasureInstance():
                self._supervisor.start(self._measure(act), f"measure {act.instance}")
            case TryConfiguration():
                self._supervisor.start(self._try(act), f"try {act.trial}")
            case _:
                raise TypeError(f"an act that nobody carries out: {type(act).__name__}")

    def exited(self, exit_: Exit) -> AgentEvent:
        """A workload's end as an event."""
        tail = f"; last lines: {exit_.log_tail}" if exit_.log_tail else ""
        reason = exit_.reason if exit_.reason == "deadline" else f"{exit_.reason}{tail}"
        return WorkloadExited(instance=exit_.instance, reason=reason)

    def _in_turn(self, instance: InstanceId, work: Coroutine[Any, Any, None]) -> None:
        self._supervisor.start(self._after_the_others(instance, work), str(instance))

    async def _after_the_others(self, instance: InstanceId, work: Coroutine[Any, Any, None]) -> None:
        async with self._turns.setdefault(instance, asyncio.Lock()):
            await work

    async def _start(self, act: StartWorkload) -> None:
        try:
            await self._workloads.write_endpoints(act.instance, act.endpoints)
            running = await self._workloads.start(
                act.instance,
                act.configuration,
                resources=act.resources,
                with_={},
                fence=act.fence,
                port=act.port,
                kill_at_ms=act.kill_at_ms,
                without_agent_ms=act.without_agent_ms,
            )
        except WorkloadError as error:
            self._post(WorkloadFailed(instance=act.instance, reason=str(error)))
            return
        port = running.ports.get("main")
        endpoint = f"{self._host}:{port}" if port is not None else ""
        self._endpoints[act.instance] = endpoint
        self._post(
            WorkloadReady(instance=act.instance, pid=running.pid, endpoint=endpoint, port=port, fence=running.fence)
        )

    async def _stop(self, act: StopWorkload) -> None:
        """Nobody may take it for stopped before the guard says so: one that is busy is asked until it does."""
        while True:
            try:
                await self._workloads.stop(act.instance, act.within_ms)
                break
            except WorkloadError:
                await asyncio.sleep(ASK_AGAIN_S)
        self._endpoints.pop(act.instance, None)
        self._newest.pop(act.instance, None)
        self._post(WorkloadStopped(instance=act.instance))

    async def _write(self, act: WriteEndpoints) -> None:
        """A full disk is tried again, until there is room, something newer to write, or nobody left to read it."""
        if self._newest.get(act.instance) is not act:
            return
        try:
            await self._workloads.write_endpoints(act.instance, act.content)
        except WorkloadError:
            self._supervisor.start(self._write_again(act), f"write {act.instance}")

    async def _write_again(self, act: WriteEndpoints) -> None:
        await asyncio.sleep(WRITE_AGAIN_S)
        self._in_turn(act.instance, self._write(act))

    async def _extend(self, act: ExtendWorkload) -> None:
        # Too late: it has ended, or its guard has. Its deadline stands, and the guard tells of its end by itself.
        with contextlib.suppress(WorkloadError):
            await self._workloads.extend(act.instance, act.kill_at_ms)

    async def _await_drained(self, act: AwaitDrained) -> None:
        """Ask the instance whether its clients have gone, until it says so, is gone itself, or the time is up."""
        deadline = asyncio.get_running_loop().time() + act.within_ms / 1000
        while asyncio.get_running_loop().time() < deadline:
            endpoint = self._endpoints.get(act.instance)
            if endpoint is None or await http_get(endpoint, "/drained") in (200, None):
                break
            await asyncio.sleep(DRAIN_ASK_S)
        self._post(WorkloadDrained(instance=act.instance))

    async def _check(self, act: CheckInstance) -> None:
        status = await http_get(act.endpoint, act.path) if act.path else await open_port(act.endpoint)
        use = await http_json(act.endpoint, "/use") if act.use else {}
        clients = use.get("clients", {})
        bounded = dict(list(clients.items())[:CLIENTS_MAX]) if isinstance(clients, dict) else {}
        self._post(InstanceChecked(instance=act.instance, ok=status == 200, use=bounded))

    async def _ask_unattended(self, act: AskUnattended) -> None:
        within_s = act.within_ms / 1000
        asked = http_get(act.endpoint, act.path, within_s) if act.path else open_port(act.endpoint, within_s)
        self._post(UnattendedAnswered(node=act.node, instance=act.instance, ok=await asked == 200))

    async def _measure(self, act: MeasureInstance) -> None:
        figures_milli: dict[str, int] = {}
        failure: str | None = None
        try:
            measured = await self._workloads.measure(act.probe, act.endpoint, act.for_ms)
            figures_milli = measured.figures_milli
        except WorkloadError as error:
            failure = str(error)
        self._post(
            InstanceMeasured(
                instance=act.instance,
                holder=act.holder,
                digest=act.digest,
                figures_milli=figures_milli,
                failure=failure,
            )
        )

    async def _try(self, act: TryConfiguration) -> None:
        try:
            figures = await self._workloads.trial(act.trial, act.configuration, resources=act.resources, with_={})
        except WorkloadError as error:
            self._post(TrialFinished(trial=act.trial, digest=act.configuration.digest, failure=str(error)))
            return
        self._post(
            TrialFinished(
                trial=act.trial,
                digest=act.configuration.digest,
                figures_milli=figures.figures_milli,
                operations=figures.operations,
                seconds_milli=figures.seconds_milli,
                disturbed=figures.disturbed,
            )
        )
