"""Machines that can be switched on, frozen, cut and switched off: agents as processes, each in its node's namespace.

Everything is asked as anybody at the site could ask it: a node's API with the site's certificate, a service at its
endpoint, from inside a node's namespace. Which processes are a node's is told by their network namespace alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from skerry.adapters.keys.tls import TlsFiles, client_context
from skerry.examples.programs.caller import Caller, Reply, Unanswered
from skerry.lab.asking import Api
from skerry.lab.asking import Unanswered as NoAnswer
from skerry.shell.clock import boot_ms
from tests.netns.lan import Lan
from tests.netns.watch import Watch, instance_of, network_of, pids
from tests.support.site_by_hand import API_PORT

ROOT = Path(__file__).parents[2]
LOOK_AGAIN_S = 0.1
ASK_WITHIN_S = 3.0
CALL_WITHIN_MS = 3_000
QUIET_LOOKS = 3
"""Looks in a row that must find nothing: a process that is just being made is seen a moment later."""
OFF_WITHIN_S = 10.0
LOG_TAIL_BYTES = 1_500

Status = dict[str, Any]


class Machines:
    """The nodes of one site on one network."""

    def __init__(self, lan: Lan, folders: Mapping[str, Path]) -> None:
        self.lan = lan
        self.folders = folders
        self.nodes = tuple(folders)
        self._agents: dict[str, subprocess.Popen[bytes]] = {}
        self._inodes = {lan.inode(node): node for node in folders}
        self._apis = {
            node: Api(f"{lan.addresses[node]}:{API_PORT}", client_context(TlsFiles.within(folder)))
            for node, folder in folders.items()
        }

    # ---- what happens to machines ----

    def start(self, *nodes: str) -> None:
        """Start the agents of these nodes on the disks that they have."""
        for node in nodes:
            argv = ["ip", "netns", "exec", self.lan.space(node), sys.executable, "-m", "tests.support.run_agent"]
            with open(self._log(node), "ab") as log:
                self._agents[node] = subprocess.Popen(
                    [*argv, str(self.folders[node])],
                    cwd=ROOT,
                    env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill_agent(self, node: str) -> None:
        """End the agent alone; its guard and what that owns go on."""
        agent = self._agents.pop(node)
        agent.kill()
        agent.wait()

    def power_off(self, *nodes: str) -> None:
        """End every process of these nodes at once."""
        quiet, until_s = 0, time.monotonic() + OFF_WITHIN_S
        while quiet < QUIET_LOOKS:
            left = [pid for node in nodes for pid in self.processes(node)]
            quiet = 0 if left else quiet + 1
            assert time.monotonic() < until_s, f"processes of {nodes} outlive SIGKILL: {left}"
            for pid in left:
                _send(pid, signal.SIGKILL)
            time.sleep(0.02)
        for node in nodes:
            if node in self._agents:
                self._agents.pop(node).wait()

    def freeze(self, node: str) -> None:
        """Stop every process of a node where it stands: no socket is closed, nothing is said."""
        stopped: set[int] = set()
        while new := [pid for pid in self.processes(node) if pid not in stopped]:
            # The agent before the guard before the workloads: nobody sees another stop.
            for pid in sorted(new, key=lambda pid: (_is_guard(pid), instance_of(pid) != "", pid)):
                _send(pid, signal.SIGSTOP)
                stopped.add(pid)

    def thaw(self, node: str) -> None:
        """Let it go on, the guard first: what is past its deadline is ended before it gets a turn."""
        for pid in sorted(self.processes(node), key=lambda pid: not _is_guard(pid)):
            _send(pid, signal.SIGCONT)

    def close(self) -> None:
        """Switch everything off."""
        self.power_off(*self.nodes)

    # ---- what anybody can see ----

    def processes(self, node: str) -> list[int]:
        """Every process of a node."""
        inode = self.lan.inode(node)
        return [pid for pid in pids() if network_of(pid) == inode]

    def work(self, node: str) -> dict[str, int]:
        """The instances that really run on a node, and their processes."""
        return {instance: pid for pid in self.processes(node) if (instance := instance_of(pid))}

    @contextlib.contextmanager
    def watched(self, element: str) -> Iterator[Watch]:
        """Watch the processes of an element for as long as the block lasts."""
        watch = Watch(self._inodes, element)
        try:
            yield watch
        finally:
            watch.close()

    def statuses(self, nodes: Iterable[str]) -> dict[str, Status | None]:
        """What each says of itself; None if it does not answer."""
        asked = {node: self.lan.within(node, partial(self._ask, node, "/v1/status")) for node in nodes}
        return {node: answer.result() for node, answer in asked.items()}

    def events(self, node: str) -> list[dict[str, Any]]:
        """The public stream of a node's present life."""
        found: dict[str, Any] | None = self.lan.within(node, lambda: self._ask(node, "/v1/events")).result()
        assert found is not None, f"{node} does not tell its events"
        return list(found["events"])

    def together(self, nodes: Iterable[str]) -> Status | None:
        """The leader's word, if all of these nodes and no others follow it and all hold its plan; else None."""
        nodes = tuple(nodes)
        found = [status for status in self.statuses(nodes).values() if status is not None]
        if len(found) < len(nodes) or len({(s["leader"], s["term"], s["plan"]) for s in found}) != 1:
            return None
        leader = next((s for s in found if s["node"] == s["leader"]), None)
        alike = leader is not None and leader["plan"] is not None and leader["part"] == sorted(nodes)
        return leader if alike else None

    def call(self, node: str, endpoint: str, method: str, path: str, body: bytes = b"") -> Reply | None:
        """Ask a service at its endpoint, from a node; None if nobody answers."""

        def ask() -> Reply | None:
            caller = Caller()
            try:
                return caller.call(endpoint, method, path, body=body, within_ms=CALL_WITHIN_MS)
            except Unanswered:
                return None
            finally:
                caller.close()

        return self.lan.within(node, ask).result()

    def until(self, what: str, holds: Callable[[], Any], within_s: float) -> int:
        """Wait for something; returns the milliseconds that it took. Raises `AssertionError` with how all stands."""
        began_ms = boot_ms()
        while not holds():
            assert boot_ms() - began_ms < within_s * 1_000, f"not within {within_s:.0f} s: {what}\n{self.told()}"
            time.sleep(LOOK_AGAIN_S)
        return boot_ms() - began_ms

    def told(self) -> str:
        """How all stands, for a person."""
        lines = []
        for node, status in self.statuses(self.nodes).items():
            if status is None:
                tail = self._log(node).read_bytes()[-LOG_TAIL_BYTES:] if self._log(node).exists() else b""
                lines.append(f"{node}: does not answer; its log ends with: {tail.decode(errors='replace')}")
                continue
            words = {word: status[word] for word in ("leader", "term", "part", "plan", "given_up")}
            lines.append(f"{node}: {words}")
            for one in status["functionalities"]:
                lines.append(f"    {one['intent']} {one['mode']} {one['state']} unfilled {one['unfilled']}")
                lines.extend(f"        {r['element']} {r['assigned']} active {r['active']}" for r in one["roles"])
            lines.extend(
                f"    runs {i['instance']} {i['phase']} fence {i['fence']} {i['reason']}"
                for member in status["members"]
                if member["contact"] == "self"
                for i in member["instances"]
            )
        return "\n".join(lines)

    def _ask(self, node: str, path: str) -> Any:
        try:
            return self._apis[node].get(path, ASK_WITHIN_S)
        except NoAnswer:
            return None

    def _log(self, node: str) -> Path:
        return self.folders[node] / "agent.log"


def role(status: Status, element: str) -> dict[str, Any]:
    """One role of the site's only intent, as a node tells it."""
    return next(r for r in status["functionalities"][0]["roles"] if r["element"] == element)


def satisfied(machines: Machines, nodes: Iterable[str]) -> Status | None:
    """The leader's word, if these nodes are together and provide the site's only intent in full, by themselves: for a
    moment after a node was lost its work still counts, since it may only be its agent that is gone (U12)."""
    nodes = tuple(nodes)
    status = machines.together(nodes)
    if status is None or status["functionalities"][0]["state"] != "satisfied":
        return None
    holders = {holder for role in status["functionalities"][0]["roles"] for holder in role["assigned"].values()}
    return status if holders <= set(nodes) else None


def endpoints(status: Status, element: str) -> list[str]:
    """Where the active instances of an element answer, as a node tells it."""
    found = [i for member in status["members"] for i in member["instances"]]
    return [i["endpoint"] for i in found if f"/{element}#" in i["instance"] and i["phase"] == "active"]


def holder(status: Status, element: str) -> str:
    """Who is named for the first instance of an element."""
    return str(next(iter(role(status, element)["assigned"].values())))


def _is_guard(pid: int) -> bool:
    try:
        return b"skerry.guard" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
