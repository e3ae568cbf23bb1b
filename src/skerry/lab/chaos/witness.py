"""Watches a lab of namespaces from outside, and writes down what it sees. Knows no code of Skerry, and asks nobody.

    python witness.py SETTINGS.json            {"lab", "client_log", "record"}

Run in the namespace of the lab's switches. 50 times a second it looks in `/proc` which work of which node is able to
run (the lab's mark in the environment, the state of the process), twice a second at the packet counters of the
switches and at how long each node's agent and guard have waited for a processor, and always at the client's log as it
grows. Each change goes to `record` as a line of JSON with `t_ms`, the boot-time at which this process saw it. A line of
standard input is a mark: it is stamped, kept, and answered with its record; the word `able` is answered with what is
able to run now.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from typing import Any

TICK_S = 0.02
BLIND_MS = 250
"""A longer time between two looks is written down: what was shorter may have been missed."""
YOUNG_MS = 500
"""A process younger than this may still show the environment of the one that started it."""
COUNTERS_EVERY = 25
UNABLE = ("T", "t", "Z", "X", "")

Record = dict[str, Any]


def now_ms() -> int:
    """Boot-time."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def read(path: str) -> bytes:
    """A file of `/proc`; empty if its process is gone."""
    with contextlib.suppress(OSError), open(path, "rb", buffering=0) as file:
        return file.read()
    return b""


def _waited_ns(pid: int) -> int:
    """For how long a process was able to run and did not (its first thread, which does an agent's work)."""
    fields = read(f"/proc/{pid}/schedstat").split()
    return int(fields[1]) if len(fields) > 1 else 0


class Witness:
    """Looks, in one loop."""

    def __init__(self, settings: Record) -> None:
        self._mark = f"SKERRY_LAB={settings['lab']}"
        self._client_log = settings["client_log"]
        self._file = open(settings["record"], "a", encoding="utf-8")  # noqa: SIM115 - open for as long as this runs
        self._log_at, self._log_rest = 0, b""
        self._known: dict[int, tuple[int, tuple[str, str] | None]] = {}
        self._own: dict[int, tuple[str, int]] = {}
        """Agents and guards: whose, and how long they had waited at the last look."""
        self._waited_ns: dict[str, int] = {}
        self.able: dict[str, tuple[str, str]] = {}
        self._there: dict[str, tuple[str, str]] = {}
        self._looked_ms = now_ms()

    def add(self, kind: str, **what: Any) -> Record:
        """Stamp and keep something."""
        record = {"t_ms": now_ms(), "kind": kind, **what}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        return record

    def run(self) -> None:
        """Watch until standard input ends."""
        waiting, tick = b"", 0
        while True:
            if select.select([0], [], [], TICK_S)[0]:
                said = os.read(0, 65_536)
                if not said:
                    return
                *lines, waiting = (waiting + said).split(b"\n")
                for line in lines:
                    answer = {"able": self.able} if line == b"able" else self.add("mark", **json.loads(line))
                    print(json.dumps(answer), flush=True)  # noqa: T201 - the answer
            self._processes()
            self._tail()
            if tick % COUNTERS_EVERY == 0:
                self._counters()
            tick += 1

    def _processes(self) -> None:
        here = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for pid in self._known.keys() - here:
            del self._known[pid]
            self._own.pop(pid, None)
        began_ms = now_ms()
        for pid in here:
            since_ms, work = self._known.get(pid, (began_ms, None))
            if work is None and (pid not in self._known or began_ms - since_ms < YOUNG_MS):
                self._known[pid] = (since_ms, self._look(pid))
        states = {
            pid: read(f"/proc/{pid}/stat").rpartition(b")")[2][1:2].decode()
            for pid, (_, work) in self._known.items()
            if work is not None
        }
        able = {str(pid): self._work(pid) for pid, state in states.items() if state not in UNABLE}
        there = {str(pid): self._work(pid) for pid, state in states.items() if state not in ("Z", "X", "")}
        if began_ms - self._looked_ms > BLIND_MS:
            self.add("blind", ms=began_ms - self._looked_ms)
        self._looked_ms = began_ms
        if (able, there) != (self.able, self._there):
            self.able, self._there = able, there
            self.add("able", able=able, there=there)

    def _work(self, pid: int) -> tuple[str, str]:
        work = self._known[pid][1]
        assert work is not None
        return work

    def _look(self, pid: int) -> tuple[str, str] | None:
        """Node and instance of a process that a plan started; None for any other, a trial for one."""
        variables = read(f"/proc/{pid}/environ").decode("utf-8", "replace").split("\0")
        if self._mark not in variables:
            return None
        values = dict(variable.partition("=")[::2] for variable in variables)
        node = values.get("SKERRY_LAB_NODE", "")
        kind, _, instance = values.get("SKERRY_GUARD_NAME", "").partition(":")
        self._own.pop(pid, None)
        if node and not kind:
            self._own[pid] = (node, _waited_ns(pid))
        return (node, instance) if kind == "run" else None

    def _tail(self) -> None:
        try:
            with open(self._client_log, "rb") as log:
                log.seek(self._log_at)
                added = log.read()
        except OSError:
            return  # no client yet
        self._log_at += len(added)
        *lines, self._log_rest = (self._log_rest + added).split(b"\n")
        for line in lines:
            self.add(**{"kind": "op", **json.loads(line)})

    def _counters(self) -> None:
        rows = [line.split() for line in read("/proc/self/net/dev").decode().splitlines()[2:]]
        for pid, (node, before_ns) in self._own.items():
            now_ns = _waited_ns(pid)
            self._own[pid] = (node, max(before_ns, now_ns))
            self._waited_ns[node] = self._waited_ns.get(node, 0) + max(0, now_ns - before_ns)
        self.add("waited", ms={node: ns // 1_000_000 for node, ns in sorted(self._waited_ns.items())})
        self.add("packets", ports={row[0].rstrip(":"): [int(row[2]), int(row[10])] for row in rows})


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        Witness(json.load(file)).run()
