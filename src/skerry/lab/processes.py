"""Starting processes that carry a lab's mark, finding them by it, and ending them.

Every process of a lab has `SKERRY_LAB=<id>` in the environment that it was started with, and a node's have
`SKERRY_LAB_NODE=<name>` too; both are inherited by guards and workloads. So whatever a lab ever started is found in
`/proc`, whoever its parent is now and whatever the state file says. Only Linux has that, and Skerry runs on Linux.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from skerry.lab import wires
from skerry.shell.clock import boot_ms

LAB_VARIABLE = "SKERRY_LAB"
NODE_VARIABLE = "SKERRY_LAB_NODE"
ENDED_WITHIN_MS = 10_000
QUIET_LOOKS = 3
"""Looks in a row that must find nothing: a process that is just being started shows its mark a moment later."""
LOOK_AGAIN_S = 0.05

_children: list[subprocess.Popen[bytes]] = []
"""What this process started, for as long as it runs: somebody has to take note of each end."""


class Found(NamedTuple):
    """A living process of a lab."""

    pid: int
    state: str
    """As in `/proc/PID/stat`: `T` is stopped."""
    ticks: int
    """When it started, in clock ticks since boot; with the pid it names one process for good."""
    node: str
    instance: str
    """Of Skerry's work, or empty."""
    run: bool
    """Whether a plan started it, and not a trial or a probe."""
    command: str


def home() -> str:
    """Where this process found Skerry: what it starts is the same version."""
    return str(Path(__file__).parents[2])


def found(lab: str, node: str | None = None) -> list[Found]:
    """Every living process of a lab, or of one of its nodes, this one left out."""
    mark = f"{LAB_VARIABLE}={lab}".encode()
    own = [one for pid in _pids() if (one := _look(pid, mark)) is not None]
    return [one for one in own if node is None or one.node == node]


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())


def _look(pid: int, mark: bytes) -> Found | None:
    try:
        environment = _read(f"/proc/{pid}/environ").split(b"\0")
        if mark not in environment:
            return None
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        command = _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:  # it ended while it was looked at, or is somebody else's
        return None
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    values = dict(variable.decode(errors="replace").partition("=")[::2] for variable in environment)
    return Found(
        pid=pid,
        state=fields[0].decode(),
        ticks=int(fields[19]),
        node=values.get(NODE_VARIABLE, ""),
        instance=values.get("SKERRY_INSTANCE", ""),
        run=values.get("SKERRY_GUARD_NAME", "").startswith("run:"),
        command=command,
    )


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(1024 * 1024) or b""


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if there is none."""
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if len(fields) < 20 or fields[0] in (b"Z", b"X") else int(fields[19])


def start(
    argv: Sequence[str],
    *,
    lab: str,
    cwd: Path,
    log: Path,
    node: str | None = None,
    variables: Mapping[str, str] | None = None,
    pipe: bool = False,
    space: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, with nothing of this terminal, in a network namespace if one is named.
    Raises `OSError`."""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in (LAB_VARIABLE, NODE_VARIABLE)},
        "PYTHONPATH": home(),
        "PYTHONUNBUFFERED": "1",
        **(variables or {}),
        LAB_VARIABLE: lab,
    }
    if node is not None:
        environment[NODE_VARIABLE] = node
    _take_note()
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        process = subprocess.Popen(
            wires.within(space, argv),
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE if pipe else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipe else output,
            stderr=output,
            start_new_session=True,
        )
    _children.append(process)
    return process


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is gone needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end_all(lab: str, node: str | None = None) -> list[Found]:
    """Kill every process of a lab or of one of its nodes; returns what would not die within ten seconds."""
    until_ms = boot_ms() + ENDED_WITHIN_MS
    quiet = 0
    while True:
        left = found(lab, node)
        quiet = 0 if left else quiet + 1
        if quiet >= QUIET_LOOKS or (left and boot_ms() > until_ms):
            _take_note()
            return left
        for one in left:
            send(one.pid, signal.SIGKILL)
        time.sleep(LOOK_AGAIN_S)


def _take_note() -> None:
    """Of the children that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]


# Python warns of each child whose end nobody took note of, also if another verb has ended it since.
atexit.register(_take_note)
