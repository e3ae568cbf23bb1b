"""HTTP calls from one program to another: idle connections are kept and used again, every call has a time limit.

A connection is looked at before it is used again, so that one which the peer has closed meanwhile costs nothing. No
call is ever made twice in silence: whoever wants another try says so where it can be counted.

A machine that stood still answers when it goes on, long after everybody has given up. Whoever wants to know of that
says so: its connection is left open for a while after the time is over, and what comes is handed over as a late answer,
never as the call's.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from skerry.examples.programs.clock import Deadline
from skerry.examples.programs.messages import Cut, Refused, Stream

if TYPE_CHECKING:
    import ssl

IDLE_EACH_MAX = 4
ENDPOINTS_MAX = 16
LATE_WITHIN_MS = 120_000
LATE_MAX = 8
"""Connections that are left open for late answers, at most."""


class Unanswered(OSError):
    """No proper answer came in time: refused, cut off, silent, or not HTTP. Whether it was carried out is unknown."""


class Reply(NamedTuple):
    """An answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises `Unanswered` for anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unanswered(f"the answer is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise Unanswered("the answer is not a JSON object")
        return value

    def error(self) -> str:
        """The reason that a refusal gave, cut to a readable length."""
        with contextlib.suppress(Unanswered):
            return str(self.json().get("error", ""))[:200]
        return ""


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; raises ValueError. An IPv6 address stands in square brackets."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"endpoint {endpoint[:60]!r}: expected HOST:PORT")
    return host.strip("[]"), int(port)


class Caller:
    """Makes calls; may be used by several threads at once."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, late: Callable[[str, str, Reply], None] | None = None
    ) -> None:
        """With `tls` every call opens a connection of its own, secured by that context. `late` is told method, path and
        reply of an answer that came after its call was over, in a thread of its own."""
        self._tls = tls
        self._late = late
        self._waiting = 0
        self._lock = threading.Lock()
        self._idle: dict[str, list[Stream]] = {}

    def call(
        self,
        endpoint: str,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        within_ms: int,
    ) -> Reply:
        """Make one call and wait for its answer; raises `Unanswered` after `within_ms` at the latest."""
        deadline = Deadline(within_ms)
        stream, asked = None, False
        try:
            stream = self._take(endpoint) or self._connect(endpoint, deadline)
            lines = [("Host", endpoint), *headers, ("Content-Length", str(len(body)))]
            if self._tls is not None:
                lines.append(("Connection", "close"))
            stream.send(f"{method} {path} HTTP/1.1", lines, body, deadline)
            asked = True
            reply = _reply(stream, method, deadline)
        except (OSError, ValueError, Refused) as error:
            over = isinstance(error, TimeoutError) or deadline.left_ms() == 0
            if stream is not None and not (asked and over and self._waits(stream, method, path)):
                stream.socket.close()
            raise Unanswered(f"{method} http://{endpoint}{path}: {error}") from error
        except BaseException:
            if stream is not None:
                stream.socket.close()
            raise
        if self._tls is not None or reply.headers.get("connection", "").lower() == "close":
            stream.socket.close()
        else:
            self._keep(endpoint, stream)
        return reply

    def _waits(self, stream: Stream, method: str, path: str) -> bool:
        """Leave a connection open on which nothing has come yet, if anybody wants to know; whether it is."""
        with self._lock:
            if self._late is None or self._waiting >= LATE_MAX or stream.pending():
                return False
            self._waiting += 1
        threading.Thread(target=self._wait, args=(stream, method, path, self._late), daemon=True).start()
        return True

    def _wait(self, stream: Stream, method: str, path: str, late: Callable[[str, str, Reply], None]) -> None:
        try:
            with stream.socket:
                reply = _reply(stream, method, Deadline(LATE_WITHIN_MS))
        except (OSError, ValueError, Refused):
            return  # it never came
        finally:
            with self._lock:
                self._waiting -= 1
        late(method, path, reply)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            streams = [stream for kept in self._idle.values() for stream in kept]
            self._idle.clear()
        for stream in streams:
            stream.socket.close()

    def _connect(self, endpoint: str, deadline: Deadline) -> Stream:
        left_ms = deadline.left_ms()
        if left_ms == 0:
            raise Cut("the time is over")
        sock = socket.create_connection(split_endpoint(endpoint), timeout=left_ms / 1_000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return Stream(sock)
        try:
            sock.settimeout(max(1, deadline.left_ms()) / 1_000)
            return Stream(self._tls.wrap_socket(sock, server_hostname=split_endpoint(endpoint)[0]))
        except BaseException:
            sock.close()
            raise

    def _take(self, endpoint: str) -> Stream | None:
        while True:
            with self._lock:
                kept = self._idle.get(endpoint)
                if not kept:
                    return None
                stream = kept.pop()
            if _still_open(stream.socket):
                return stream
            stream.socket.close()

    def _keep(self, endpoint: str, stream: Stream) -> None:
        with self._lock:
            kept = self._idle.setdefault(endpoint, [])
            surplus = [stream] if len(kept) == IDLE_EACH_MAX else []
            if not surplus:
                kept.append(stream)
            if len(self._idle) > ENDPOINTS_MAX:
                surplus += self._idle.pop(next(iter(self._idle)))
        for one in surplus:
            one.socket.close()


def _still_open(sock: socket.socket) -> bool:
    """False if the peer has closed, or has sent what nobody asked for."""
    try:
        sock.setblocking(False)
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _reply(stream: Stream, method: str, deadline: Deadline) -> Reply:
    head = stream.head(deadline)
    if head is None:
        raise Cut("the peer closed without an answer")
    first, headers = head
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise Cut(f"not a status line: {first[:40]!r}")
    return Reply(int(words[1]), headers, b"" if method == "HEAD" else stream.body(headers, deadline))
