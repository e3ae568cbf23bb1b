"""Looks from outside: which copies of a role are able to run (`/proc`), what daemons weigh, what the switch carried."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Self

from bench.disconnect.beside import Beside
from bench.disconnect.sightings import Kind, Record
from skerry.lab import wires
from skerry.shell.clock import boot_ms

TICK_S = 0.01
YOUNG_MS = 1_000
"""A process younger than this may still show the command line or environment of the one that started it."""
UNABLE = (b"T", b"t", b"Z", b"X", b"")

Look = Callable[[int], tuple[str, str] | None]
"""Node and role of a process, by what `/proc` says of it; None if it is no copy of a role."""


Said = Callable[[bytes], tuple[Kind, str] | None]
"""What a line of a log comes to; None if nothing."""


def read(path: str) -> bytes:
    """A file of `/proc`; empty if its process is gone."""
    with contextlib.suppress(OSError), open(path, "rb", buffering=0) as file:
        return file.read(1024 * 1024) or b""
    return b""


class Processes(Beside):
    """Writes down whenever a copy of a role begins or ceases to be able to run. A context manager: it looks while the
    block lasts."""

    def __init__(self, record: Record, look: Look) -> None:
        super().__init__(self._run)
        self._record = record
        self._look = look
        self._known: dict[int, tuple[int, tuple[str, str] | None]] = {}
        self._able: dict[int, tuple[str, str]] = {}

    def _run(self) -> None:
        while not self._over.wait(TICK_S):
            self._tick()

    def _tick(self) -> None:
        now_ms = boot_ms()
        here = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for pid in self._known.keys() - here:
            del self._known[pid]
        for pid in here:
            since_ms, copy = self._known.get(pid, (now_ms, None))
            if copy is None and now_ms - since_ms < YOUNG_MS:
                self._known[pid] = (since_ms, self._look(pid))
        able = {
            pid: copy
            for pid, (_, copy) in self._known.items()
            if copy is not None and read(f"/proc/{pid}/stat").rpartition(b")")[2][1:2] not in UNABLE
        }
        # Ends first: what ended since the last look was not there together with what began since.
        for pid in self._able.keys() - able.keys():
            self._record.add(now_ms, Kind.ENDED, *self._able[pid])
        for pid in able.keys() - self._able.keys():
            self._record.add(now_ms, Kind.BEGAN, *able[pid])
        self._able = able


class Logs(Beside):
    """Reads logs as they grow, from now on, and writes down what counts as a word. A context manager."""

    def __init__(
        self, record: Record, files: Mapping[str, Path], said: Callable[[bytes], tuple[Kind, str] | None]
    ) -> None:
        """`files`: to each node its log. `said`: what a line comes to, if anything."""
        super().__init__(self._run)
        self._record = record
        self._files = {node: open(path, "rb") for node, path in files.items()}  # noqa: SIM115 - while it reads
        self._said = said

    def __enter__(self) -> Self:
        for file in self._files.values():
            file.seek(0, os.SEEK_END)
        return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            super().__exit__(kind)
        finally:
            for file in self._files.values():
                file.close()

    def _run(self) -> None:
        rest = dict.fromkeys(self._files, b"")
        while not self._over.wait(TICK_S):
            for node, file in self._files.items():
                *lines, rest[node] = (rest[node] + file.read()).split(b"\n")
                for line in lines:
                    if (word := self._said(line)) is not None:
                        self._record.add(boot_ms(), word[0], node, word[1])


def pss_mib(pids: Iterable[int]) -> float:
    """What these processes weigh together, pages that several share counted in shares."""
    return sum(_pss_kib(pid) for pid in pids) / 1024


def _pss_kib(pid: int) -> int:
    found = re.search(rb"^Pss: *(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.MULTILINE)
    return int(found[1]) if found is not None else 0


def within(inode: int) -> list[int]:
    """All processes of a network namespace."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}/ns/net").st_ino == inode:
                found.append(int(name))
    return found


def carried_bytes(network: wires.Wires) -> dict[str, int]:
    """To each port of the switches what it has carried, both ways, Ethernet headers included. Raises `WiresError`."""
    listed = json.loads(wires.ip("-n", network.space(wires.SWITCH), "-j", "-s", "link", "show"))
    return {one["ifname"]: one["stats64"]["rx"]["bytes"] + one["stats64"]["tx"]["bytes"] for one in listed}
