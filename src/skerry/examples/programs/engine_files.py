"""The engine `files`: one file an object, with nothing in it but the object, and a note of its checksum beside it.

`NAME@VERSION` holds the bytes, `NAME@VERSION.sha256` is what `sha256sum` would write of it: any tool can read the
folder, and `sha256sum --check *.sha256` finds what is damaged, without this program. Both are written under another
name, synced each by itself, renamed, and the folder is synced after them. So a put costs three syncs of its own, and
shares none with other puts: slow where a sync is slow, and slower than `log` where it is not.

At the start every object is read once and checked. An older version that a crash left beside its successor is removed;
a file without its note, or with one that does not fit, is left where it is and counted.

Still ugly: all objects stand in one folder.
"""

from __future__ import annotations

import itertools
import os
import re
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

STORED = re.compile(rf"({OBJECT_NAME.pattern})@([0-9]+\.[0-9]+)")
NOTE = ".sha256"
NOTE_BYTES_MAX = 512


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
        for path in sorted(folder.iterdir()):
            if path.exists():  # an older version goes as soon as the newer one is found
                self._found(path)

    def put(self, name: str, version: Version, sha: str, data: bytes) -> bool:
        """See `Engine.put`."""
        if not is_new(self.index.get(name), version, sha):
            return False
        check_room(self.index, name)
        stored = f"{name}@{version_text(version)}"
        # A leading dot is no object's name, so that what a crash leaves behind is known for what it is.
        draft = f".{next(self._numbers)}"
        try:
            self._draft(draft, data, f"{sha}  {stored}\n".encode())
            with self._lock:
                before = self.index.get(name)
                if not is_new(before, version, sha):
                    self._remove(draft)
                    return False
                self._rename(draft, stored)
                self.index[name] = Record(version, sha, len(data), 0)
                self._bytes += len(data) - (before.size if before else 0)
            os.fsync(self._folder_file)
            if before is not None:
                self._remove(f"{name}@{version_text(before.version)}")
        except OSError as error:
            raise Refused(507, f"the disk does not take it: {error.strerror}") from error
        return True

    def read(self, name: str, record: Record) -> bytes:
        """See `Engine.read`."""
        try:
            data = (self._folder / f"{name}@{version_text(record.version)}").read_bytes()
        except FileNotFoundError:
            raise Refused(503, f"object {name} was just replaced; ask again") from None
        except OSError as error:
            raise Refused(500, f"object {name} cannot be read: {error}") from error
        if sha256(data) != record.sha:
            raise Refused(500, f"object {name} is damaged on this store's disk")
        return data

    def bytes_used(self) -> int:
        """See `Engine.bytes_used`."""
        return self._bytes

    def close(self) -> None:
        """See `Engine.close`."""
        os.close(self._folder_file)

    def _draft(self, draft: str, data: bytes, note: bytes) -> None:
        """Both files, durable, under a name that counts for nothing; neither of them if one fails (OSError)."""
        write_durably(draft, data, self._folder_file)
        try:
            write_durably(draft + NOTE, note, self._folder_file)
        except OSError:
            os.unlink(draft, dir_fd=self._folder_file)
            raise

    def _rename(self, draft: str, stored: str) -> None:
        for end in ("", NOTE):
            os.replace(draft + end, stored + end, src_dir_fd=self._folder_file, dst_dir_fd=self._folder_file)

    def _remove(self, stored: str) -> None:
        for end in (NOTE, ""):
            os.unlink(stored + end, dir_fd=self._folder_file)

    def _found(self, path: Path) -> None:
        if path.name.startswith("."):
            path.unlink(missing_ok=True)
            return
        if path.name.endswith(NOTE) and path.with_name(path.name.removesuffix(NOTE)).exists():
            return  # it is looked at with the object that it is of
        named = STORED.fullmatch(path.name)
        record = _checked(path, version_of(named[2])) if named else None
        if named is None or record is None:
            self.damaged += 1
            return
        before = self.index.get(named[1])
        if before is not None:
            older = min(before.version, record.version)
            self._remove(f"{named[1]}@{version_text(older)}")
            if older == record.version:
                return
            self._bytes -= before.size
        self.index[named[1]] = record
        self._bytes += record.size


def _checked(path: Path, version: Version) -> Record | None:
    """What a file holds, if its note says the same; None if it does not, or cannot be read."""
    try:
        data = path.read_bytes()
        with open(path.with_name(path.name + NOTE), "rb") as file:
            note = file.read(NOTE_BYTES_MAX)
    except OSError:
        return None
    sha = sha256(data)
    return Record(version, sha, len(data), 0) if note == f"{sha}  {path.name}\n".encode() else None
