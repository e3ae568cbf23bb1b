"""Ctrl-C and its like: heard at any moment, once, and never in the middle of cleaning up.

The first signal raises `Interrupted` and holds back all later ones until the block that listens has ended: whoever
cleans up is not disturbed by an impatient second one, and needs no third to be heard.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

NUMBERS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_came: list[str] = []
"""The signal that was heard in the block that listens now."""


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP came; not an `Exception`, so that nothing takes it for an error and goes on."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn signals into `Interrupted` inside the block, also SIGINT and SIGTERM that this process was started with as
    ignored. A SIGHUP that is ignored stays so: somebody wants this to outlive the terminal."""
    numbers = {n for n in NUMBERS if n != signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN}

    def interrupt(number: int, _frame: object) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        _came.append(signal.Signals(number).name)
        raise Interrupted(_came[-1])

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        _forget_pending(numbers)
        _came.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        yield
    finally:
        _forget_pending(NUMBERS)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Hold signals back until the block has ended, and hear them then: for what must not be left half done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forget_pending(numbers: set[signal.Signals] | frozenset[signal.Signals]) -> None:
    while (pending := signal.sigpending() & numbers) and signal.sigtimedwait(pending, 0) is not None:
        continue
