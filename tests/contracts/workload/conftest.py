"""The port's implementation, on a node folder of its own, with a real guard and real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skerry.adapters.workload.process import ProcessWorkloads
from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.ir.model import Configuration, Readiness
from skerry.guard.client import GuardClient, GuardError
from skerry.ports.workload import Running

PROGRAM = str(Path(__file__).with_name("program.py"))
STORE = InstanceId("shop-files/store#1")
FIGURES = '{"figures": {"putRate": 123.4}, "operations": 124, "seconds": 1.005}'


def configuration(*start: str, probe: tuple[str, ...] = (), **changes: Any) -> Configuration:
    """A configuration that starts the test program; by default a server at `${port.main}`."""
    words = start or ("serve", "${port.main}")
    changes.setdefault("ready", Readiness(http_path="/healthz", within_ms=8_000))
    changes.setdefault("probe_for_ms", 100)
    argv = words if words[0] == "absent" else ("program", *words)
    return Configuration(name="files", start=argv, probe=probe, digest="d1", **changes)


class Node:
    """One node's folder and what a test does with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def workloads(self, **knobs: Any) -> ProcessWorkloads:
        """An agent's view of this node."""
        own = {"program": (sys.executable, "-S", PROGRAM)}
        return ProcessWorkloads(self.folder, node="n1", programs=["absent"], own=own, **knobs)

    def play(self, story: Callable[[ProcessWorkloads], Awaitable[None]], **knobs: Any) -> None:
        """Open, do what the story says, let go."""

        async def act() -> None:
            workloads = self.workloads(**knobs)
            await workloads.open()
            try:
                await story(workloads)
            finally:
                await workloads.close()

        asyncio.run(act())

    def guard(self) -> GuardClient:
        """Speak with the guard directly."""
        return GuardClient(str(self.folder))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node in a folder whose path is longer than the address of a Unix socket may be."""
    made = Node(tmp_path / ("a-deep-folder-" * 8) / "node")
    yield made
    with contextlib.suppress(GuardError), made.guard() as guard:
        guard.ask("shutdown")


async def start(workloads: ProcessWorkloads, what: Configuration, **changes: Any) -> Running:
    """Start the usual instance."""
    changes.setdefault("resources", Resources())
    changes.setdefault("with_", {})
    return await workloads.start(STORE, what, **changes)


async def fetch(port: int) -> dict[str, Any]:
    """What the test server says of itself. Raises `OSError` if nobody listens."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    about: dict[str, Any] = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    return about


async def until(what: Callable[[], bool], within_s: float = 10) -> None:
    """Wait until something holds; fails if it does not in time."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process is there and not just waiting to be taken note of."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def read(path: str) -> bytes:
    """A file's content."""
    return Path(path).read_bytes()


def write(path: str, content: bytes) -> None:
    """Make a file."""
    Path(path).write_bytes(content)
