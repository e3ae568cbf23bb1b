"""Which processes there are, who started them and what they use, read from `/proc`.

Everything that a workload ever started is a descendant of the guard, since the guard is its subreaper: a process that
lost its parents becomes the guard's child. One pass over `/proc` therefore finds all of it; it costs about
15 µs a process of the whole machine. Where an overlooked one does no harm, the kernel's lists of children will do.
"""

from __future__ import annotations

import os


class Process:
    """One process as `/proc/PID/stat` shows it."""

    __slots__ = ("ended", "group", "parent", "pid", "session", "ticks")

    def __init__(self, pid: int, fields: list[bytes]) -> None:
        self.pid = pid
        self.ended = fields[0] in (b"Z", b"X")
        self.parent = int(fields[1])
        self.group = int(fields[2])
        self.session = int(fields[3])
        self.ticks = sum(int(field) for field in fields[11:15])
        """CPU time in clock ticks, with that of its children that ended and were waited for."""


def _read(path: str) -> bytes:
    """A small file of `/proc`; empty if its process is gone or belongs to somebody else."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(256 * 1024) or b""
    except OSError:
        return b""


def scan() -> dict[int, Process]:
    """All processes that are there now."""
    found = {}
    for name in os.listdir("/proc"):
        process = _look(int(name)) if name.isdigit() else None
        if process is not None:
            found[process.pid] = process
    return found


def below(top: int) -> dict[int, Process]:
    """A process and its descendants, by the kernel's lists of children; everything there is, if the kernel keeps none.

    A process that is just being started, or was left by its parent meanwhile, may be missing.
    """
    found: dict[int, Process] = {}
    waiting = [top]
    for pid in waiting:
        process = _look(pid)
        if process is None:
            continue
        found[pid] = process
        for task in _tasks(pid):
            try:
                with open(f"/proc/{pid}/task/{task}/children", "rb", buffering=0) as file:
                    waiting.extend(int(child) for child in (file.read(256 * 1024) or b"").split())
            except FileNotFoundError:
                if pid == top:
                    return scan()
            except OSError:
                continue  # it ended while it was looked at
    return found


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def _look(pid: int) -> Process | None:
    # The second field is the program's name in brackets and may hold anything, brackets too.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return Process(pid, fields) if len(fields) > 15 else None


def children_of(everything: dict[int, Process]) -> dict[int, list[Process]]:
    """The children of each process that has any."""
    children: dict[int, list[Process]] = {}
    for process in everything.values():
        children.setdefault(process.parent, []).append(process)
    return children


def with_descendants(top: Process, children: dict[int, list[Process]]) -> list[Process]:
    """`top` and all that it started, directly or not."""
    found = [top]
    for process in found:
        found.extend(children.get(process.pid, ()))
    return found


def environment(pid: int) -> list[bytes]:
    """The environment that a process was started with; empty if it cannot be read."""
    return _read(f"/proc/{pid}/environ").split(b"\0")


def marked(marker: bytes) -> list[int]:
    """Processes with exactly this variable (`NAME=value`) in their environment, this one left out."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and marker in environment(pid)]


def memory_bytes(pid: int) -> int:
    """What a process takes of the machine's memory: its proportional share if the kernel tells, else the resident."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    pages = _read(f"/proc/{pid}/statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0
