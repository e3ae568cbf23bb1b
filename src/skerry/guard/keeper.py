"""The workloads that a guard owns, from start to the moment when nothing of them is left.

A workload is *running* until its first process ends or somebody wants it to end; then it is *ending* until no process
of it is there any more. Only then its name is free, whoever asked for the stop gets the answer, and an exit that
nobody asked for is reported.

A process belongs to a workload by descent, by session or group, or by the variable that the guard puts into each
environment. One that shook off all of these belongs to nobody and is ended with the next workload that ends (I4).
"""

from __future__ import annotations

import os
import signal

from skerry.guard import census
from skerry.guard.log import BoundedLog
from skerry.guard.place import WORKLOADS_MAX, boot_ms
from skerry.guard.requests import Order, Refused
from skerry.guard.spawn import SpawnError, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from selectors import BaseSelector
    from typing import Any

FOLDER_VARIABLE = "SKERRY_GUARD_FOLDER"
NAME_VARIABLE = "SKERRY_GUARD_NAME"
STOPPED = "stopped"
DEADLINE = "deadline"
NO_AGENT = "no agent"
_CHECK_AGAIN_MS = 20
_GIVE_UP_MS = 5_000
"""A process that outlives SIGKILL for so long hangs in the kernel: the answer is then an error, with its pid."""
_USAGE_APART_MS = 500
"""Usage asked for more often is answered from the figures before: shares of so short a time say nothing."""
_READ_BYTES = 64 * 1024
_DRAIN_READS = 8


class Workload:
    """One workload that is running or ending."""

    __slots__ = ("ending_ms", "kill_ms", "logs", "order", "pid", "pipes", "reason", "started_ms", "waiting")

    def __init__(self, order: Order, pid: int, pipes: dict[int, BoundedLog], logs: list[BoundedLog]) -> None:
        self.order = order
        self.pid = pid
        self.started_ms = boot_ms()
        self.pipes = pipes
        self.logs = logs
        self.reason: str | None = None
        """Why it ends, known first cause only."""
        self.kill_ms: int | None = None
        """When a stop turns from asking into killing."""
        self.ending_ms: int | None = None
        """Since when it is being killed, or its first process is gone."""
        self.waiting: list[Callable[[str | None], None]] = []
        """Who asked for the stop; called with None or with what went wrong."""

    def listed(self) -> dict[str, Any]:
        """How `list` shows it."""
        return {
            "name": self.order.name,
            "pid": self.pid,
            "started_ms": self.started_ms,
            "kill_at_ms": self.order.kill_at_ms,
            "without_agent_ms": self.order.without_agent_ms,
            "owner": self.order.owner,
            "phase": "running" if self.reason is None and self.ending_ms is None else "ending",
            "log_lost_bytes": sum(log.lost_bytes for log in self.logs),
            "meta": self.order.meta,
        }


class Keeper:
    """Owns all workloads of a folder. Single-threaded: called from the guard's loop only."""

    def __init__(self, folder: str, selector: BaseSelector, on_exit: Callable[[dict[str, Any]], None]) -> None:
        self._folder = folder
        self._selector = selector
        self._on_exit = on_exit
        self._guard = os.getpid()
        self.workloads: dict[str, Workload] = {}
        self._sampled: tuple[int, int, int] = (boot_ms(), 0, 0)
        self._usage: dict[str, Any] = {}
        self._suspects: set[int] = set()
        """Processes that belonged to nobody when last looked at."""

    # ---- what is asked ----

    def start(self, order: Order) -> Workload:
        """Start a workload. Raises `Refused`; then nothing runs."""
        if order.name in self.workloads:
            raise Refused(f"{order.name}: the name is in use")
        if len(self.workloads) >= WORKLOADS_MAX:
            raise Refused(f"{order.name}: this guard owns {WORKLOADS_MAX} workloads already, and no more are allowed")
        if order.kill_at_ms is not None and order.kill_at_ms <= boot_ms():
            raise Refused(f"{order.name}: its deadline has passed")
        order.env[FOLDER_VARIABLE] = self._folder
        order.env[NAME_VARIABLE] = order.name
        logs: list[BoundedLog] = []
        pipes: dict[int, BoundedLog] = {}
        writers: list[int] = []
        try:
            for where in (order.log,) if order.out is None else (order.out, order.log):
                logs.append(BoundedLog(where))
                reader, writer = os.pipe()
                os.set_blocking(reader, False)
                pipes[reader] = logs[-1]
                writers.append(writer)
            pid = spawn(order, writers[0], writers[-1])
        except (OSError, SpawnError) as error:
            for file in pipes:
                os.close(file)
            for log in logs:
                log.close()
            raise Refused(f"{order.name}: {error}") from error
        finally:
            for writer in writers:
                os.close(writer)
        workload = self.workloads[order.name] = Workload(order, pid, pipes, logs)
        for reader in pipes:
            self._selector.register(reader, 1, lambda _mask, reader=reader: self._read(workload, reader))
        return workload

    def find(self, name: str) -> Workload:
        """A workload by name. Raises `Refused`."""
        if name not in self.workloads:
            raise Refused(f"{name}: no such workload")
        return self.workloads[name]

    def stop(self, name: str, within_ms: int, done: Callable[[str | None], None]) -> None:
        """TERM now, KILL after `within_ms`; `done` is called when nothing of it is left."""
        workload = self.workloads.get(name)
        if workload is None:
            done(None)
            return
        workload.waiting.append(done)
        self._ask_to_end(workload, STOPPED, within_ms)

    def stop_all(self) -> None:
        """Stop everything, each within its own time."""
        for workload in self.workloads.values():
            self._ask_to_end(workload, STOPPED, workload.order.stop_within_ms)

    def usage(self) -> dict[str, Any]:
        """What the guard and all below it use: CPU in thousandths of a core since the last question, memory now."""
        now_ms = boot_ms()
        before_ms, tree_before, owner_before = self._sampled
        span_ms = now_ms - before_ms
        if self._usage and span_ms < _USAGE_APART_MS:
            return self._usage
        everything = census.below(self._guard)
        shares, strays = self._shares(everything)
        owned = [p for name, ps in shares.items() if self.workloads[name].order.owner for p in ps]
        tree = [everything[self._guard], *strays, *(p for ps in shares.values() for p in ps)]
        tree_ticks, owner_ticks = (sum(p.ticks for p in ps) for ps in (tree, owned))
        per_tick = 1_000_000 // os.sysconf("SC_CLK_TCK")
        memory = {p.pid: census.memory_bytes(p.pid) for p in tree}
        self._sampled = (now_ms, tree_ticks, owner_ticks)
        self._usage = {
            "cpu_milli": max(0, tree_ticks - tree_before) * per_tick // max(span_ms, 1),
            "memory_bytes": sum(memory.values()),
            "owner_cpu_milli": max(0, owner_ticks - owner_before) * per_tick // max(span_ms, 1),
            "owner_memory_bytes": sum(memory[p.pid] for p in owned),
            "over_ms": span_ms,
        }
        return self._usage

    # ---- what happens ----

    def tick(self, now_ms: int, agent_gone_ms: int) -> None:
        """Do what is due. `agent_gone_ms`: for how long no agent has been there, 0 if one is."""
        for workload in list(self.workloads.values()):
            order = workload.order
            if workload.ending_ms is not None:
                self._finish_if_gone(workload, now_ms)
            elif order.kill_at_ms is not None and now_ms >= order.kill_at_ms:
                self._kill(workload, DEADLINE)
            elif workload.kill_ms is not None and now_ms >= workload.kill_ms:
                self._kill(workload, workload.reason or STOPPED)
            elif workload.reason is None and self._is_forsaken(order, agent_gone_ms):
                self._ask_to_end(workload, NO_AGENT, order.stop_within_ms)

    def pause_ms(self, now_ms: int) -> int:
        """For how long nothing will be due, at most a second.

        A deadline keeps it at 100 ms or less: the pause is measured by a clock that stands still while the machine is
        suspended, the deadline by one that does not.
        """
        pause = 1_000
        for workload in self.workloads.values():
            if workload.ending_ms is not None:
                return _CHECK_AGAIN_MS
            if workload.order.kill_at_ms is not None:
                pause = min(pause, 100, workload.order.kill_at_ms - now_ms)
            if workload.kill_ms is not None:
                pause = min(pause, workload.kill_ms - now_ms)
            if workload.order.without_agent_ms is not None:
                pause = min(pause, max(50, workload.order.without_agent_ms // 4))
        return max(pause, 0)

    def reap(self) -> None:
        """Take note of all processes that ended: workloads, and what they left to the guard."""
        while True:
            try:
                # Looked at before it is taken away: as long as it is there, its group's number is nobody else's.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            for workload in self.workloads.values():
                if workload.pid == ended.si_pid:
                    kind = "exit" if ended.si_code == os.CLD_EXITED else "signal"
                    self._kill(workload, f"{kind} {ended.si_status}")
            os.waitpid(ended.si_pid, 0)

    # ---- ending ----

    @staticmethod
    def _is_forsaken(order: Order, agent_gone_ms: int) -> bool:
        alone_ms = order.without_agent_ms
        return alone_ms is not None and agent_gone_ms > 0 and agent_gone_ms >= alone_ms

    def _ask_to_end(self, workload: Workload, reason: str, within_ms: int) -> None:
        workload.reason = workload.reason or reason
        if workload.ending_ms is None:
            due_ms = boot_ms() + within_ms
            workload.kill_ms = due_ms if workload.kill_ms is None else min(workload.kill_ms, due_ms)
            os.killpg(workload.pid, signal.SIGTERM)

    def _kill(self, workload: Workload, reason: str) -> None:
        workload.reason = workload.reason or reason
        workload.ending_ms = workload.ending_ms or boot_ms()
        # Its first process is still there, dead or alive, so the group is its own.
        os.killpg(workload.pid, signal.SIGKILL)

    def _finish_if_gone(self, workload: Workload, now_ms: int) -> None:
        shares, strays = self._shares(census.scan())
        # Nobody's for an instant is a process that is just being made or just going: so it must be seen twice.
        suspects = {process.pid for process in strays}
        left = [process.pid for process in shares[workload.order.name]]
        for pid in (*left, *(suspects & self._suspects)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._suspects = suspects
        left.extend(suspects)
        trouble = None
        if left:
            if now_ms - (workload.ending_ms or now_ms) < _GIVE_UP_MS:
                return
            trouble = f"{workload.order.name}: outlives SIGKILL: {', '.join(str(pid) for pid in left)}"
        self._finish(workload, trouble)

    def _finish(self, workload: Workload, trouble: str | None) -> None:
        for reader in list(workload.pipes):
            for _ in range(_DRAIN_READS):
                if not self._read(workload, reader):
                    break
            self._close_pipe(workload, reader)
        del self.workloads[workload.order.name]
        tail = workload.logs[-1].tail()
        for log in workload.logs:
            log.close()
        for done in workload.waiting:
            done(trouble)
        if workload.reason != STOPPED:
            self._on_exit(
                {"event": "exit", "name": workload.order.name, "reason": workload.reason, "log_tail": tail,
                 "meta": workload.order.meta}
            )  # fmt: skip

    def _shares(
        self, everything: dict[int, census.Process]
    ) -> tuple[dict[str, list[census.Process]], list[census.Process]]:
        """Living processes by workload, and those that belong to none."""
        children = census.children_of(everything)
        names = {workload.pid: name for name, workload in self.workloads.items()}
        shares: dict[str, list[census.Process]] = {name: [] for name in self.workloads}
        strays: list[census.Process] = []
        for top in children.get(self._guard, ()):
            name = names.get(top.pid) or names.get(top.session) or names.get(top.group) or self._marked(top.pid)
            share = shares[name] if name else strays
            share.extend(p for p in census.with_descendants(top, children) if not p.ended)
        return shares, strays

    def _marked(self, pid: int) -> str | None:
        start = f"{NAME_VARIABLE}=".encode()
        for variable in census.environment(pid):
            if variable.startswith(start):
                name = variable[len(start) :].decode("utf-8", "replace")
                return name if name in self.workloads else None
        return None

    # ---- what it prints ----

    def _read(self, workload: Workload, reader: int) -> bool:
        """Keep what came; returns whether there may be more."""
        try:
            data = os.read(reader, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            workload.pipes[reader].write(data)
            return True
        self._close_pipe(workload, reader)
        return False

    def _close_pipe(self, workload: Workload, reader: int) -> None:
        if workload.pipes.pop(reader, None) is not None:
            self._selector.unregister(reader)
            os.close(reader)


def end_leftovers(folder: str) -> None:
    """End what a guard of this folder that died left behind: its workloads died with it, their children may not have.

    Whoever calls holds the folder's lock, so no other guard's work is hit. Raises `OSError` if some outlive SIGKILL.
    """
    marker = f"{FOLDER_VARIABLE}={folder}".encode()
    until_ms = boot_ms() + _GIVE_UP_MS
    while found := census.marked(marker):
        if boot_ms() > until_ms:
            raise OSError(f"{folder}: processes of a former guard outlive SIGKILL: {found}")
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        signal.sigtimedwait((), 0.02)
