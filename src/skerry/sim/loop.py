"""Virtual time: a queue of what is to happen, and nothing that ever waits."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

Happening = Callable[[], None]


class Loop:
    """Runs happenings in order of time, and those of one moment in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now_us = 0
        self._queue: list[tuple[int, int, Happening]] = []
        self._asked = 0

    def after(self, delay_us: int, happening: Happening) -> None:
        """Let something happen a while from now."""
        self.at(self.now_us + delay_us, happening)

    def at(self, when_us: int, happening: Happening) -> None:
        """Let something happen at a moment; at once if that has gone by."""
        self._asked += 1
        heappush(self._queue, (max(when_us, self.now_us), self._asked, happening))

    def run(self, until_us: int) -> None:
        """Let everything happen that is due by then."""
        queue = self._queue
        while queue and queue[0][0] <= until_us:
            self.now_us, _, happening = heappop(queue)
            happening()
        self.now_us = max(self.now_us, until_us)
