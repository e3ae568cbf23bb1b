"""Turns between nodes of one machine: one measures at a time, so that they do not measure each other."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

WAIT_MS = 10_000
_AGAIN_S = 0.02


@contextlib.asynccontextmanager
async def turn(lock: Path | None) -> AsyncIterator[bool]:
    """Hold the turn inside the block; yields whether somebody else may be measuring too (waited for `WAIT_MS`).

    Without a lock file there is nobody to take turns with. Raises `OSError` if the file cannot be opened.
    """
    if lock is None:
        yield False
        return
    file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield not await _taken(file)
    finally:
        os.close(file)


async def _taken(file: int) -> bool:
    until = asyncio.get_running_loop().time() + WAIT_MS / 1_000
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(_AGAIN_S)
        else:
            return True
