"""One agent's line to its node's guard: found or started, kept open, opened again when it breaks (X6).

While the line is open the guard hears a ping every second, from the agent's own event loop: an agent that hangs falls
silent and counts as gone. A guard that died is replaced; what it owned died with it, which `on_again` lets the owner
of the link find out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skerry.guard import place
from skerry.ports.workload import WorkloadError

ASK_WITHIN_MS = 10_000
_PING_EVERY_S = 1.0
_AGAIN_S_MAX = 5.0
_START_WITHIN_S = 15.0

SKERRY_HOME = str(Path(place.__file__).parents[2])
"""Where this process found Skerry: what it starts of Skerry is the same version."""


class GuardLink:
    """The line. Call `open` once, then `ask`; `close` leaves the guard and what it owns alone."""

    def __init__(
        self, folder: Path, on_exit: Callable[[dict[str, Any]], None], on_again: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        """`on_exit` gets each exit that nobody asked for; `on_again` gets the list of what runs after a break."""
        self._folder = folder
        self._on_exit = on_exit
        self._on_again = on_again
        self._writer: asyncio.StreamWriter | None = None
        self._up = asyncio.Event()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> list[dict[str, Any]]:
        """Connect, with a new guard if there is none; returns what runs. Raises `WorkloadError`."""
        reader = await self._connect()
        opened: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()
        self._keeping = asyncio.get_running_loop().create_task(self._keep(reader, opened), name="guard link")
        try:
            async with asyncio.timeout(ASK_WITHIN_MS / 1_000):
                return await asyncio.shield(opened)
        except TimeoutError:
            await self.close()
            raise WorkloadError(
                f"the guard of {self._folder} does not answer; its log is {place.LOG_NAME} there"
            ) from None

    async def close(self) -> None:
        """Hang up. The guard counts this agent as gone."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
            self._keeping = None

    async def ask(self, do: str, *, answer_ms: int = ASK_WITHIN_MS, **fields: Any) -> dict[str, Any]:
        """Ask the guard. Raises `WorkloadError` if it refuses, does not answer in time or is not there."""
        try:
            async with asyncio.timeout(answer_ms / 1_000):
                await self._up.wait()
                return await self._ask(do, fields)
        except TimeoutError:
            raise WorkloadError(
                f"{do}: the guard of {self._folder} did not answer within {answer_ms} ms; its log is there"
            ) from None

    async def _ask(self, do: str, fields: dict[str, Any]) -> dict[str, Any]:
        if self._writer is None:
            raise WorkloadError(f"{do}: there is no line to the guard of {self._folder}")
        await self._writer.drain()
        self._number += 1
        number = self._number
        line = json.dumps({"id": number, "do": do, **fields}).encode() + b"\n"
        if len(line) > place.LINE_BYTES_MAX:
            raise WorkloadError(
                f"{do}: {len(line)} bytes asked of the guard, at most {place.LINE_BYTES_MAX} are allowed"
            )
        self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(line)
            answer = await self._answers[number]
        finally:
            del self._answers[number]
        if not answer["ok"]:
            raise WorkloadError(answer["error"])
        return answer

    # ---- keeping it open ----

    async def _keep(self, reader: asyncio.StreamReader, opened: asyncio.Future[list[dict[str, Any]]]) -> None:
        try:
            while True:
                greeting = asyncio.get_running_loop().create_task(self._greet(opened))
                greeting.add_done_callback(lambda _: self._break("the line broke"))
                try:
                    why = await self._hear(reader)
                finally:
                    greeting.cancel()
                    await asyncio.gather(greeting, return_exceptions=True)
                self._break(why)
                reader = await self._connect_again()
        finally:
            self._break("the line was closed")

    async def _greet(self, opened: asyncio.Future[list[dict[str, Any]]]) -> None:
        """Say who is here, find out what runs, then be heard for as long as the line holds."""
        await self._ask("watch", {})
        workloads = (await self._ask("list", {}))["workloads"]
        self._up.set()
        if opened.done():
            self._on_again(workloads)
        else:
            opened.set_result(workloads)
        while True:
            await asyncio.sleep(_PING_EVERY_S)
            await self._ask("ping", {})

    async def _hear(self, reader: asyncio.StreamReader) -> str:
        """Take in what the guard says; returns why there is no more."""
        try:
            while line := await reader.readline():
                said = json.loads(line)
                if said.get("event") == "exit":
                    self._on_exit(said)
                else:
                    answer = self._answers.get(said["id"])
                    if answer is not None and not answer.done():
                        answer.set_result(said)
        except (OSError, ValueError) as error:
            return str(error)
        return "it hung up"

    def _break(self, why: str) -> None:
        """End this line and tell whoever waits for an answer."""
        self._up.clear()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(WorkloadError(f"the guard of {self._folder} is gone: {why}"))
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _connect_again(self) -> asyncio.StreamReader:
        """Try until it works, with growing pauses."""
        pause_s = 0.05
        while True:
            try:
                return await self._connect()
            except WorkloadError:
                # A full disk or process table may be empty again later; meanwhile each `ask` says that it is not there.
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _AGAIN_S_MAX)

    async def _connect(self) -> asyncio.StreamReader:
        """A line to the folder's guard, started if need be. Raises `WorkloadError`."""
        trouble = ""
        for attempt in range(20):
            try:
                connection = await asyncio.to_thread(place.connect, str(self._folder))
            except OSError as error:
                trouble = await asyncio.to_thread(_start_guard, self._folder) or str(error)
                await asyncio.sleep(0.05 * attempt)
                continue
            connection.setblocking(False)
            reader, self._writer = await asyncio.open_unix_connection(sock=connection, limit=place.REPLY_BYTES_MAX)
            return reader
        raise WorkloadError(f"{self._folder}: no guard could be started or reached: {trouble}")


def _start_guard(folder: Path) -> str:
    """Start the folder's guard, with the environment of this process; returns why it did not work, or nothing.

    A folder that just got one from somebody else is no failure.
    """
    command = [sys.executable, "-m", "skerry.guard", "--folder", str(folder)]
    try:
        ran = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": SKERRY_HOME},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_START_WITHIN_S,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if ran.returncode in (0, place.BUSY_EXIT_CODE) else ran.stderr.decode("utf-8", "replace").strip()[-500:]
