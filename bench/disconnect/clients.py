"""Clients that sit in one network namespace and ask 50 times a second, none waiting for another.

A question that waits does not hold up the next, so a silence ends when the service answers and not when a time-out is
over. Standard library alone: all systems are asked by the same few lines.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from bench.disconnect.beside import Beside
from skerry.lab import wires

EVERY_S = 0.02
WITHIN_S = 3.0
OPEN_MAX = 200
"""Questions that wait at one time; more would only be a load."""
ANSWER_BYTES_MAX = 1024 * 1024

Ask = Callable[[], Awaitable[None]]
"""Asks once, and notes the answer itself. What fails by `OSError` or `TimeoutError` was no answer."""


class Clients(Beside):
    """Asks for as long as the block lasts."""

    def __init__(self, space: str, *asks: Ask) -> None:
        super().__init__(self._run)
        self._space = space
        self._asks = asks

    def _run(self) -> None:
        wires.enter(self._space)
        asyncio.run(self._ask())

    async def _ask(self) -> None:
        open_: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while not self._over.is_set():
                for ask in self._asks:
                    if len(open_) < OPEN_MAX:
                        task = group.create_task(_once(ask))
                        open_.add(task)
                        task.add_done_callback(open_.discard)
                await asyncio.sleep(EVERY_S)
            for task in open_:
                task.cancel()


async def _once(ask: Ask) -> None:
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(WITHIN_S):
            await ask()


async def http(address: tuple[str, int], method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of one answer, on a connection of its own. Raises `OSError` and `ValueError`."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        head = f"{method} {path} HTTP/1.0\r\nHost: {address[0]}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        whole = await reader.read(ANSWER_BYTES_MAX)
        words, _, rest = whole.partition(b"\r\n\r\n")
        return int(words.split(b" ", 2)[1]) if words else 0, rest
    finally:
        writer.close()
