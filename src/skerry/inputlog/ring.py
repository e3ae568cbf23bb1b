"""The input log on disk: segments in a folder, the oldest removed as new ones need their room.

A frame is its length, a checksum of its payload, a checksum of these two, and the payload. Nothing is synced: after a
power cut the last frames may be missing or cut short, and that is no damage. Folder 0700, files 0600.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from skerry.core.kernel.values import decode
from skerry.inputlog.recorder import InputLogError
from skerry.inputlog.records import Record

MAGIC = b"skerry1\n"
SUFFIX = ".inputs"
SEGMENTS = 8
"""So many make a full ring: what is removed at once is this part of it."""
_HEAD = struct.Struct(">II")
_CHECK = struct.Struct(">I")
HEAD_BYTES = _HEAD.size + _CHECK.size


class Ring:
    """The segments of one agent; a `recorder.Segments`."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._handle = -1
        self._size_bytes = 0
        self._start_bytes = 0
        """Of its first record, a whole state, which may be large: what counts is what comes after it."""
        self._older: deque[tuple[Path, int]] = deque()

    @property
    def full(self) -> bool:
        """Whether it is time for a new segment."""
        return self._size_bytes - self._start_bytes >= self._max_bytes // SEGMENTS

    def begin(self) -> None:
        """Open a new segment. Raises `InputLogError`."""
        self.close()
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            found = segments_in(self.folder)
            self._older = deque((path, path.stat().st_size) for path in found)
            number = int(found[-1].stem) + 1 if found else 1
            path = self.folder / f"{number:010d}{SUFFIX}"
            self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failure(error) from error
        self._size_bytes = self._start_bytes = 0
        self._write(MAGIC)

    def append(self, record: bytes) -> None:
        """Add a record. Raises `InputLogError`."""
        head = _HEAD.pack(len(record), crc32(record))
        self._write(head + _CHECK.pack(crc32(head)) + record)
        self._start_bytes = self._start_bytes or self._size_bytes

    def close(self) -> None:
        """Let the files go."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _write(self, raw: bytes) -> None:
        self._make_room(len(raw))
        try:
            written = os.write(self._handle, raw)
        except OSError as error:
            raise self._failure(error) from error
        self._size_bytes += written
        if written < len(raw):
            raise InputLogError(f"{self.folder}: only a part of an input was written; is the disk full?")

    def _make_room(self, size_bytes: int) -> None:
        needed = self._size_bytes + size_bytes
        while self._older and needed + sum(size for _, size in self._older) > self._max_bytes:
            path, _ = self._older.popleft()
            path.unlink(missing_ok=True)
        if needed > self._max_bytes:
            raise InputLogError(f"{self.folder}: {needed} bytes at once; input_log_bytes allows {self._max_bytes}")

    def _failure(self, error: OSError) -> InputLogError:
        return InputLogError(f"{self.folder}: the input log cannot be written ({error.strerror})")


def segments_in(folder: Path) -> list[Path]:
    """The segments of a folder, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


class Torn(Exception):
    """The file ends within a record: there the power went, or the agent. What is before it is whole."""


class Damaged(Exception):
    """The file is not what was written; says where."""


def records_in(path: Path) -> Iterator[Record]:
    """Read a segment. Raises `Torn` or `Damaged` at the end of what can be read, `OSError` if there is no such file."""
    with path.open("rb") as file:
        if (begin := file.read(len(MAGIC))) != MAGIC:
            if MAGIC.startswith(begin):
                raise Torn
            raise Damaged(f"{path}: no input log of this version of Skerry")
        while head := file.read(HEAD_BYTES):
            at = file.tell() - len(head)
            if len(head) < HEAD_BYTES:
                raise Torn
            length, check = _HEAD.unpack_from(head)
            if crc32(head[: _HEAD.size]) != _CHECK.unpack_from(head, _HEAD.size)[0]:
                raise _damaged(path, at, "its head does not fit its checksum")
            if len(payload := file.read(length)) < length:
                raise Torn
            if crc32(payload) != check:
                raise _damaged(path, at, "it does not fit its checksum")
            try:
                yield decode(payload, Record)  # type: ignore[arg-type]  # a union is what msgspec takes
            except msgspec.DecodeError as error:
                raise _damaged(path, at, str(error)) from error


def _damaged(path: Path, at: int, why: str) -> Damaged:
    return Damaged(f"{path}: the record at byte {at} is damaged ({why}); what follows it is not read")
