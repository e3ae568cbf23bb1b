"""The engine `files`: one file an object, each synced by itself, and its folder after it.

A file is a first line of JSON (version, checksum, size) and the bytes. It is written under another name, synced,
renamed and the folder synced, so that an object is there as a whole or not at all. Slow where a sync is slow; nothing
has to be compacted, and the folder can be read with any tool.

Still ugly: all objects stand in one folder.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from pathlib import Path

from skerry.examples.programs.engine import (
    Record,
    Version,
    check_room,
    is_new,
    sha256,
    version_of,
    version_text,
    write_durably,
)
from skerry.examples.programs.messages import OBJECT_NAME, Refused

FIRST_LINE_BYTES_MAX = 512


class FilesEngine:
    """See the module's docstring."""

    def __init__(self, folder: Path) -> None:
        """Opens the folder, and makes it if need be; raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.index: dict[str, Record] = {}
        self.damaged = 0
        self._folder = folder
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._bytes = 0
        self._folder_file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        for path in folder.iterdir():
            self._found(path)

    def put(self, name: str, version: Version, sha: str, data: bytes) -> bool:
        """See `Engine.put`."""
        if not is_new(self.index.get(name), version, sha):
            return False
        check_room(self.index, name)
        first = json.dumps({"version": version_text(version), "sha256": sha, "size": len(data)}).encode() + b"\n"
        # A leading dot is no object's name, so that what a crash leaves behind is known for what it is.
        draft = f".{next(self._numbers)}"
        try:
            write_durably(draft, first + data, self._folder_file)
            with self._lock:
                if not is_new(self.index.get(name), version, sha):
                    os.unlink(draft, dir_fd=self._folder_file)
                    return False
                os.replace(draft, name, src_dir_fd=self._folder_file, dst_dir_fd=self._folder_file)
                before = self.index.get(name)
                self.index[name] = Record(version, sha, len(data), len(first))
                self._bytes += len(data) - (before.size if before else 0)
            os.fsync(self._folder_file)
        except OSError as error:
            raise Refused(507, f"the disk does not take it: {error.strerror}") from error
        return True

    def read(self, name: str, record: Record) -> bytes:
        """See `Engine.read`."""
        try:
            with open(self._folder / name, "rb") as file:
                # The file may be a newer one by now, whose first line need not be as long.
                present = _first_line(file.readline(FIRST_LINE_BYTES_MAX))
                data = file.read(present.size + 1)
        except (OSError, ValueError, Refused) as error:
            raise Refused(500, f"object {name} cannot be read: {error}") from error
        if sha256(data) != present.sha:
            raise Refused(500, f"object {name} is damaged on this store's disk")
        if present.version != record.version:
            raise Refused(503, f"object {name} was just replaced; ask again")
        return data

    def bytes_used(self) -> int:
        """See `Engine.bytes_used`."""
        return self._bytes

    def close(self) -> None:
        """See `Engine.close`."""
        os.close(self._folder_file)

    def _found(self, path: Path) -> None:
        if path.name.startswith("."):
            path.unlink(missing_ok=True)
            return
        try:
            with open(path, "rb") as file:
                record = _first_line(file.readline(FIRST_LINE_BYTES_MAX))
                whole = os.fstat(file.fileno()).st_size == record.offset + record.size
        except (OSError, ValueError, Refused):
            whole = False
        if not whole or not OBJECT_NAME.fullmatch(path.name):
            self.damaged += 1
            return
        self.index[path.name] = record
        self._bytes += record.size


def _first_line(line: bytes) -> Record:
    """The record in a file's first line; raises ValueError or `Refused`."""
    try:
        value = json.loads(line)
        return Record(version_of(str(value["version"])), str(value["sha256"]), int(value["size"]), len(line))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an object's file: {error}") from error
