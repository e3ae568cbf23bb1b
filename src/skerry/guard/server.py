"""The guard's one loop: who asks, what they ask, when the agent counts as gone.

Requests and answers are JSON, one a line. A request has `do` and, to recognise the answer by, an `id`:

    {"id": 1, "do": "list"}            ->  {"id": 1, "ok": true, "workloads": [...]}
    {"id": 2, "do": "stop", "name": 7} ->  {"id": 2, "ok": false, "error": "name: expected a text ..."}

A connection that said `watch` is the agent: it gets exits as they happen, and kept ones at once. An agent is there
while such a connection says something (`ping`) at least every `AGENT_SILENT_MS`. Time during which the guard itself
stood still is no absence: it could not have heard anybody.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import struct
from collections import deque

from skerry.guard.keeper import Keeper
from skerry.guard.place import (
    AGENT_SILENT_MS,
    CONNECTIONS_MAX,
    EXITS_MAX,
    LINE_BYTES_MAX,
    REPLY_BYTES_MAX,
    boot_ms,
)
from skerry.guard.requests import STOP_WITHIN_MS_MAX, Order, Refused, meta, text, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_READ_BYTES = 64 * 1024
_STOOD_STILL_MS = 2_000
"""A turn of the loop that took longer than this was no turn: the guard was stopped or the machine suspended."""
_IDLE_EXIT_MS = 30_000
"""A guard without workloads that nobody speaks with ends after this."""


class Connection:
    """One who asks."""

    __slots__ = ("incoming", "outgoing", "socket", "watches")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.incoming = b""
        self.outgoing = b""
        self.watches = False


class Server:
    """Serves a folder until it is told to end, or has had nothing to do for a while."""

    def __init__(self, folder: str, listening: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._keeper = Keeper(folder, self._selector, self._on_exit)
        self._listening = listening
        self._connections: set[Connection] = set()
        self._exits: deque[dict[str, Any]] = deque(maxlen=EXITS_MAX)
        self._turn_ms = self._busy_ms = self._heard_ms = boot_ms()
        self._shutdowns: list[tuple[Connection, Any]] = []
        self._ending = False

    def run(self) -> None:
        """Serve. Returns when everything that was owned is gone."""
        self._selector.register(self._listening, selectors.EVENT_READ, self._accept)
        self._listen_to_signals()
        while not (self._ending and not self._keeper.workloads) and not self._idle():
            for key, mask in self._selector.select(self._keeper.pause_ms(boot_ms()) / 1_000):
                key.data(mask)
            now_ms = boot_ms()
            if now_ms - self._turn_ms > _STOOD_STILL_MS:
                self._heard_ms += now_ms - self._turn_ms
            self._turn_ms = now_ms
            self._keeper.tick(now_ms, self._agent_gone_ms(now_ms))
        for connection, number in self._shutdowns:
            self._say(connection, {"id": number, "ok": True})

    def _listen_to_signals(self) -> None:
        """TERM ends the guard and all it owns; INT and HUP belong to terminals, which a guard has none of."""
        woken, wakes = os.pipe()
        for file in (woken, wakes):
            os.set_blocking(file, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._selector.register(woken, selectors.EVENT_READ, lambda _mask: self._on_signals(os.read(woken, 4096)))

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self._end()
        self._keeper.reap()

    def _idle(self) -> bool:
        now_ms = boot_ms()
        if self._connections or self._keeper.workloads:
            self._busy_ms = now_ms
        return now_ms - self._busy_ms > _IDLE_EXIT_MS

    def _agent_gone_ms(self, now_ms: int) -> int:
        silent_ms = now_ms - self._heard_ms
        watched = any(connection.watches for connection in self._connections)
        return 0 if watched and silent_ms <= AGENT_SILENT_MS else max(silent_ms, 1)

    def _end(self) -> None:
        self._ending = True
        self._keeper.stop_all()

    # ---- connections ----

    def _accept(self, _mask: int) -> None:
        connected, _ = self._listening.accept()
        credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, user, _ = struct.unpack("3i", credentials)
        if user != os.getuid() or len(self._connections) >= CONNECTIONS_MAX:
            connected.close()
            return
        connected.setblocking(False)
        connection = Connection(connected)
        self._connections.add(connection)
        self._selector.register(connected, selectors.EVENT_READ, lambda mask: self._serve(connection, mask))

    def _drop(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            self._selector.unregister(connection.socket)
            connection.socket.close()

    def _serve(self, connection: Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(connection)
        if mask & selectors.EVENT_READ and connection in self._connections:
            self._hear(connection)

    def _hear(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.incoming += data
        *lines, connection.incoming = connection.incoming.split(b"\n")
        for line in lines:
            self._answer(connection, line)
        if not data or len(connection.incoming) > LINE_BYTES_MAX:
            self._drop(connection)

    def _say(self, connection: Connection, what: dict[str, Any]) -> None:
        connection.outgoing += json.dumps(what, separators=(",", ":")).encode() + b"\n"
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        try:
            sent = connection.socket.send(connection.outgoing) if connection.outgoing else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(connection)
            return
        connection.outgoing = connection.outgoing[sent:]
        if len(connection.outgoing) > REPLY_BYTES_MAX:  # it does not read: what it missed it finds in the list
            self._drop(connection)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.outgoing else 0)
        self._selector.modify(connection.socket, wanted, self._selector.get_key(connection.socket).data)

    def _on_exit(self, exit_: dict[str, Any]) -> None:
        watching = [connection for connection in self._connections if connection.watches]
        if not watching:
            self._exits.append(exit_)
        for connection in watching:
            self._say(connection, exit_)

    # ---- requests ----

    def _answer(self, connection: Connection, line: bytes) -> None:
        number: Any = None
        try:
            try:
                request = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Refused(f"expected one JSON object a line: {error}") from error
            if not isinstance(request, dict):
                raise Refused("expected one JSON object a line")
            number = request.get("id")
            answer = self._do(connection, request, number)
        except Refused as refused:
            answer = {"ok": False, "error": str(refused)}
        if connection.watches:
            self._heard_ms = boot_ms()
        if answer is not None:
            self._say(connection, {"id": number, **answer})
        if connection.watches:
            while self._exits:
                self._say(connection, self._exits.popleft())

    def _do(self, connection: Connection, request: dict[str, Any], number: Any) -> dict[str, Any] | None:
        """Do what was asked; returns the answer, or None if it comes later. Raises `Refused`."""
        keeper = self._keeper
        match request.get("do"):
            case "ping":
                return {"ok": True, "pid": os.getpid()}
            case "watch":
                connection.watches = True
                return {"ok": True, "pid": os.getpid()}
            case "list":
                return {"ok": True, "workloads": [w.listed() for w in keeper.workloads.values()]}
            case "usage":
                return {"ok": True, **keeper.usage()}
            case "start":
                if self._ending:
                    raise Refused("this guard is ending")
                return {"ok": True, **keeper.start(Order(request)).listed()}
            case "extend":
                # Required and never None: a deadline can be moved, not taken away.
                keeper.find(text(request, "name")).order.kill_at_ms = whole(request, "kill_at_ms", None, 0, 1 << 53)
                return {"ok": True}
            case "update_meta":
                keeper.find(text(request, "name")).order.meta = meta(request)
                return {"ok": True}
            case "stop":
                within_ms = whole(request, "within_ms", None, 0, STOP_WITHIN_MS_MAX)
                keeper.stop(text(request, "name"), within_ms, lambda wrong: self._stopped(connection, number, wrong))
                return None
            case "shutdown":
                self._shutdowns.append((connection, number))
                self._end()
                return None
            case other:
                raise Refused(f"do: {other!r:.40} is unknown")

    def _stopped(self, connection: Connection, number: Any, wrong: str | None) -> None:
        trouble = {} if wrong is None else {"error": wrong}
        self._say(connection, {"id": number, "ok": wrong is None, **trouble})
