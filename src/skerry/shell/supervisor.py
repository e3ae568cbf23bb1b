"""Tasks that end in an event, and never in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Supervisor:
    """Holds the running tasks of one loop; a task that fails ends the loop with its error."""

    def __init__(self, wakeup: asyncio.Event) -> None:
        """`wakeup` is set when a task has failed."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._wakeup = wakeup
        self.failure: BaseException | None = None

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run it beside the rest."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self.failure is None:
            self.failure = error
            self._wakeup.set()

    async def close(self) -> None:
        """Cancel what still runs, and wait for it."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
