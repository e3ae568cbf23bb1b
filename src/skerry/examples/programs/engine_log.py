"""The engine `log`: all objects one after the other in one file, and one sync for all puts that wait for it.

A record is `MAGIC`, the length of its head, the length of its bytes, a checksum of the head; then the head (JSON: name,
version, checksum), then the bytes. At the start the file is read once and each record checked:

- an end that was torn off by a crash is cut away: no put in it was ever answered;
- a damaged record in the middle is left out and counted, and reading goes on at the next good one.

Group commit: puts append under one lock and then queue for the sync; whoever gets there first syncs for all that have
been appended by then, and the others find that theirs is done.

Still ugly: replaced versions stay in the file until it is made anew; it is never compacted. The store's limit of bytes
counts them.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import threading
import zlib
from pathlib import Path

from skerry.examples.programs.engine import (
    Record,
    Version,
    check_room,
    is_new,
    sha256,
    sync_folder,
    version_of,
    version_text,
    write_all,
)
from skerry.examples.programs.messages import BODY_BYTES_MAX, OBJECT_NAME, Refused

MAGIC = b"\xd5obj"
FRAME = struct.Struct(">4sIII")
HEAD_BYTES_MAX = 512


class LogEngine:
    """See the module's docstring."""

    def __init__(self, folder: Path) -> None:
        """Opens the folder's log, and makes it if need be; raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.index: dict[str, Record] = {}
        self.damaged = 0
        self._append = threading.Lock()
        self._sync = threading.Lock()
        self._broken = ""
        self._file = os.open(folder / "objects.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._end = self._rebuild(os.fstat(self._file).st_size)
        os.ftruncate(self._file, self._end)
        os.fsync(self._file)
        sync_folder(folder)
        self._synced = self._end

    def put(self, name: str, version: Version, sha: str, data: bytes) -> bool:
        """See `Engine.put`."""
        if not is_new(self.index.get(name), version, sha):
            return False
        check_room(self.index, name)
        head = json.dumps({"name": name, "version": version_text(version), "sha256": sha}).encode()
        frame = FRAME.pack(MAGIC, len(head), len(data), zlib.crc32(head))
        with self._append:
            start = self._end
            self._write(start, frame + head + data)
            self._end = end = start + len(frame) + len(head) + len(data)
        self._sync_up_to(end)
        record = Record(version, sha, len(data), start + len(frame) + len(head))
        with self._append:
            if not is_new(self.index.get(name), version, sha):
                return False
            self.index[name] = record
        return True

    def read(self, name: str, record: Record) -> bytes:
        """See `Engine.read`."""
        data = os.pread(self._file, record.size, record.offset)
        if sha256(data) != record.sha:
            raise Refused(500, f"object {name} is damaged on this store's disk")
        return data

    def bytes_used(self) -> int:
        """See `Engine.bytes_used`."""
        return self._end

    def close(self) -> None:
        """See `Engine.close`."""
        os.close(self._file)

    def _write(self, start: int, record: bytes) -> None:
        """Append a record; the lock is held. What a full disk took of it is cut off again."""
        if self._broken:
            raise Refused(507, self._broken)
        try:
            write_all(self._file, record)
        except OSError as error:
            os.ftruncate(self._file, start)
            raise Refused(507, f"the disk does not take it: {error.strerror}") from error

    def _sync_up_to(self, end: int) -> None:
        with self._sync:
            if self._synced >= end:
                return
            with self._append:
                goal = self._end
            try:
                os.fdatasync(self._file)
            except OSError as error:
                # After a failed sync nobody knows what reached the disk, and a second one may wrongly succeed.
                self._broken = f"the disk failed ({error.strerror}); this store only reads until it is started anew"
            if self._broken:
                raise Refused(507, self._broken)
            self._synced = goal

    def _rebuild(self, size: int) -> int:
        """Read the whole log into the index; returns where the good part ends."""
        if size == 0:
            return 0
        with mmap.mmap(self._file, size, access=mmap.ACCESS_READ) as log:
            position = end = 0
            while (position := log.find(MAGIC, position)) >= 0:
                after = self._record_at(log, position)
                if after is None:
                    position += 1
                    continue
                if position > end:
                    self.damaged += 1
                position = end = after
        return end

    def _record_at(self, log: mmap.mmap, position: int) -> int | None:
        """Take over the record that begins here; returns where it ends, None if there is no good one."""
        frame = log[position : position + FRAME.size]
        if len(frame) < FRAME.size:
            return None
        _, head_bytes, data_bytes, check = FRAME.unpack(frame)
        start = position + FRAME.size + head_bytes
        if head_bytes > HEAD_BYTES_MAX or data_bytes > BODY_BYTES_MAX or start + data_bytes > len(log):
            return None
        head = log[position + FRAME.size : start]
        if zlib.crc32(head) != check:
            return None
        try:
            value = json.loads(head)
            name, version, sha = str(value["name"]), version_of(str(value["version"])), str(value["sha256"])
        except (ValueError, KeyError, TypeError, Refused):
            return None
        if not OBJECT_NAME.fullmatch(name) or sha256(log[start : start + data_bytes]) != sha:
            return None
        present = self.index.get(name)
        if present is None or present.version < version:
            self.index[name] = Record(version, sha, data_bytes, start)
        return int(start + data_bytes)
