"""State that outlives its user but not the process, with a disk that can be told to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry.core.kernel.effects import Persist, Put
from skerry.ports.storage import NoRoom, StorageError


class MemoryDisk:
    """What is kept: hand the same disk to a `MemoryStorage` again, and that is a restart."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.trouble: str | None = None
        """While set, every commit fails with it."""
        self.held = False


class MemoryStorage:
    """A `ports.storage.Storage` over a `MemoryDisk`."""

    def __init__(self, disk: MemoryDisk) -> None:
        """Raises `StorageError` while another one holds the disk (N5)."""
        if disk.held:
            raise StorageError("memory: another process holds this state; stop it first")
        disk.held = True
        self._disk: MemoryDisk | None = disk

    def load(self) -> Mapping[str, bytes]:
        """See `Storage`."""
        return dict(self._open().content)

    def get(self, key: str) -> bytes | None:
        """See `Storage`."""
        return self._open().content.get(key)

    def commit(self, changes: Iterable[Persist]) -> None:
        """See `Storage`."""
        disk = self._open()
        content = dict(disk.content)
        for change in changes:
            if isinstance(change, Put):
                content[change.key] = change.value
            else:
                content.pop(change.key, None)
        if disk.trouble is not None:
            raise NoRoom(f"memory: cannot write the state ({disk.trouble})")
        disk.content = content

    def close(self) -> None:
        """See `Storage`."""
        if self._disk is not None:
            self._disk.held = False
            self._disk = None

    def _open(self) -> MemoryDisk:
        if self._disk is None:
            raise StorageError("memory: the state was closed; open it again")
        return self._disk
