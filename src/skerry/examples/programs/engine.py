"""What the two storage engines have in common: records, versions, the rules for what replaces what, and durable files.

A put has returned only when the object is on the disk (`fsync`). An object has a version, (fence, sequence), given by
placement; a put never replaces a newer version, so copying again what is old does no harm. There is no delete: nothing
here needs one, and a right one needs tombstones.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from skerry.examples.programs.messages import Refused

OBJECTS_MAX = 200_000

Version = tuple[int, int]


class Record(NamedTuple):
    """What is known of an object without reading it; `offset` is where its bytes begin in the file that holds it."""

    version: Version
    sha: str
    size: int
    offset: int


class Engine(Protocol):
    """Keeps objects. All methods may be called by several threads at once."""

    index: dict[str, Record]
    damaged: int
    """How many records were found unreadable at the start."""

    def put(self, name: str, version: Version, sha: str, data: bytes) -> bool:
        """Store durably; True if it is new, False if the very same was there. Refuses a newer one's replacement (409)
        and what the disk does not take (507); nothing is half-stored then."""

    def read(self, name: str, record: Record) -> bytes:
        """The bytes of an object; refuses with 500 if they are not what was stored."""

    def bytes_used(self) -> int:
        """How much of the disk it takes."""

    def close(self) -> None:
        """Let go of all files."""


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def version_text(version: Version) -> str:
    """A version as it stands in headers and JSON."""
    return f"{version[0]}.{version[1]}"


def version_of(text: str) -> Version:
    """A version from its text; refuses anything else with 400."""
    fence, dot, number = text.partition(".")
    if not (dot and fence.isdigit() and number.isdigit() and text.isascii() and len(text) <= 40):
        raise Refused(400, f"version {text[:40]!r}: expected FENCE.NUMBER")
    return int(fence), int(number)


def is_new(present: Record | None, version: Version, sha: str) -> bool:
    """Whether a put is to be carried out; False if the very same is there. Refuses with 409 if something newer is."""
    if present is None or present.version < version:
        return True
    if present.version == version and present.sha == sha:
        return False
    what = "newer" if present.version > version else "other content of the same version"
    raise Refused(409, f"{what} is here: {version_text(present.version)}")


def check_room(index: Mapping[str, Record], name: str) -> None:
    """Refuses with 507 when there are too many objects already."""
    if len(index) >= OBJECTS_MAX and name not in index:
        raise Refused(507, f"this store holds {OBJECTS_MAX} objects; it takes no more")


def sync_folder(folder: Path) -> None:
    """Make names that were made or changed in a folder durable; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(name: str, data: bytes, folder: int) -> None:
    """Write a file of an open folder anew, and make its bytes (not yet its name) durable.

    Raises OSError, and leaves no file then.
    """
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=folder)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the bytes; raises OSError, some of them may be written then."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
