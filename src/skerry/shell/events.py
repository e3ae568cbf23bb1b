"""The public event stream of one process: what its machines note, for `skerry events`, programs and people.

A ring in memory, bounded; a reader that falls behind is told how many it missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from skerry.core.kernel.effects import Note
from skerry.core.kernel.values import Value

RING_MAX = 2_000
BACKLOG_MAX = 1_000


class PublicEvent(Value, frozen=True, kw_only=True, rename="camel"):
    """One note, with its place in this process's stream."""

    number: int
    at_ms: int
    """Boot-time."""
    wall_ms: int
    node: str
    what: str
    about: str
    data: dict[str, Any]
    cause: str


class EventStream:
    """Notes in order; readers join at any time."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._ring: deque[PublicEvent] = deque(maxlen=RING_MAX)
        self._number = 0
        self._readers: set[asyncio.Queue[PublicEvent]] = set()

    def add(self, note: Note, *, at_ms: int, wall_ms: int, cause: str) -> PublicEvent:
        """Append one note and hand it to every reader that keeps up."""
        self._number += 1
        event = PublicEvent(
            number=self._number,
            at_ms=at_ms,
            wall_ms=wall_ms,
            node=self._node,
            what=note.what,
            about=note.about,
            data=note.data,
            cause=cause,
        )
        self._ring.append(event)
        for reader in self._readers:
            if not reader.full():
                reader.put_nowait(event)
        return event

    def after(self, number: int) -> list[PublicEvent]:
        """Those that are still at hand after a number."""
        return [event for event in self._ring if event.number > number]

    async def follow(self, number: int) -> AsyncIterator[PublicEvent]:
        """Those after a number, and then every new one."""
        reader: asyncio.Queue[PublicEvent] = asyncio.Queue(maxsize=BACKLOG_MAX)
        self._readers.add(reader)
        try:
            for event in self.after(number):
                number = event.number
                yield event
            while True:
                event = await reader.get()
                if event.number > number:
                    number = event.number
                    yield event
        finally:
            self._readers.discard(reader)
