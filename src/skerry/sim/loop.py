"""Virtual time: a queue of what is to happen, and nothing that ever waits."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

Happening = Callable[[], None]


class Loop:
    """Runs happenings in order of time, and those of one moment in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now_us = 0
        self._queue: list[tuple[int, int, Happening]] = []
        self._asked = 0

    def after(self, delay_us: int, happening: Happening) -> None:
        """Let something happen a while from now."""
        self._asked += 1
        heappush(self._queue, (self.now_us + delay_us, self._asked, happening))

    def at(self, when_us: int, happening: Happening) -> None:
        """Let something happen at a moment; at once if that has gone by."""
        self._asked += 1
        heappush(self._queue, (max(when_us, self.now_us), self._asked, happening))

    def pass_over(self, span_us: int) -> None:
        """Let a span go by in which nothing happens: whatever was due in it is due after it, in the same order."""
        self.now_us += span_us
        queue = enumerate(sorted(self._queue, key=lambda one: one[:2]))
        self._queue[:] = [(max(when_us, self.now_us + place), asked, what) for place, (when_us, asked, what) in queue]
        heapify(self._queue)

    def run(self, until_us: int) -> None:
        """Let everything happen that is due by then."""
        queue = self._queue
        while queue and queue[0][0] <= until_us:
            self.now_us, _, happening = heappop(queue)
            happening()
        self.now_us = max(self.now_us, until_us)
