"""A small HTTP/1.1 server: one thread a connection, keep-alive, everything bounded.

Threads and not an event loop: the programs spend their time in `fsync` and in waiting for one another, and a thread of
the interpreter costs less memory than the event loop's modules do.

Still ugly: a connection that says nothing keeps its thread until `IDLE_MS`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from urllib.parse import unquote

from skerry.examples.programs.clock import Deadline, boot_ms, wait_ms
from skerry.examples.programs.messages import REASONS, Answer, Cut, Refused, Request, Stream, body_size

IDLE_MS = 30_000
REQUEST_MS = 10_000
CONNECTIONS_MAX = 48
LARGE_BYTES = 256 * 1024
LARGE_MAX = 4
THREAD_STACK_BYTES = 1024 * 1024

Handler = Callable[[Request], Answer]


class Server:
    """Listens on one address and hands each request to a handler; its threads die with the process."""

    def __init__(self, host: str, port: int, handle: Handler) -> None:
        """Binds at once; raises OSError if the address is taken or not of this machine."""
        self._handle = handle
        self._slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        # Small bodies are bounded by the number of connections; a few large ones at a time keep memory small.
        self._large = threading.BoundedSemaphore(LARGE_MAX)
        self._busy = 0
        self._lock = threading.Lock()
        self._socket = socket.create_server((host, port), backlog=64)
        threading.stack_size(THREAD_STACK_BYTES)

    def start(self) -> None:
        """Accept from now on, in a thread of its own."""
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def stop(self, within_ms: int) -> None:
        """Take no further connection and let requests that are being answered end, for so long at most."""
        with contextlib.suppress(OSError):
            # Closing alone would leave the thread that accepts asleep, and it would take one more.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        end_ms = boot_ms() + within_ms
        while self._busy and boot_ms() < end_ms:
            wait_ms(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                if self._socket.fileno() < 0:
                    return
                # Out of file descriptors, or a peer that hung up while it was waiting: go on, but do not spin.
                wait_ms(10)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._slots.acquire(blocking=False):
                threading.Thread(target=self._connection, args=(sock,), daemon=True).start()
            else:
                self._turn_away(sock)

    def _turn_away(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            _answer(Stream(sock), _refusal(Refused(503, "too many connections")), Deadline(100), last=True)

    def _connection(self, sock: socket.socket) -> None:
        try:
            # A peer that goes away, stalls or speaks nonsense ends its own connection and nothing else.
            with contextlib.suppress(OSError), sock:
                stream = Stream(sock)
                while self._exchange(stream):
                    pass
        finally:
            self._slots.release()

    def _exchange(self, stream: Stream) -> bool:
        """Read and answer one request; False when the connection is to be closed."""
        if not stream.pending():
            stream.socket.settimeout(IDLE_MS / 1_000)
            if not stream.socket.recv(1, socket.MSG_PEEK):
                return False
        deadline = Deadline(REQUEST_MS)
        try:
            head = stream.head(deadline)
            if head is None:
                return False
            first, headers = head
            if headers.get("expect", "").lower() == "100-continue" and body_size(headers):
                stream.send("HTTP/1.1 100 Continue", (), b"", deadline)
            with self._large if body_size(headers) > LARGE_BYTES else contextlib.nullcontext():
                request = _request(first, headers, stream.body(headers, deadline))
                return self._respond(stream, request, first, headers)
        except Refused as refusal:
            # The rest of such a request was not read, so the connection cannot go on.
            _answer(stream, _refusal(refusal), deadline, last=True)
            return False

    def _respond(self, stream: Stream, request: Request, first: str, headers: dict[str, str]) -> bool:
        with self._lock:
            self._busy += 1
        try:
            answer = self._safely(request)
            last = headers.get("connection", "").lower() == "close" or first.endswith("HTTP/1.0")
            bodiless = first.startswith("HEAD ")
            _answer(stream, answer, Deadline(REQUEST_MS), last=last, bodiless=bodiless)
            return not last
        finally:
            with self._lock:
                self._busy -= 1

    def _safely(self, request: Request) -> Answer:
        try:
            return self._handle(request)
        except Refused as refusal:
            return _refusal(refusal)
        except Exception:  # noqa: BLE001 - one request's defect must not take the others' service away
            sys.stderr.write(f"{request.method} /{'/'.join(request.parts)} failed:\n{traceback.format_exc()}")
            sys.stderr.flush()
            return _refusal(Refused(500, "a defect of this program; its log has the details"))


def _request(first: str, headers: dict[str, str], body: bytes) -> Request:
    words = first.split(" ")
    if len(words) != 3 or not words[1].startswith("/") or not words[2].startswith("HTTP/1."):
        raise Cut(f"not a request line: {first[:40]!r}")
    method, target, _ = words
    path, _, search = target.partition("?")
    query = {unquote(name): unquote(value) for name, _, value in (item.partition("=") for item in search.split("&"))}
    # Whoever asks for the head alone gets what a GET would say, without the body.
    method = "GET" if method == "HEAD" else method
    return Request(method, tuple(map(unquote, path[1:].split("/"))), query, headers, body)


def _refusal(refusal: Refused) -> Answer:
    body = json.dumps({"error": refusal.reason}).encode()
    return Answer(refusal.status, body, (("Content-Type", "application/json"), *refusal.headers))


def _answer(stream: Stream, answer: Answer, deadline: Deadline, *, last: bool, bodiless: bool = False) -> None:
    headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
    if last:
        headers.append(("Connection", "close"))
    first = f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}"
    stream.send(first, headers, b"" if bodiless else answer.body, deadline)
