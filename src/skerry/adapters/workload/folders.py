"""Where the files of an instance are, under names that any file system takes.

    workloads/<name>/log, log.1, endpoints.json, probe.out, probe.log, scratch/     in the node's folder
    <data root>/<name>/data/                                                          kept across restarts

The data root may be another file system than the node's folder, such as a memory disk.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from skerry.core.kernel.values import digest_bytes
from skerry.guard.log import FILE_BYTES_MAX

_WORDS_MAX = 60
_ENTRIES_MAX = 100_000
"""Files counted at most when the disk use of all data is summed up."""


def safe_name(name: str) -> str:
    """A folder name for any instance: readable words of it, and a digest that keeps two of them apart."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:_WORDS_MAX]
    return f"{words}.{digest_bytes(name.encode())[:10]}"


class InstanceFolder:
    """The files of one instance, trial or measurement."""

    def __init__(self, node_folder: Path, data_root: Path, name: str) -> None:
        self.root = node_folder / "workloads" / safe_name(name)
        self.kept = data_root / safe_name(name)
        self.data = self.kept / "data"
        self.scratch = self.root / "scratch"
        self.endpoints = self.root / "endpoints.json"
        self.log = self.root / "log"

    def prepare(self) -> None:
        """Make what is missing and empty the scratch folder. Raises `OSError`."""
        for folder in (self.root, self.kept, self.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700)
        if not self.endpoints.exists():
            self.write_endpoints(b"{}")

    def remove(self) -> None:
        """Remove all of it, data too."""
        for folder in {self.root, self.kept}:
            shutil.rmtree(folder, ignore_errors=True)

    def write_endpoints(self, content: bytes) -> None:
        """Whoever reads sees the old content or the new, never a part. Raises `OSError`."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.endpoints.with_suffix(".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(fresh, self.endpoints)

    def tail(self, lines: int, log: Path | None = None) -> str:
        """The last lines of a log, of the file before it too if this one was just begun."""
        log = log or self.log
        raw = b"".join(_end_of(path) for path in (log.with_name(log.name + ".1"), log))
        return "\n".join(raw.decode("utf-8", "replace").splitlines()[-lines:]) if lines > 0 else ""


def _end_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX)
    except FileNotFoundError:
        return b""


def disk_bytes(root: Path) -> int:
    """What all that lies below `root` takes on its disk; stops counting after `_ENTRIES_MAX` files."""
    total = 0
    for count, entry in enumerate(_files(root)):
        if count >= _ENTRIES_MAX:
            break
        total += entry
    return total


def _files(root: Path) -> Iterator[int]:
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                yield os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:  # removed while being counted
                continue
