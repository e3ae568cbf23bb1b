"""The example's real programs as processes on loopback, with endpoints files written by hand.

`Shop` starts and ends them and writes for each what it needs; the tests say which instances a program is told of. The
look-up that clients use is a tiny server inside the test, since nodes belong to another part of the project.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.examples.programs.caller import Caller, Reply, Unanswered
from skerry.examples.programs.messages import Answer, Request, json_answer
from skerry.examples.programs.server import Server
from tests.support.ports import free_port

CALL_MS = 3_000
SOURCE = Path(__file__).parents[2] / "src"


def eventually(what: Callable[[], Any], within_s: float = 10.0) -> Any:
    """The first true value; fails with the last one seen."""
    end = time.monotonic() + within_s
    while not (value := what()):
        assert time.monotonic() < end, f"not within {within_s} s; the last value was {value!r}"
        time.sleep(0.02)
    return value


def module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"skerry.examples.programs.{name}", *arguments]


def environment(**more: str) -> dict[str, str]:
    """A clean one, but for the mark by which the whole run finds what it started."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SKERRY_TEST_RUN")}
    return {**kept, "PYTHONPATH": str(SOURCE), **more}


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        module(name, *arguments), env=environment(), capture_output=True, text=True, timeout=40, check=False
    )


@dataclass
class Program:
    """One running instance."""

    instance: str
    node: str
    role: str
    endpoint: str
    file: Path
    arguments: list[str]
    process: subprocess.Popen[bytes]
    fence: int | None = None
    draining: bool = False
    caller: Caller = field(default_factory=Caller)

    @property
    def key(self) -> str:
        return f"{self.instance}@{self.node}"

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return self.caller.call(self.endpoint, method, path, body=body, headers=lines, within_ms=CALL_MS)

    def stats(self) -> dict[str, Any]:
        return self.call("GET", "/stats").json()

    def put(self, name: str, body: bytes, fence: int = 1, version: str = "1.1") -> Reply:
        """A put as a store wants it."""
        headers = {"Skerry_Fence": str(fence), "Skerry_Version": version, "Skerry_Sha256": sha(body)}
        return self.call("PUT", f"/o/{name}", body, **headers)

    def ready(self) -> bool:
        assert self.process.poll() is None, f"{self.instance} has ended with {self.process.returncode}"
        with contextlib.suppress(Unanswered):
            return self.call("GET", "/healthz").status == 200
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        # The signal is sent, which is not yet a process that stands still.
        stat = Path(f"/proc/{self.process.pid}/stat")
        eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def told(self) -> dict[str, Any]:
        return {
            "instance": self.instance,
            "node": self.node,
            "endpoint": self.endpoint,
            "fence": self.fence,
            "draining": self.draining,
        }


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class Shop:
    """All programs of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: list[Program] = []

    def start(self, role: str, node: str, *arguments: str, number: int = 1, fence: int | None = None) -> Program:
        """Start a program and wait until it is ready."""
        endpoint = f"127.0.0.1:{free_port()}"
        instance = f"shop-files/{role}#{number}"
        file = self.folder / f"{role}-{number}-{node}-{len(self.programs)}.json"
        process = self._spawn(role, endpoint, file, list(arguments))
        program = Program(instance, node, role, endpoint, file, list(arguments), process, fence)
        self.programs.append(program)
        self.tell(program)
        eventually(program.ready)
        return program

    def again(self, program: Program) -> None:
        """Start it again as it was, on the same address and folder."""
        program.kill()
        program.process = self._spawn(program.role, program.endpoint, program.file, program.arguments)
        eventually(program.ready)

    def store(self, node: str, engine: str = "log") -> Program:
        return self.start("store", node, "--dir", str(self.folder / node), "--engine", engine, number=int(node[1:]))

    def tell(self, program: Program, **needs: list[Program]) -> None:
        """Rewrite a program's endpoints file."""
        value = {
            "instance": program.instance,
            "node": program.node,
            "fence": program.fence,
            "mode": "connected",
            "draining": program.draining,
            "needs": {element: [peer.told() for peer in peers] for element, peers in needs.items()},
            "serves": {},
        }
        draft = program.file.with_suffix(".tmp")
        draft.write_text(json.dumps(value))
        os.replace(draft, program.file)

    def close(self) -> None:
        for program in self.programs:
            program.kill()
            program.caller.close()

    def _spawn(self, role: str, endpoint: str, file: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
        command = module(role, "--listen", endpoint, *arguments)
        return subprocess.Popen(command, env=environment(SKERRY_ENDPOINTS=str(file)))


class Directory:
    """Answers look-ups, as a node does."""

    def __init__(self) -> None:
        self.offers: list[Program] = []
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._server = Server("127.0.0.1", port, self._answer)
        self._server.start()

    def close(self) -> None:
        self._server.stop(0)

    def _answer(self, request: Request) -> Answer:
        assert request.query == {"interface": "object-store.v1"}
        return json_answer({"endpoints": [program.told() for program in self.offers]})


@contextlib.contextmanager
def shop_in(folder: Path) -> Iterator[Shop]:
    shop = Shop(folder)
    try:
        yield shop
    finally:
        shop.close()
