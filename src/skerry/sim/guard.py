"""The guard of one machine and the workloads below it (X6), as the process driver shows them to an agent.

A workload is there from the moment of its start to the moment when nothing of it is left: that, and not what anybody
believes, is what the checkers take for running. Deadlines are kept by the machine's own boot-time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skerry.core.kernel.effects import StartWorkload
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.subscription.machine import DEADLINE
from skerry.core.stages.subscription.runs import Adopted
from skerry.sim.client import Use

if TYPE_CHECKING:
    from skerry.sim.machine import Machine

STOPPED = "stopped"


@dataclass
class Workload:
    """One process."""

    instance: InstanceId
    digest: str
    pid: int
    port: int
    fence: int | None
    kill_at_ms: int | None
    stop_within_ms: int
    ready: bool = False
    ending: bool = False
    ended: str = ""
    """Why it ends, or has ended."""
    use: Use = field(default_factory=Use)
    asked: list[Callable[[], None]] = field(default_factory=list)
    """Who waits for its stop."""


class Guard:
    """One machine's guard. What it owns outlives the agent, and dies with the machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.workloads: dict[InstanceId, Workload] = {}
        self.deaths = 0
        self._chance = machine.chance.child("guard")

    def start(self, act: StartWorkload) -> Workload | str:
        """Start it; or why not."""
        now_ms = self.machine.boot_ms()
        if act.instance in self.workloads:
            return "the name is in use"
        if act.kill_at_ms is not None and act.kill_at_ms <= now_ms:
            return "its deadline has passed"
        workload = Workload(
            instance=act.instance,
            digest=act.configuration.digest,
            pid=self.machine.world.next_pid(),
            port=act.port or self.machine.next_port(),
            fence=act.fence,
            kill_at_ms=act.kill_at_ms,
            stop_within_ms=act.configuration.stop_within_ms,
        )
        self.workloads[act.instance] = workload
        self.machine.world.on_workload(self.machine, workload, "started")
        self._watch(workload)
        return workload

    def extend(self, instance: InstanceId, kill_at_ms: int) -> None:
        """Move a deadline; too late for one that is ending."""
        workload = self.workloads.get(instance)
        if workload is not None and not workload.ending:
            workload.kill_at_ms = kill_at_ms
            self._watch(workload)

    def stop(self, instance: InstanceId, within_ms: int, done: Callable[[], None]) -> None:
        """TERM, then KILL; `done` once nothing of it is left."""
        workload = self.workloads.get(instance)
        if workload is None:
            done()
            return
        workload.asked.append(done)
        self._end(workload, within_ms, STOPPED)

    def crash(self, workload: Workload, reason: str) -> None:
        """It ends by itself."""
        if self.workloads.get(workload.instance) is workload and not workload.ending:
            self._gone(workload, reason)

    def die(self, reason: str) -> None:
        """The guard itself ends, and all of its workloads with it."""
        self.deaths += 1
        for workload in list(self.workloads.values()):
            self._gone(workload, reason)

    def take_over(self) -> tuple[Adopted, ...]:
        """What a new agent finds. What the one before had not finished starting or stopping is ended at once."""
        for workload in list(self.workloads.values()):
            if workload.ending or not workload.ready:
                workload.asked.clear()
                self._gone(workload, STOPPED)
        return tuple(
            Adopted(
                instance=workload.instance,
                digest=workload.digest,
                pid=workload.pid,
                endpoint=f"{self.machine.name}:{workload.port}",
                port=workload.port,
                fence=workload.fence,
            )
            for workload in self.workloads.values()
        )

    def overdue(self) -> None:
        """End whatever has reached its deadline; the guard wakes before its workloads do."""
        for workload in list(self.workloads.values()):
            self._check(workload)

    def _watch(self, workload: Workload) -> None:
        if workload.kill_at_ms is not None:
            self.machine.at_boot_ms(workload.kill_at_ms, lambda: self._check(workload))

    def _check(self, workload: Workload) -> None:
        due_ms = workload.kill_at_ms
        if due_ms is None or workload.ending or self.workloads.get(workload.instance) is not workload:
            return
        if self.machine.boot_ms() >= due_ms:
            self.machine.world.coverage.hit("state.guard.deadline")
            left_ms = due_ms + workload.stop_within_ms - self.machine.boot_ms()  # less, if the guard itself was late
            self._end(workload, max(left_ms, 0), DEADLINE)

    def _end(self, workload: Workload, within_ms: int, reason: str) -> None:
        if workload.ending:
            return
        workload.ending, workload.ended = True, reason
        stubborn = self._chance.happens(self.machine.world.options.stubborn_permille)
        takes_ms = within_ms if stubborn else self._chance.between(0, within_ms // 4)
        if takes_ms == 0:
            self._gone(workload, reason)
            return
        self.machine.later(takes_ms, lambda: self._gone(workload, reason))

    def _gone(self, workload: Workload, reason: str) -> None:
        if self.workloads.get(workload.instance) is not workload:
            return
        del self.workloads[workload.instance]
        workload.ended = workload.ended or reason
        self.machine.world.on_workload(self.machine, workload, "gone")
        for done in workload.asked:
            done()
        if reason != STOPPED and not workload.asked and self.machine.shell is not None:
            self.machine.shell.on_exit(workload.instance, reason)
