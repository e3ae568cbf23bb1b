"""A path between two ends that can go silent without a goodbye."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Relay:
    """Forwards to `port` of the loopback, unless held: then what comes waits, or is swallowed for good."""

    def __init__(self, port: int) -> None:
        self.target = port
        self._passing = asyncio.Event()
        self._passing.set()
        self._swallow = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.forwarded_bytes = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self, *, swallow: bool) -> None:
        self._swallow = swallow
        self._passing.clear()

    def heal(self) -> None:
        self._swallow = False
        self._passing.set()

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self._writers.add(far_writer)
        for task in (
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                if self._swallow:
                    continue
                await self._passing.wait()
                writer.write(chunk)
                self.forwarded_bytes += len(chunk)
                await writer.drain()
        writer.close()
