"""Ctrl-C and its like: heard at any moment, once, and never in the middle of cleaning up.

The first signal raises `Interrupted`, and no later one raises anything until the block that listens has ended: whoever
cleans up is not disturbed by an impatient second one, and needs no third to be heard. What holds signals back is a word
to the handler and not the thread's mask: a process may have further threads, which the system would give them to, and
children, which would inherit the mask.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

NUMBERS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_came: list[str] = []
"""The signal that was heard in the block that listens now."""
_held: list[list[str]] = []
"""Of each block that holds signals back what has come since it began, the innermost last."""


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP came; not an `Exception`, so that nothing takes it for an error and goes on."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn signals into `Interrupted` inside the block, also SIGINT and SIGTERM that this process was started with as
    ignored. A SIGHUP that is ignored stays so: somebody wants this to outlive the terminal."""
    numbers = {n for n in NUMBERS if n != signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN}
    before = {number: signal.signal(number, _hear) for number in numbers}
    try:
        yield
    finally:
        with undisturbed():
            for number, handler in before.items():
                signal.signal(number, handler)
            _came.clear()


def _hear(number: int, _frame: object) -> None:
    name = signal.Signals(number).name
    if _held:
        _held[-1].append(name)
    elif not _came:
        _came.append(name)
        raise Interrupted(name)


def came() -> bool:
    """Whether a signal was heard in the block that listens."""
    return bool(_came)


def heed() -> None:
    """Raise `Interrupted` if it was raised before and got lost: what is raised while an object is being collected is
    swallowed by the interpreter. For loops that wait."""
    if _came:
        raise Interrupted(_came[-1])


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals back while the block cleans up, and forget them: what they ask for has been done."""
    _held.append([])
    try:
        yield
    finally:
        _held.pop()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Hold signals back until the block has ended, and hear them then: for what must not be left half done."""
    _held.append([])
    try:
        yield
    finally:
        late = _held.pop()
        if late:
            _hear(signal.Signals[late[0]], None)
