"""Starting one program in a session of its own, with limits, so that success means that it really runs.

The new process reports through a pipe that closes on exec: nothing in it means that the program was entered, anything
else is the step that failed and why. `ctypes` is here for `prctl`, which the standard library lacks.

Memory is limited by RLIMIT_DATA: since Linux 4.7 it counts private writable mappings, that is what a program can really
fill. RLIMIT_AS would also count mapped files, libraries and address space that is only set aside, which databases and
language runtimes take by the gigabyte. Both hold for each process, not for the sum of a tree.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from skerry.guard.requests import Order

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_EXEC_WITHIN_MS = 5_000
_OOM_ADJUSTMENT = b"300"
"""A machine without memory ends a workload rather than the guard, with which all of them would end."""

_libc = ctypes.CDLL(None, use_errno=True)


class SpawnError(Exception):
    """The program could not be entered; says which step failed and why."""


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def become_subreaper() -> None:
    """Inherit every descendant that loses its parent, so that none can get away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def spawn(order: Order, stdout: int, stderr: int) -> int:
    """Start the program; returns the pid, once it has been entered. Raises `SpawnError`; then nothing runs."""
    guard = os.getpid()
    report, status = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(report)
        _enter(order, guard, stdout, stderr, status)
    os.close(status)
    failure = _reported(report)
    if failure is not None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise SpawnError(f"{order.argv[0]} could not be started: {failure}")
    return pid


def _reported(report: int) -> str | None:
    """What went wrong between fork and exec, or None."""
    try:
        waiting = select.poll()
        waiting.register(report, select.POLLIN)
        if not waiting.poll(_EXEC_WITHIN_MS):
            return f"not entered within {_EXEC_WITHIN_MS} ms"
        return os.read(report, 4096).decode("utf-8", "replace") or None
    finally:
        os.close(report)


def _enter(order: Order, guard: int, stdout: int, stderr: int, status: int) -> NoReturn:
    """In the new process: take on session, limits and streams, then become the program. Never returns."""
    step = "session"
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # the guard ended before the line above: nobody would end this process
            os._exit(127)
        step = "streams"
        empty = os.open("/dev/null", os.O_RDONLY)
        for number, file in enumerate((empty, stdout, stderr)):
            os.dup2(file, number)
        step = "limits"
        _limit(order)
        step = f"folder {order.cwd}"
        os.chdir(order.cwd)
        step = f"program {order.argv[0]}"
        _default_signals()
        os.execvpe(order.argv[0], order.argv, order.env)  # noqa: S606 - an argument vector
    except OSError as error:
        os.write(status, f"{step}: {error.strerror or error}".encode())
    except (ValueError, OverflowError) as error:
        os.write(status, f"{step}: {error}"[:4000].encode())
    finally:
        os._exit(127)  # nothing may unwind from here into a second guard


def _limit(order: Order) -> None:
    """Take on limits, niceness and processors."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = order.nofile if files_max == resource.RLIM_INFINITY else min(order.nofile, files_max)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if order.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (order.memory_bytes, order.memory_bytes))
    if order.nice > os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, order.nice)
    if order.affinity:
        os.sched_setaffinity(0, order.affinity)
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(_OOM_ADJUSTMENT)


def _default_signals() -> None:
    """Give back every signal's default, also what the guard inherited as ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
