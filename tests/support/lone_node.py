"""One node whose manager is never there: its folder, its agent as a process, and what can be asked of it."""

from __future__ import annotations

import http.client
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skerry.guard.client import GuardClient
from skerry.lab.asking import context
from tests.support.command import Ran, skerry
from tests.support.office import REPOSITORY
from tests.support.site_by_hand import API_PORT, Place, make_site

NOBODY = "tls/127.0.0.1:1"
PROGRAMS = ("skerry-hello", "skerry", "no-such-program", "sleep", "echo", "true", "sh")
WITHIN_S = 60.0
RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
from skerry.shell import agent
agent.FACTS_PERIOD_S = 0.5
from skerry.bootstrap.agent import main
sys.exit(main())
"""
"""As `skerry agent run`; its owner's word is read again sooner, so that a test need not wait half a minute."""


class Node:
    """A machine of its own site, and its agent."""

    def __init__(self, folder: Path, address: str, own: Path) -> None:
        """`own`: the manifest of its site, beside which it gets the hello example."""
        self.address = address
        manifests = folder / "site.yaml"
        example = REPOSITORY / "src" / "skerry" / "examples" / "hello"
        texts = (own, example / "catalogue.yaml", example / "intent.yaml")
        manifests.write_text("---\n".join(path.read_text() for path in texts))
        self.folder = make_site(folder, manifests, {"n1": Place(address, NOBODY, programs=PROGRAMS)})["n1"]
        self.agent = self.begin()

    def begin(self) -> subprocess.Popen[str]:
        """Start the agent; returns when it runs."""
        self.agent = run(self.folder)
        assert self.agent.stdout is not None
        line = self.agent.stdout.readline()
        assert f"{self.address}:{API_PORT}" in line, self.agent.communicate(timeout=WITHIN_S)
        return self.agent

    def __call__(self, *words: str) -> Ran:
        """Run a verb against this node, with its own identity."""
        return skerry(*words, "--server", f"https://{self.address}:{API_PORT}", "--identity", self.folder)

    def metrics(self) -> str:
        """What Prometheus reads of it."""
        asking = http.client.HTTPSConnection(self.address, API_PORT, timeout=10, context=context(self.folder))
        try:
            asking.request("GET", "/metrics")
            answer = asking.getresponse()
            assert answer.status == 200, answer.read()
            return answer.read().decode()
        finally:
            asking.close()

    def state_of(self, intent: str) -> str:
        """What status says of an intent."""
        (line,) = [line for line in self("status").out.splitlines() if line.startswith(f"{intent}: ")]
        return line.removeprefix(f"{intent}: ")

    def pid_of(self, instance: str) -> int | None:
        """The process that is an instance now."""
        with GuardClient(str(self.folder)) as guard:
            found = {one["name"]: one["pid"] for one in guard.ask("list")["workloads"]}
        return found.get(f"run:{instance}")

    def answers(self, instance: str) -> int | None:
        """The same, once it is active."""
        members = json.loads(self("status", "-o", "json").out)["members"]
        active = [one for one in members[0]["instances"] if one["instance"] == instance and one["phase"] == "active"]
        return self.pid_of(instance) if active else None

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until something holds, and return it."""
        until = time.monotonic() + WITHIN_S
        while not (found := holds()):
            assert time.monotonic() < until, self("status")
            assert self.agent.poll() is None, self.agent.communicate()
            time.sleep(0.1)
        return found


def run(folder: Path, *, file_bytes_max: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    """An agent as a process; with `file_bytes_max` the system lets it make no file longer, as on a full disk."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), str(file_bytes_max)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
