"""What disk or guard refuse ends nobody's agent, and is done once it can be."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from skerry.core.kernel.effects import ExtendWorkload, StopWorkload, WriteEndpoints
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.subscription.events import WorkloadStopped
from skerry.ports.workload import WorkloadError, Workloads
from skerry.shell import workloads
from skerry.shell.supervisor import Supervisor
from skerry.shell.workloads import WorkloadDesk

INTAKE = InstanceId("hq/files/intake#1")
AGAIN_S = 0.01
LONG_S = 20 * AGAIN_S


class FullDisk:
    """A node's disk and guard: it keeps endpoints files, and refuses them while it is full."""

    def __init__(self) -> None:
        self.full = True
        self.silent = 0
        """How many times its guard does not answer."""
        self.kept: list[bytes] = []

    async def write_endpoints(self, instance: InstanceId, content: bytes) -> None:
        if self.full:
            raise WorkloadError(f"{instance}: no space left on device")
        self.kept.append(content)

    async def stop(self, instance: InstanceId, within_ms: int) -> None:
        if self.silent:
            self.silent -= 1
            raise WorkloadError("stop: the guard did not answer within 10300 ms; its log is there")

    async def extend(self, instance: InstanceId, kill_at_ms: int) -> None:
        raise WorkloadError(f"run:{instance}: no such workload")


async def story(disk: FullDisk, *, stopped: bool) -> Supervisor:
    supervisor = Supervisor(asyncio.Event())
    desk = WorkloadDesk(cast(Workloads, disk), "10.0.0.1", supervisor, lambda _event: None)
    desk.act(WriteEndpoints(instance=INTAKE, content=b"older"))
    desk.act(WriteEndpoints(instance=INTAKE, content=b"newer"))
    await asyncio.sleep(LONG_S)
    if stopped:
        desk.act(StopWorkload(instance=INTAKE, within_ms=100))
        await asyncio.sleep(LONG_S)
    disk.full = False
    await asyncio.sleep(LONG_S)
    await supervisor.close()
    return supervisor


def test_an_endpoints_file_that_a_full_disk_refuses_is_written_when_there_is_room(monkeypatch: Any) -> None:
    monkeypatch.setattr(workloads, "WRITE_AGAIN_S", AGAIN_S)
    disk = FullDisk()
    supervisor = asyncio.run(story(disk, stopped=False))
    assert supervisor.failure is None, "the agent goes on"
    assert disk.kept == [b"newer"]


def test_nothing_is_written_for_what_was_stopped_meanwhile(monkeypatch: Any) -> None:
    monkeypatch.setattr(workloads, "WRITE_AGAIN_S", AGAIN_S)
    disk = FullDisk()
    supervisor = asyncio.run(story(disk, stopped=True))
    assert (supervisor.failure, disk.kept) == (None, [])


def test_a_deadline_that_comes_too_late_to_be_moved_ends_the_work_alone() -> None:
    """A machine that stood still: its guard has ended what may not be double while its agent was about to extend it."""

    async def thawed() -> Supervisor:
        supervisor = Supervisor(asyncio.Event())
        desk = WorkloadDesk(cast(Workloads, FullDisk()), "10.0.0.1", supervisor, lambda _event: None)
        desk.act(ExtendWorkload(instance=INTAKE, kill_at_ms=9_000))
        await asyncio.sleep(AGAIN_S)
        await supervisor.close()
        return supervisor

    assert asyncio.run(thawed()).failure is None


def test_a_guard_that_does_not_answer_is_asked_to_stop_until_it_has(monkeypatch: Any) -> None:
    monkeypatch.setattr(workloads, "ASK_AGAIN_S", AGAIN_S)
    told: list[Any] = []

    async def busy() -> Supervisor:
        supervisor, disk = Supervisor(asyncio.Event()), FullDisk()
        disk.silent = 2
        desk = WorkloadDesk(cast(Workloads, disk), "10.0.0.1", supervisor, told.append)
        desk.act(StopWorkload(instance=INTAKE, within_ms=300))
        await asyncio.sleep(AGAIN_S)
        assert told == [], "nobody may take it for stopped before it is"
        await asyncio.sleep(LONG_S)
        await supervisor.close()
        return supervisor

    assert asyncio.run(busy()).failure is None
    assert told == [WorkloadStopped(instance=INTAKE)]
