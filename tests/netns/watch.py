"""An onlooker that asks nobody: which processes of which nodes run an element, looked up in `/proc` 50 times a second.

A process belongs to the node in whose network namespace it is. One that is stopped (state `T`) answers nobody and is
seen as such. Times are boot-time, which all namespaces of a machine share with the agents' own events.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

from skerry.shell.clock import boot_ms

LOOK_S = 0.02
YOUNG_MS = 1_000
"""A process younger than this may still show the environment of the one that starts it."""


class Seen(NamedTuple):
    """One process of Skerry's work."""

    pid: int
    node: str
    instance: str


class Watch:
    """Looks until it is closed."""

    def __init__(self, inodes: dict[int, str], element: str) -> None:
        """`inodes`: node by the inode of its network namespace."""
        self._inodes = inodes
        self._element = f"/{element}#"
        self._ended = threading.Event()
        self._known: dict[int, tuple[int, Seen | None]] = {}
        self.first_ms: dict[Seen, int] = {}
        self.last_ms: dict[Seen, int] = {}
        """When it was last seen able to run."""
        self.together: list[tuple[int, tuple[Seen, ...]]] = []
        """Every moment at which more than one was able to run."""
        self.gap_longest_ms = 0
        """The longest time between two looks: what is shorter may have been missed."""
        self._looked_ms: int | None = None
        self._thread = threading.Thread(target=self._run, name="watch")
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def running(self) -> list[Seen]:
        """What was able to run at the latest look."""
        latest_ms = self._looked_ms
        return [seen for seen, at_ms in list(self.last_ms.items()) if at_ms == latest_ms]

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            now_ms = boot_ms()
            able = tuple(seen for seen in self._found(now_ms) if _state(seen.pid) not in ("T", "Z", "X", ""))
            for seen in able:
                self.first_ms.setdefault(seen, now_ms)
                self.last_ms[seen] = now_ms
            if len(able) > 1:
                self.together.append((now_ms, able))
            if self._looked_ms is not None:
                self.gap_longest_ms = max(self.gap_longest_ms, now_ms - self._looked_ms)
            self._looked_ms = now_ms

    def _found(self, now_ms: int) -> list[Seen]:
        here = pids()
        for pid in self._known.keys() - here:
            del self._known[pid]
        for pid in here:
            since_ms, seen = self._known.get(pid, (now_ms, None))
            if seen is None and (pid not in self._known or now_ms - since_ms < YOUNG_MS):
                self._known[pid] = (since_ms, self._look(pid))
        return [seen for _, seen in self._known.values() if seen is not None]

    def _look(self, pid: int) -> Seen | None:
        node = self._inodes.get(network_of(pid))
        instance = instance_of(pid) if node is not None else ""
        return Seen(pid, node, instance) if node is not None and self._element in instance else None


def pids() -> set[int]:
    """Every process of the machine."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def network_of(pid: int) -> int:
    """The inode of a process's network namespace; 0 if it is gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return 0


def instance_of(pid: int) -> str:
    """The instance that a process of the guard's runs for clients; empty if it is something else, a trial for one."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    names = [v.partition(b"=")[2].decode() for v in variables if v.startswith(b"SKERRY_GUARD_NAME=")]
    return names[0].removeprefix("run:") if names and names[0].startswith("run:") else ""


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
