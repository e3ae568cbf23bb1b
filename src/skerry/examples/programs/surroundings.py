"""What a running program knows of its surroundings: one JSON file, named by `SKERRY_ENDPOINTS`, rewritten atomically.

The file says which instance this is, on which node, whether the site is cut off, whether this instance is to be
drained, and where the instances are that it needs. A program asks for the present view whenever it needs one; the
file is looked at 20 times a second at most, and read again only when it was replaced.

What cannot be read changes nothing: the last good view goes on, and the reason is told once.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any, NamedTuple

from skerry.examples.programs.clock import boot_ms

LOOK_MS = 50
FILE_BYTES_MAX = 1024 * 1024


class Peer(NamedTuple):
    """An instance that this one needs."""

    instance: str
    node: str
    endpoint: str
    fence: int
    draining: bool

    @property
    def key(self) -> str:
        """Its name in stored decisions: an instance that moves to another node is another one, with other data."""
        return f"{self.instance}@{self.node}"


class View(NamedTuple):
    """The surroundings at one moment."""

    instance: str = ""
    node: str = ""
    fence: int = 0
    mode: str = "connected"
    draining: bool = False
    needs: dict[str, tuple[Peer, ...]] = {}

    def peers(self, element: str) -> tuple[Peer, ...]:
        """The instances of an element that this one needs; none is no error."""
        return self.needs.get(element, ())


class Surroundings:
    """The endpoints file, read when it changes."""

    def __init__(self, path: str | None = None) -> None:
        """`path` is `SKERRY_ENDPOINTS` unless given; without either, the view holds `SKERRY_INSTANCE` alone."""
        self._path = path or os.environ.get("SKERRY_ENDPOINTS", "")
        self._lock = threading.Lock()
        self._view = View(instance=os.environ.get("SKERRY_INSTANCE", ""), node=os.environ.get("SKERRY_NODE", ""))
        self._seen: tuple[int, int, int] | None = None
        self._look_at_ms = 0
        self._told = ""

    def now(self) -> View:
        """The present view; never raises."""
        if not self._path:
            return self._view
        with self._lock:
            if boot_ms() >= self._look_at_ms:
                self._look_at_ms = boot_ms() + LOOK_MS
                self._look()
            return self._view

    def _look(self) -> None:
        try:
            status = os.stat(self._path)
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen == self._seen:
                return
            with open(self._path, "rb") as file:
                self._view = parse(file.read(FILE_BYTES_MAX + 1))
            self._seen, self._told = seen, ""
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            if reason != self._told:
                self._told = reason
                sys.stderr.write(f"endpoints file {self._path}: {reason}; the last good one goes on\n")
                sys.stderr.flush()


def parse(raw: bytes) -> View:
    """A view from the bytes of a file; raises ValueError, TypeError, KeyError or AttributeError for anything else."""
    if len(raw) > FILE_BYTES_MAX:
        raise ValueError(f"larger than {FILE_BYTES_MAX} bytes")
    value = json.loads(raw)
    return View(
        instance=str(value["instance"]),
        node=str(value["node"]),
        fence=int(value.get("fence") or 0),
        mode=str(value.get("mode", "connected")),
        draining=bool(value.get("draining", False)),
        needs={str(element): tuple(map(_peer, peers)) for element, peers in value.get("needs", {}).items()},
    )


def _peer(value: dict[str, Any]) -> Peer:
    return Peer(
        instance=str(value["instance"]),
        node=str(value["node"]),
        endpoint=str(value["endpoint"]),
        fence=int(value.get("fence") or 0),
        draining=bool(value.get("draining", False)),
    )
