"""The only way between the nodes and the manager of a lab: forwards TCP until it is cut, then says nothing at all.

    python relay.py --control relay.sock --route 127.0.0.1:7000=127.0.0.1:8000 [--route ...]

Cut: it reads nothing, writes nothing and accepts nothing any more, so that the kernels at both ends go on believing in
their connections; a new connection stands in the kernel's queue and is never answered. Nothing is closed: a cut link
says no goodbye. Heal: it forwards what the kernels kept; ends that closed meanwhile are seen, and passed on, only then.

Commands come as one JSON line over a socket in the working folder, for this user alone: `{"do": "cut" | "heal" |
"stats"}`; each is answered with the counts. Standard library alone, and no import of Skerry: it is part of the
surroundings and not of the product.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import socket
import sys
import time
from typing import Any

BUFFER_BYTES = 64 * 1024
PAIRS_MAX = 512
LINE_BYTES_MAX = 1024
CONNECT_WITHIN_S = 1.0
TCP_CLOSE_WAIT = 8
"""A socket's state, as the kernel numbers them."""
BACKLOG = 128


class End:
    """One socket of a connection, and what waits to be written to it."""

    __slots__ = ("closed", "other", "pending", "socket")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.pending = b""
        self.closed = False
        """No more comes from it."""
        self.other: End


class Relay:
    """All routes, in one loop."""

    def __init__(self, routes: list[tuple[tuple[str, int], tuple[str, int]]], control: str) -> None:
        """Raises `OSError`, naming the address, if one is taken."""
        self._selector = selectors.DefaultSelector()
        self._ends: set[End] = set()
        self._listening: dict[socket.socket, tuple[str, int]] = {}
        for near, far in routes:
            try:
                self._listening[socket.create_server(near, backlog=BACKLOG)] = far
            except OSError as error:
                raise OSError(f"{near[0]}:{near[1]}: {error.strerror or error}") from error
        self._control = _control_socket(control)
        self._cut = False
        self._ended = False
        self._counts = dict.fromkeys(("connections", "refused", "bytes", "cuts", "bytes_while_cut"), 0)
        self._since_ms = _boot_ms()
        for listening in self._listening:
            listening.setblocking(False)
            self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._control, selectors.EVENT_READ)

    def run(self) -> None:
        """Forward until a signal ends it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
        while not self._ended:
            for key, mask in self._selector.select(0.5):
                self._serve(key, mask)

    def _end(self) -> None:
        self._ended = True

    def _serve(self, key: selectors.SelectorKey, mask: int) -> None:
        if key.fileobj is self._control:
            self._command()
        elif self._cut:
            return  # chosen in the same turn in which the cut came
        elif isinstance(key.data, End):
            if mask & selectors.EVENT_WRITE:
                self._write(key.data)
            if mask & selectors.EVENT_READ and key.data in self._ends:
                self._read(key.data)
        else:
            listening = key.fileobj
            assert isinstance(listening, socket.socket)
            self._accept(listening)

    # ---- forwarding ----

    def _accept(self, listening: socket.socket) -> None:
        try:
            near = End(listening.accept()[0])
        except OSError:
            return  # it went away again before it was taken
        if _has_gone(near.socket):
            near.socket.close()  # called and gave up during a cut: on a real link it would never have been heard of
            return
        try:
            if len(self._ends) >= 2 * PAIRS_MAX:
                raise ConnectionRefusedError("too many connections")
            far = End(socket.create_connection(self._listening[listening], timeout=CONNECT_WITHIN_S))
        except OSError:
            self._counts["refused"] += 1
            near.socket.close()
            return
        near.other, far.other = far, near
        self._counts["connections"] += 1
        for end in (near, far):
            end.socket.setblocking(False)
            end.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends.add(end)
            self._selector.register(end.socket, selectors.EVENT_READ, end)

    def _read(self, end: End) -> None:
        try:
            data = end.socket.recv(BUFFER_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._drop(end)
            return
        end.closed = not data
        end.other.pending += data
        self._write(end.other)

    def _write(self, end: End) -> None:
        try:
            sent = end.socket.send(end.pending) if end.pending else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(end)
            return
        end.pending = end.pending[sent:]
        self._counts["bytes"] += sent
        if self._cut:
            self._counts["bytes_while_cut"] += sent
        self._finish(end)
        for one in (end, end.other):
            self._watch(one)

    def _finish(self, end: End) -> None:
        """Pass on the far end's goodbye once everything before it is written."""
        if end.other.closed and not end.pending:
            if end.closed and not end.other.pending:
                self._drop(end)
                return
            try:
                end.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self._drop(end)

    def _watch(self, end: End) -> None:
        """Read from an end only while the other takes what it says."""
        if end not in self._ends:
            return
        wanted = 0 if end.closed or len(end.other.pending) >= BUFFER_BYTES else selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if end.pending else 0
        known = end.socket.fileno() in self._selector.get_map()
        if wanted and not self._cut:
            (self._selector.modify if known else self._selector.register)(end.socket, wanted, end)
        elif known:
            self._selector.unregister(end.socket)

    def _drop(self, end: End) -> None:
        for one in (end, end.other):
            if one in self._ends:
                self._ends.discard(one)
                if one.socket.fileno() in self._selector.get_map():
                    self._selector.unregister(one.socket)
                one.socket.close()

    # ---- control ----

    def _command(self) -> None:
        asking, _ = self._control.accept()
        with asking:
            asking.settimeout(1)
            try:
                line = asking.makefile("rb").readline(LINE_BYTES_MAX)
                answer = self._do(json.loads(line).get("do"))
                asking.sendall(json.dumps(answer).encode() + b"\n")
            except (OSError, ValueError, AttributeError):
                return  # whoever asked nonsense, or went away, gets no answer

    def _do(self, what: Any) -> dict[str, Any]:
        match what:
            case "cut" | "heal":
                self._set(what == "cut")
            case "stats":
                pass
            case _:
                return {"ok": False, "error": f"expected cut, heal or stats, got {what!r:.40}"}
        open_now = len(self._ends) // 2
        return {"ok": True, "cut": self._cut, "since_ms": self._since_ms, "open": open_now, **self._counts}

    def _set(self, cut: bool) -> None:
        if cut == self._cut:
            return
        self._cut = cut
        self._since_ms = _boot_ms()
        self._counts["cuts"] += 1 if cut else 0
        for listening in self._listening:
            if cut:
                self._selector.unregister(listening)
            else:
                self._selector.register(listening, selectors.EVENT_READ)
        for end in list(self._ends):
            self._watch(end)


def _has_gone(near: socket.socket) -> bool:
    """Whether the caller has hung up already, whatever it may have said before."""
    return near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE_WAIT


def _boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def _control_socket(name: str) -> socket.socket:
    if os.path.lexists(name):
        os.unlink(name)
    before = os.umask(0o177)
    try:
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        control.bind(name)
    finally:
        os.umask(before)
    control.listen(8)
    return control


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> int:
    """Run the relay; 1 and a reason if it cannot listen."""
    parser = argparse.ArgumentParser(description="forward TCP until cut")
    parser.add_argument("--control", required=True, help="a socket's name in the working folder")
    parser.add_argument("--route", action="append", required=True, metavar="HOST:PORT=HOST:PORT")
    options = parser.parse_args()
    routes = []
    for route in options.route:
        near, _, far = route.partition("=")
        routes.append((_address(near), _address(far)))
    try:
        relay = Relay(routes, options.control)
    except OSError as error:
        sys.stderr.write(f"the relay cannot listen: {error}\n")
        return 1
    relay.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
