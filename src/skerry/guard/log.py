"""What a workload prints, kept within a bound: one file being written and the one before it.

A full disk loses lines and counts them; it never ends a workload or the guard.
"""

from __future__ import annotations

import os

FILE_BYTES_MAX = 256 * 1024
TAIL_BYTES = 2 * 1024
"""How much of the end is kept in memory, for the report of an exit."""


class BoundedLog:
    """A log of at most two files of `FILE_BYTES_MAX`: `path` and `path.1`."""

    __slots__ = ("_file", "_path", "_size", "_tail", "lost_bytes")

    def __init__(self, path: str) -> None:
        self._path = path
        self._file, self._size = self._open()
        self._tail = b""
        self.lost_bytes = 0

    def _open(self) -> tuple[int, int]:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        return file, os.fstat(file).st_size

    def write(self, data: bytes) -> None:
        """Append at most `FILE_BYTES_MAX`; turns to a new file when this one is full."""
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        try:
            if self._size + len(data) > FILE_BYTES_MAX and self._size:
                os.replace(self._path, self._path + ".1")
                os.close(self._file)
                self._file, self._size = self._open()
            written = os.write(self._file, data)
            self._size += written
            self.lost_bytes += len(data) - written
        except OSError:
            # No space, or its folder is gone: the workload goes on, `list` says how much is missing.
            self.lost_bytes += len(data)

    def tail(self) -> str:
        """The last lines, for people."""
        return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)
