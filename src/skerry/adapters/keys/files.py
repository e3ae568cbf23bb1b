"""Writing small files so that a reader sees the old one or the new one, and a secret is never readable by others."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_secret(path: Path, content: bytes) -> None:
    """Write `content` for the owner alone (mode 0600), durably; see `write_atomically`."""
    write_atomically(path, content, mode=0o600)


def write_public(path: Path, content: bytes) -> None:
    """Write `content` readable by all (mode 0644), durably; see `write_atomically`."""
    write_atomically(path, content, mode=0o644)


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """Write beside `path`, flush, rename over it, flush the folder. Raises `OSError`; then `path` is as it was.

    The file beside it is made with mode 0600 and widened only once it is complete, so there is no moment at which a
    secret has another mode, whatever the umask.
    """
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
