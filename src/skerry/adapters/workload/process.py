"""The port `Workloads`, by processes below the node's guard (X6, X7).

The guard knows nothing of configurations: this module turns them into argument vectors, environments and folders, waits
for the first answer, and keeps with each workload (as the guard's `meta`) what a later agent needs to take it over.

The guard's names are `run:`, `trial:` and `probe:` with the instance behind, so that a trial runs beside its instance
and the machine owner's own processes (any other name) are never taken for Skerry's work.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from skerry.adapters.workload.figures import parse
from skerry.adapters.workload.filling import Filling
from skerry.adapters.workload.folders import InstanceFolder, disk_bytes
from skerry.adapters.workload.job import Job, Jobs
from skerry.adapters.workload.link import ASK_WITHIN_MS, GuardLink
from skerry.adapters.workload.ready import until_ready
from skerry.adapters.workload.turns import turn
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.capability.model import Resources, Usage
from skerry.core.stages.ir.model import Configuration
from skerry.guard.place import boot_ms
from skerry.guard.requests import STOP_WITHIN_MS_MAX
from skerry.ports.workload import Exit, Figures, Running, WorkloadError

PORTS = range(20_000, 32_768)
_EXITS_MAX = 256
_ALONE_MS = 3_000
"""How long a trial or a probe goes on without an agent that waits for it."""
_PROBE_EXTRA_MS = 10_000
"""What a probe gets beyond the time that it measures for: its own start, and its clean-up."""
_TAIL_LINES = 15
_DISK_APART_S = 10.0


class ProcessWorkloads:
    """One node's workloads. All methods belong to one event loop."""

    def __init__(
        self,
        folder: Path,
        *,
        node: str,
        programs: Collection[str],
        own: Mapping[str, tuple[str, ...]],
        host: str = "127.0.0.1",
        data_root: Path | None = None,
        nice: int = 0,
        affinity: Sequence[int] = (),
        turn_lock: Path | None = None,
        ports: range = PORTS,
    ) -> None:
        """`programs` are those that the machine's owner allows; `own` are Skerry's, by name, as argument vectors.

        `host` is where workloads listen. `data_root` is where their data is kept, of this node alone; by default in
        `folder`. `turn_lock` is a file that all nodes of one machine share to measure in turns.
        """
        self._folder = folder
        self._data_root = data_root or folder / "workloads"
        self._host = host
        self._nice = nice
        self._affinity = list(affinity)
        self._turn_lock = turn_lock
        self._jobs = Jobs(folder, self._data_root, node=node, programs=programs, own=own, host=host, ports=ports)
        self._link = GuardLink(folder, self._on_exit, self._on_again)
        self._running: set[InstanceId] = set()
        self._ends: dict[str, asyncio.Future[tuple[str, str]]] = {}
        """Reason and last lines of those whose end is awaited here: starting ones and probes."""
        self._exits: asyncio.Queue[Exit] = asyncio.Queue()
        self._measurements = itertools.count()
        self._disk: tuple[float, int] | None = None

    # ---- finding and leaving ----

    async def open(self) -> list[Running]:
        """See the port. What an earlier agent had not finished starting or measuring is stopped."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = []
        for listed in await self._link.open():
            meta = listed["meta"] or {}
            if listed["name"].startswith("run:") and meta.get("ready") and listed["phase"] == "running":
                found.append(_running(listed))
            elif listed["name"].startswith(("run:", "trial:", "probe:")):
                await self._stop(listed["name"], 0)
        self._running = {running.instance for running in found}
        return found

    async def close(self) -> None:
        """See the port."""
        await self._link.close()

    async def end(self) -> None:
        """See the port."""
        await self._link.ask("shutdown", answer_ms=STOP_WITHIN_MS_MAX + ASK_WITHIN_MS)
        self._running.clear()
        await self._link.close()

    # ---- starting and stopping ----

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
        """See the port."""
        try:
            job = self._jobs.make("run:", instance, configuration, with_, fence=fence, port=port)
            running = await self._launch(job, resources, kill_at_ms, without_agent_ms)
        except WorkloadError as error:
            raise WorkloadError(f"{instance}: {configuration.name}: {error}") from error
        self._running.add(instance)
        return running

    async def stop(self, instance: InstanceId, within_ms: int) -> None:
        """See the port."""
        name = f"run:{instance}"
        await self._stop(name, within_ms)
        self._running.discard(instance)
        if name in self._ends and not self._ends[name].done():
            self._ends[name].set_result(("stopped while it was starting", ""))

    async def extend(self, instance: InstanceId, kill_at_ms: int) -> None:
        """See the port."""
        await self._link.ask("extend", name=f"run:{instance}", kill_at_ms=kill_at_ms)

    async def _stop(self, name: str, within_ms: int) -> None:
        within_ms = min(within_ms, STOP_WITHIN_MS_MAX)
        await self._link.ask("stop", answer_ms=within_ms + ASK_WITHIN_MS, name=name, within_ms=within_ms)

    async def _launch(
        self, job: Job, resources: Resources, kill_at_ms: int | None, without_agent_ms: int | None
    ) -> Running:
        """Start it and wait until it is ready. Raises `WorkloadError`; then nothing of it runs."""
        if job.name in self._ends:
            raise WorkloadError(f"{job.instance}: it is being started already")
        meta = {
            "instance": job.instance,
            "digest": job.configuration.digest,
            "ports": job.ports.taken,
            "fence": job.fence,
            "ready": False,
        }
        ended = self._ends[job.name] = asyncio.get_running_loop().create_future()
        try:
            self._prepare(job.folder)
            started = await self._link.ask(
                "start",
                **self._order(job.name, job.argv, job.environment, job.folder, resources),
                kill_at_ms=kill_at_ms,
                without_agent_ms=without_agent_ms,
                stop_within_ms=job.configuration.stop_within_ms,
                meta=meta,
            )
            await self._first_answer(job, ended)
            meta["ready"] = True
            await self._link.ask("update_meta", name=job.name, meta=meta)
            if ended.done():
                raise WorkloadError(_with_tail("ended ({}) when it had just become ready", *ended.result()))
        except BaseException:
            await self._discard(job.name)
            raise
        finally:
            del self._ends[job.name]
        return _running({**started, "meta": meta})

    def _order(
        self, name: str, argv: list[str], environment: dict[str, str], folder: InstanceFolder, resources: Resources
    ) -> dict[str, Any]:
        return {
            "name": name,
            "argv": argv,
            "env": environment,
            "cwd": str(folder.root),
            "log": str(folder.log),
            "limits": {"memory_bytes": resources.memory_bytes},
            "nice": self._nice,
            "affinity": self._affinity,
        }

    @staticmethod
    def _prepare(folder: InstanceFolder) -> None:
        try:
            folder.prepare()
        except OSError as error:
            raise WorkloadError(
                f"its folder cannot be made: {error}; free space or correct the rights there"
            ) from error

    async def _first_answer(self, job: Job, ended: asyncio.Future[tuple[str, str]]) -> None:
        """Wait until it is ready or has ended."""
        waiting = asyncio.get_running_loop().create_task(
            until_ready(job.configuration.ready, self._host, job.ports.taken), name=f"ready {job.name}"
        )
        try:
            await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise WorkloadError(_with_tail("ended ({}) before it was ready", *ended.result()))
            try:
                await waiting
            except WorkloadError as error:
                raise WorkloadError(_with_tail("{}", str(error), job.folder.tail(_TAIL_LINES))) from error
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    async def _discard(self, name: str) -> None:
        """Stop what failed. If its guard is gone, it is gone with it, and the first failure is what is reported."""
        with contextlib.suppress(WorkloadError):
            await self._stop(name, 0)

    # ---- measuring ----

    async def trial(
        self, instance: InstanceId, configuration: Configuration, *, resources: Resources, with_: Mapping[str, str]
    ) -> Figures:
        """See the port. Nodes that share a turn lock probe one after the other."""
        if not configuration.probe:
            raise WorkloadError("it has no probe, so it cannot be measured")
        job = self._jobs.make("trial:", instance, configuration, with_)
        argv = job.filling.fill_all(configuration.probe)
        environment = {**job.environment, **self._jobs.environment(argv)}
        await asyncio.to_thread(job.folder.remove)
        try:
            await self._launch(job, resources, None, _ALONE_MS)
            async with turn(self._turn_lock) as disturbed:
                name = f"probe:{instance}"
                printed = await self._probe(name, argv, environment, job.folder, configuration.probe_for_ms)
            return parse(printed, disturbed=disturbed)
        finally:
            await self._discard(job.name)
            await asyncio.to_thread(job.folder.remove)

    async def measure(self, probe: tuple[str, ...], endpoint: str, for_ms: int) -> Figures:
        """See the port. Only `${endpoint.main}` and `${port.main}` are filled in."""
        name = f"measure {next(self._measurements)}"
        filling = Filling(
            {"endpoint": {"main": endpoint}.get, "port": {"main": endpoint.rpartition(":")[2]}.get},
        )
        argv = filling.fill_all(probe)
        folder = InstanceFolder(self._folder, self._data_root, name)
        self._prepare(folder)
        try:
            return parse(await self._probe(f"probe:{name}", argv, self._jobs.environment(argv), folder, for_ms))
        except WorkloadError as error:
            raise WorkloadError(f"measuring {endpoint}: {error}") from error
        finally:
            await asyncio.to_thread(folder.remove)

    async def _probe(
        self, name: str, argv: list[str], environment: dict[str, str], folder: InstanceFolder, for_ms: int
    ) -> bytes:
        """Run a probe; returns what it printed. Raises `WorkloadError` if it fails or takes too long."""
        printed, complaints = folder.root / "probe.out", folder.root / "probe.log"
        limit_ms = for_ms + _PROBE_EXTRA_MS
        order = self._order(name, self._jobs.program(argv), environment, folder, Resources())
        order |= {"out": str(printed), "log": str(complaints), "without_agent_ms": _ALONE_MS}
        if name in self._ends:
            raise WorkloadError(f"{name}: it runs already")
        ended = self._ends[name] = asyncio.get_running_loop().create_future()
        try:
            await self._link.ask("start", **order, kill_at_ms=boot_ms() + limit_ms, stop_within_ms=0)
            async with asyncio.timeout((limit_ms + ASK_WITHIN_MS) / 1_000):
                reason, _ = await ended
        except TimeoutError:
            reason = "deadline"
        finally:
            await self._discard(name)
            del self._ends[name]
        if reason == "exit 0":
            return printed.read_bytes()
        tail = folder.tail(_TAIL_LINES, complaints) or folder.tail(_TAIL_LINES, printed)
        what = f"was not done within {limit_ms} ms" if reason == "deadline" else f"failed ({reason})"
        raise WorkloadError(_with_tail("the probe {}", what, tail))

    # ---- what is seen ----

    async def write_endpoints(self, instance: InstanceId, content: bytes) -> None:
        """See the port. Raises `WorkloadError` if the disk does not take it; the old content then stands."""
        try:
            InstanceFolder(self._folder, self._data_root, instance).write_endpoints(content)
        except OSError as error:
            raise WorkloadError(f"{instance}: its endpoints file cannot be written: {error}") from error

    async def exited(self) -> Exit:
        """See the port."""
        return await self._exits.get()

    async def usage(self) -> Usage:
        """See the port. The guard itself counts; disk is counted anew at most every ten seconds."""
        used = await self._link.ask("usage")
        now = asyncio.get_running_loop().time()
        if self._disk is None or now - self._disk[0] > _DISK_APART_S:
            self._disk = (now, await asyncio.to_thread(disk_bytes, self._data_root))
        return Usage(
            tree=Resources(cpu_milli=used["cpu_milli"], memory_bytes=used["memory_bytes"], disk_bytes=self._disk[1]),
            owner=Resources(cpu_milli=used["owner_cpu_milli"], memory_bytes=used["owner_memory_bytes"]),
        )

    def log(self, instance: InstanceId, lines: int) -> str:
        """See the port."""
        return InstanceFolder(self._folder, self._data_root, instance).tail(lines)

    # ---- what the guard says ----

    def _on_exit(self, event: dict[str, Any]) -> None:
        self._has_ended(event["name"], event["reason"], event["log_tail"])

    def _on_again(self, listed: list[dict[str, Any]]) -> None:
        """After a break of the line: what is no longer there has ended with its guard."""
        names = {workload["name"] for workload in listed}
        for name in [f"run:{instance}" for instance in self._running] + list(self._ends):
            if name not in names:
                self._has_ended(name, "guard ended", "")

    def _has_ended(self, name: str, reason: str, tail: str) -> None:
        if name in self._ends:
            if not self._ends[name].done():
                self._ends[name].set_result((reason, tail))
        elif name.startswith("run:"):
            instance = InstanceId(name.removeprefix("run:"))
            self._running.discard(instance)
            if self._exits.qsize() >= _EXITS_MAX:  # nobody asks; the newest matter most
                self._exits.get_nowait()
            self._exits.put_nowait(Exit(instance=instance, reason=reason, log_tail=tail))


def _running(listed: Mapping[str, Any]) -> Running:
    meta = listed["meta"]
    return Running(
        instance=InstanceId(meta["instance"]),
        digest=meta["digest"],
        pid=listed["pid"],
        ports=dict(meta["ports"]),
        fence=meta["fence"],
        started_ms=listed["started_ms"],
    )


def _with_tail(text: str, why: str, tail: str) -> str:
    """The text with the reason in it and the last lines of the log behind it."""
    return f"{text.format(why)}; {f'its last lines:{chr(10)}{tail.strip()}' if tail.strip() else 'it printed nothing'}"
