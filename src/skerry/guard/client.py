"""Asking a guard from a program without an event loop: the lab, the command line, tests."""

from __future__ import annotations

import json

from skerry.guard import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class GuardError(Exception):
    """The guard is not there, did not answer, or refused; says why."""


class GuardClient:
    """One connection. Use it in a `with`."""

    def __init__(self, folder: str, timeout_s: float = 10) -> None:
        """Connect to the guard of `folder`. Raises `GuardError`."""
        try:
            self._socket = place.connect(folder)
        except OSError as error:
            raise GuardError(f"{folder}: no guard answers here: {error.strerror or error}") from error
        self._socket.settimeout(timeout_s)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self.events: list[dict[str, Any]] = []
        """What came unasked (after `watch`) while an answer was awaited."""

    def __enter__(self) -> GuardClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Ask and wait for the answer. Raises `GuardError`."""
        self._number += 1
        try:
            self._socket.sendall(json.dumps({"id": self._number, "do": do, **fields}).encode() + b"\n")
            while True:
                answer = self.next()
                if answer.get("id") == self._number:
                    break
                self.events.append(answer)
        except OSError as error:
            raise GuardError(f"{do}: the guard does not answer: {error}") from error
        if not answer["ok"]:
            raise GuardError(f"{do}: {answer['error']}")
        return answer

    def next(self) -> dict[str, Any]:
        """The next line that the guard says. Raises `GuardError` when it hung up, `OSError` after the time-out."""
        line = self._file.readline(place.REPLY_BYTES_MAX)
        if not line.endswith(b"\n"):
            raise GuardError("the guard hung up")
        answer: dict[str, Any] = json.loads(line)
        return answer
