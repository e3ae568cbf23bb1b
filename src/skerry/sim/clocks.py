"""One machine's clocks: boot-time that drifts, and a wall clock that may show anything (T1, T2).

The world's own time is in microseconds. Two clocks of a site differ in speed by at most 1 %, so each is drawn within
half of that of the world's.
"""

from __future__ import annotations

WALL_MS = 1_700_000_000_000
WALLS_MS = (0, 4_070_908_800_000, WALL_MS, WALL_MS + 360_000)
"""1970, 2099, and two that are nearly right."""
DRIFT_PPM_MAX = 4_975
"""(1 + x) / (1 - x) stays below 1.01."""


class Clock:
    """The clocks of one boot of one machine."""

    def __init__(self, rate_ppm: int, wall_offset_ms: int, booted_us: int) -> None:
        self.rate_ppm = rate_ppm
        self.wall_offset_ms = wall_offset_ms
        self.booted_us = booted_us
        self._wall_permille = 0
        """How much faster than the world the wall clock runs."""
        self._wall_since_us = 0

    def boot_ms(self, now_us: int) -> int:
        """What this machine's boot-time clock shows; it starts at 1 s, as no boot is instantaneous."""
        return 1_000 + (now_us - self.booted_us) * (1_000_000 + self.rate_ppm) // 1_000_000_000

    def wall_ms(self, now_us: int) -> int:
        """What its wall clock shows."""
        gained_ms = (now_us - self._wall_since_us) * self._wall_permille // 1_000_000 if self._wall_permille else 0
        return self.wall_offset_ms + now_us // 1000 + gained_ms

    def run_wall(self, permille: int, now_us: int) -> None:
        """From now on the wall clock is so much faster than it should be; at -1000 it stands still."""
        self.wall_offset_ms = self.wall_ms(now_us) - now_us // 1000
        self._wall_permille, self._wall_since_us = permille, now_us

    def when_us(self, boot_ms: int) -> int:
        """The first moment of the world in which boot-time shows at least this."""
        return self.booted_us + -(-(boot_ms - 1_000) * 1_000_000_000 // (1_000_000 + self.rate_ppm))
