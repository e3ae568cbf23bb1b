"""From Zenoh's threads to the event loop: a bounded queue whose overflow is lost and counted.

Callbacks arrive on threads that also send keep-alives, so they only enqueue. Messages have a bound in number and
bytes. Facts (who is present) are kept as the latest word on each subject instead, so that none can be lost to a flood
of messages.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

MESSAGES_LIMIT = 1024
BYTES_LIMIT = 8 * 1024 * 1024
SUBJECTS_LIMIT = 4096
_AT_ONCE = 64
"""Handled in one turn of the loop, so that a flood leaves the loop its other work."""


class Handover:
    """Made on the loop's thread; `message` and `fact` are called from any."""

    def __init__(self, on_message: Callable[[str, bytes], None], on_fact: Callable[[str, bool], None]) -> None:
        self._on_message = on_message
        self._on_fact = on_fact
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._messages: deque[tuple[str, bytes]] = deque()
        self._held_bytes = 0
        self._facts: dict[str, bool] = {}
        self._scheduled = False
        self._closed = False
        self.dropped = 0
        """Messages and facts lost because the loop was too slow."""

    def message(self, key: str, payload: bytes) -> None:
        """Hand over a payload that came under `key`."""
        with self._lock:
            if self._closed:
                return
            if len(self._messages) >= MESSAGES_LIMIT or self._held_bytes + len(payload) > BYTES_LIMIT:
                self.dropped += 1
                return
            self._messages.append((key, payload))
            self._held_bytes += len(payload)
            self._schedule()

    def fact(self, subject: str, holds: bool) -> None:
        """Hand over that `subject` holds or holds no more; a later word replaces one that was not yet taken."""
        with self._lock:
            if self._closed:
                return
            if subject not in self._facts and len(self._facts) >= SUBJECTS_LIMIT:
                self.dropped += 1
                return
            self._facts[subject] = holds
            self._schedule()

    def close(self) -> None:
        """Take nothing more and forget what waits."""
        with self._lock:
            self._closed = True
            self._messages.clear()
            self._facts.clear()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        with self._lock:
            facts, self._facts = self._facts, {}
            batch = [self._messages.popleft() for _ in range(min(_AT_ONCE, len(self._messages)))]
            self._held_bytes -= sum(len(payload) for _, payload in batch)
            self._scheduled = False
            if self._messages:
                self._schedule()
        for subject, holds in facts.items():
            self._on_fact(subject, holds)
        for key, payload in batch:
            self._on_message(key, payload)
