"""The only place where the example programs read a clock.

Deadlines are kept on the boot-time clock, which runs on while a machine sleeps and which nobody can set back.
Wall time is only ever printed.
"""

from __future__ import annotations

import time


def boot_ms() -> int:
    """Milliseconds since the machine was booted, suspended time included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def boot_us() -> int:
    """Microseconds since the machine was booted, suspended time included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000


def wall_ms() -> int:
    """Milliseconds of wall time since 1970: for people and for the seconds of use."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1_000_000


def wait_ms(length_ms: int) -> None:
    """Sleep; nothing for a length of zero or less."""
    if length_ms > 0:
        time.sleep(length_ms / 1_000)


class Deadline:
    """A moment by which something must be over, shared by all the steps that lead there."""

    def __init__(self, within_ms: int) -> None:
        self._end_ms = boot_ms() + within_ms

    def left_ms(self, at_most_ms: int | None = None) -> int:
        """What is left, never below zero; a step's own limit may be stricter."""
        left_ms = max(0, self._end_ms - boot_ms())
        return left_ms if at_most_ms is None else min(left_ms, at_most_ms)
