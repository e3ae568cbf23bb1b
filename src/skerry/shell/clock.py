"""The only reader of time."""

from __future__ import annotations

import time
from pathlib import Path


def boot_ms() -> int:
    """Milliseconds since the machine booted, suspend included (T2)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_ms() -> int:
    """Milliseconds since 1970, as far as this machine knows: a note for people (T1)."""
    return time.time_ns() // 1_000_000


def boot_id() -> str:
    """Names this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
