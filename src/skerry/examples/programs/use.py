"""Who was served in which second (H5): per client, the seconds with an answered operation, and those with a failed one.

A second counts for a client when something was answered in it and nothing failed; this module keeps both lists, as
ranges of whole wall seconds `[start, end)`, and leaves the subtraction to the reader. An operation belongs to the
second in which it ended.

Bounded: `CLIENTS_MAX` clients and `RANGES_MAX` ranges each. Older ranges are folded into a number of seconds; clients
beyond the limit are counted and not named.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from skerry.examples.programs.clock import wall_ms

CLIENTS_MAX = 64
RANGES_MAX = 1024
CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,63}")


class Seconds:
    """A growing set of seconds, as ranges in ascending order."""

    def __init__(self) -> None:
        self.ranges: list[list[int]] = []
        self.folded = 0

    def add(self, second: int) -> None:
        """Add the present second; one that lies before the newest range (the clock was set back) adds nothing."""
        if self.ranges and second <= self.ranges[-1][1]:
            if second == self.ranges[-1][1]:
                self.ranges[-1][1] = second + 1
            return
        self.ranges.append([second, second + 1])
        if len(self.ranges) > RANGES_MAX:
            start, end = self.ranges.pop(0)
            self.folded += end - start

    def count(self) -> int:
        """How many seconds there are in all."""
        return self.folded + sum(end - start for start, end in self.ranges)

    def members(self) -> set[int]:
        """Each second that is not folded."""
        return {second for start, end in self.ranges for second in range(start, end)}


class Use:
    """The seconds of all clients of one instance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[str, tuple[Seconds, Seconds]] = {}
        self._unnamed = 0

    def note(self, client: str | None, *, ok: bool) -> None:
        """An operation of a client has just ended; one without a proper name is not metered."""
        if client is None or not CLIENT_NAME.fullmatch(client):
            return
        now_ms = wall_ms()
        with self._lock:
            if client not in self._clients and len(self._clients) >= CLIENTS_MAX:
                self._unnamed += 1
                return
            fine, failed = self._clients.setdefault(client, (Seconds(), Seconds()))
            (fine if ok else failed).add(now_ms // 1_000)

    def report(self) -> dict[str, Any]:
        """All that was noted since the start: cumulative, so that reading it twice does no harm."""
        with self._lock:
            clients = {
                name: {
                    "seconds_ok": [list(pair) for pair in fine.ranges],
                    "seconds_failed": [list(pair) for pair in failed.ranges],
                    "folded_ok": fine.folded,
                    "folded_failed": failed.folded,
                }
                for name, (fine, failed) in self._clients.items()
            }
            return {"clients": clients, "unnamed_operations": self._unnamed}


class Door:
    """Whether clients still come, and which of them were served: what intake and hello know of their users."""

    QUIET_MS = 1_000

    def __init__(self) -> None:
        self.use = Use()
        self._last_ms: int | None = None

    def passed(self, client: str | None, now_ms: int, *, ok: bool) -> None:
        """An operation of a client has ended."""
        self._last_ms = now_ms
        self.use.note(client, ok=ok)

    def quiet(self, now_ms: int) -> bool:
        """True if no client's operation has ended for a second."""
        return self._last_ms is None or now_ms - self._last_ms >= self.QUIET_MS
