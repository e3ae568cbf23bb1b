"""A node's own durable memory: a map from keys to bytes, and nothing else.

Contract (suite `tests/contracts/storage`): `commit` is all or nothing and durable on return (a power cut a moment later
loses none of it); one process at a time may hold a folder (N5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from skerry.core.kernel.effects import Persist


class Storage(Protocol):
    """The state file of one agent or manager."""

    def load(self) -> Mapping[str, bytes]:
        """Everything that is kept. Raises `StorageError` on a damaged file, `NoRoom` if there is none even to read
        it."""
        ...

    def get(self, key: str) -> bytes | None:
        """What is durable under a key by now. Raises as `load` does."""
        ...

    def commit(self, changes: Iterable[Persist]) -> None:
        """Apply all changes in order, durably, or none: then it raises `StorageError`, or `NoRoom` if the same commit
        may succeed later."""
        ...

    def close(self) -> None:
        """Let the folder go."""
        ...


DAMAGED_ADVICE = "move the folder away and join the site again, the others hold what it knew"


class StorageError(Exception):
    """The state could not be read or written; says what, where and what to do."""


class NoRoom(StorageError):
    """The disk takes nothing now: it is full, read-only, or reports an error. What it holds is whole (N5)."""
