"""Reading back, by a fresh client, every object that a log says was acknowledged.

Here an operation may be tried again: the question is what the service still has, and not how quickly it answers. An
object that is answered as missing is lost; other failures are tried again until the time is over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skerry.examples.programs.caller import Caller, Unanswered
from skerry.examples.programs.clock import Deadline, wait_ms
from skerry.examples.programs.engine import sha256
from skerry.examples.programs.finding import Finder, Service

CALL_MS = 2_000
AGAIN_MS = 200
TOTAL_MS = 60_000
NAMED_MAX = 20


def verify(log: Path, finder: Finder, within_ms: int = TOTAL_MS) -> tuple[dict[str, Any], int]:
    """What was found, and the exit code: 0 all there, 1 lost or wrong ones, 2 some that could not be read in time.

    Raises OSError if the log cannot be read, ValueError if it is no log.
    """
    reader = _Reader(finder, Deadline(within_ms))
    verdicts: dict[str, list[str]] = {"fine": [], "lost": [], "wrong": [], "unread": []}
    for name, sha in acknowledged(log):
        verdicts[reader.verdict(name, sha)].append(name)
    result: dict[str, Any] = {"acknowledged": sum(map(len, verdicts.values()))}
    for verdict, names in verdicts.items():
        result[verdict] = len(names)
        if verdict != "fine":
            result[f"{verdict}_names"] = names[:NAMED_MAX]
    return result, 1 if result["lost"] or result["wrong"] else 2 if result["unread"] else 0


def acknowledged(log: Path) -> Iterator[tuple[str, str]]:
    """Name and checksum of each acknowledged put; raises OSError, or ValueError naming the line.

    A last line without its end is what a killed client leaves; it is no acknowledged operation.
    """
    with open(log, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith("\n"):
                return
            try:
                value = json.loads(line)
                if value["op"] == "put" and value["ok"]:
                    yield str(value["name"]), str(value["sha"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{log}:{number}: expected one operation as JSON, found {line[:40]!r}") from error


class _Reader:
    def __init__(self, finder: Finder, deadline: Deadline) -> None:
        self._finder = finder
        self._deadline = deadline
        self._caller = Caller()
        self._service: Service | None = None

    def verdict(self, name: str, sha: str) -> str:
        while self._deadline.left_ms():
            status, body = self._read(name)
            if status == 200:
                return "fine" if sha256(body) == sha else "wrong"
            if status == 404:
                return "lost"
            if self._service is not None:
                self._finder.avoid(self._service.endpoint)
                self._service = None
            wait_ms(self._deadline.left_ms(AGAIN_MS))
        return "unread"

    def _read(self, name: str) -> tuple[int, bytes]:
        """Status and bytes; status 0 for no answer."""
        self._service = self._service or self._finder.find()
        if self._service is None:
            return 0, b""
        try:
            reply = self._caller.call(
                self._service.endpoint, "GET", f"/o/{name}", within_ms=self._deadline.left_ms(CALL_MS)
            )
        except Unanswered:
            return 0, b""
        return reply.status, reply.body
