"""One machine's clocks: boot-time that drifts, and a wall clock that may show anything (T1, T2).

The world's own time is in microseconds. Two clocks of a site differ in speed by at most 1 %, so each is drawn within
half of that of the world's.
"""

from __future__ import annotations

DRIFT_PPM_MAX = 4_975
"""(1 + x) / (1 - x) stays below 1.01."""


class Clock:
    """The clocks of one boot of one machine."""

    def __init__(self, rate_ppm: int, wall_offset_ms: int, booted_us: int) -> None:
        self.rate_ppm = rate_ppm
        self.wall_offset_ms = wall_offset_ms
        self.booted_us = booted_us

    def boot_ms(self, now_us: int) -> int:
        """What this machine's boot-time clock shows; it starts at 1 s, as no boot is instantaneous."""
        return 1_000 + (now_us - self.booted_us) * (1_000_000 + self.rate_ppm) // 1_000_000_000

    def wall_ms(self, now_us: int) -> int:
        """What its wall clock shows."""
        return self.wall_offset_ms + now_us // 1000

    def when_us(self, boot_ms: int) -> int:
        """The first moment of the world in which boot-time shows at least this."""
        return self.booted_us + -(-(boot_ms - 1_000) * 1_000_000_000 // (1_000_000 + self.rate_ppm))
