"""HTTP/1.1 as the example programs speak it: requests, answers, and reading them from a socket within bounds.

Rules: a body has a length (no chunks), nothing larger than `BODY_BYTES_MAX` is taken, a head is at most
`HEAD_BYTES_MAX`, and every read has a deadline, so that a peer which stalls costs a bounded time.

Still ugly: header names that are repeated keep only the last value.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from skerry.examples.programs.clock import Deadline

BODY_BYTES_MAX = 4 * 1024 * 1024
HEAD_BYTES_MAX = 8 * 1024
REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 411: "Length Required", 412: "Precondition Failed",
    413: "Content Too Large", 421: "Misdirected Request", 428: "Precondition Required",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 507: "Insufficient Storage",
}  # fmt: skip

OBJECT_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
"""Names of objects, which are names of files as well: no separator, no leading dot, at most 128 characters."""


class Refused(Exception):
    """A request is answered with this status and reason; raised anywhere below a handler."""

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)


class Cut(OSError):
    """The peer went away, stalled past the deadline, or sent what is not HTTP."""


class Request(NamedTuple):
    """A request as it came; header names in lower case."""

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; refuses anything else with 400."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Refused(400, "the body should be a JSON object")
        return value


class Answer(NamedTuple):
    """What a handler says."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(value: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """An answer whose body is JSON."""
    return Answer(status, json.dumps(value).encode(), (("Content-Type", "application/json"), *headers))


def object_name(name: str) -> str:
    """The name, if an object may be called so; refuses with 400."""
    if not OBJECT_NAME.fullmatch(name):
        raise Refused(400, f"object name {name[:40]!r}: expected 1 to 128 letters, digits, '-', '_' or '.'")
    return name


def whole(headers: Mapping[str, str], name: str) -> int | None:
    """A header that holds a whole number from 0 to 2^53, None where it is missing; refuses anything else with 400."""
    text = headers.get(name.lower())
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= 2**53):
        raise Refused(400, f"header {name}: expected a whole number, found {text[:40]!r}")
    return int(text)


class Stream:
    """A socket with what was read from it and not used yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._ahead = b""

    def head(self, deadline: Deadline) -> tuple[str, dict[str, str]] | None:
        """First line and headers; None if the peer closed before it said anything. Raises `Cut`, or `Refused` (431)."""
        while b"\r\n\r\n" not in self._ahead:
            if len(self._ahead) > HEAD_BYTES_MAX:
                raise Refused(431, f"the head is longer than {HEAD_BYTES_MAX} bytes")
            self._wait(deadline)
            more = self.socket.recv(16 * 1024)
            if not more:
                if self._ahead:
                    raise Cut("the peer closed in the middle of a head")
                return None
            self._ahead += more
        head, _, self._ahead = self._ahead.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise Cut(f"not a header line: {line[:40]!r}")
            headers[name.lower()] = value.strip()
        return first, headers

    def body(self, headers: Mapping[str, str], deadline: Deadline) -> bytes:
        """As many bytes as the head promised. Raises `Cut`, or `Refused` (411, 413, 400)."""
        size = body_size(headers)
        body = bytearray(size)
        body[: len(self._ahead)] = self._ahead[:size]
        have = min(size, len(self._ahead))
        self._ahead = self._ahead[size:]
        rest = memoryview(body)
        while have < size:
            self._wait(deadline)
            more = self.socket.recv_into(rest[have:])
            if not more:
                raise Cut("the peer closed in the middle of a body")
            have += more
        return bytes(body)

    def send(self, first: str, headers: Iterable[tuple[str, str]], body: bytes, deadline: Deadline) -> None:
        """Write one message in one piece. Raises OSError."""
        lines = [first, *(f"{name}: {value}" for name, value in headers)]
        self._wait(deadline)
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def pending(self) -> bool:
        """True if something was read that belongs to the next message."""
        return bool(self._ahead)

    def _wait(self, deadline: Deadline) -> None:
        left_ms = deadline.left_ms()
        if left_ms == 0:
            raise Cut("the time is over")
        self.socket.settimeout(left_ms / 1_000)


def body_size(headers: Mapping[str, str]) -> int:
    """The length that a head promises; refuses chunks (411) and what is too large (413)."""
    if "transfer-encoding" in headers:
        raise Refused(411, "a body needs a Content-Length; chunks are not supported")
    size = whole(headers, "Content-Length") or 0
    if size > BODY_BYTES_MAX:
        raise Refused(413, f"a body of {size} bytes; at most {BODY_BYTES_MAX} are taken")
    return size
