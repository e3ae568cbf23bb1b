"""NATS with JetStream: the leader of a stream with three replicas is cut off; the next message is stored by the others.

The few words of its protocol that are needed are spoken here: CONNECT, SUB, PUB with a reply address, PING and PONG.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from bench.disconnect import watching
from bench.disconnect.clients import Clients
from bench.disconnect.sightings import Kind, Record
from bench.disconnect.systems.base import INSIDE, OUTSIDE, Failed, Figures, Lan, command, pause, until
from bench.disconnect.systems.losing import Loss, lose
from skerry.lab import wires
from skerry.shell.clock import boot_ms

PORT, ROUTES = 4222, 6222
REPLICAS = 3
STREAM, SUBJECT = "bench", "bench.put"
LEADS = b"new stream leader for"
INBOX = "_INBOX.bench"
ROLE = "stream"
SETTLED_WITHIN_S = 300.0
HOLD_S = 1.0
CONFIGURATION = """
server_name: {node}
listen: {address}:4222
jetstream {{ store_dir: "{store}" }}
cluster {{ name: bench, listen: {address}:6222, routes: [{routes}] }}
"""


class Nats:
    """See the module."""

    name: ClassVar[str] = "nats"
    packages: ClassVar[Mapping[str, str]] = {"nats-server": "nats-server"}
    settings: ClassVar[tuple[str, ...]] = ("defaults",)
    nodes: ClassVar[tuple[int, ...]] = (3, 5)
    afresh: ClassVar[bool] = False

    def __init__(self, setting: str, nodes: int) -> None:
        self._lan = Lan(nodes)

    def version(self) -> str:
        """Its own word for it."""
        return self._lan.ask(self._lan.nodes[0], "nats-server", "--version").split()[-1].removeprefix("v")

    def up(self) -> None:
        """Start it, make the stream and wait until it has settled. Raises `Failed`."""
        self._lan.up()
        routes = ", ".join(f"nats://{self._lan.address(node)}:{ROUTES}" for node in self._lan.nodes)
        for node in self._lan.nodes:
            file, store = self._lan.folder / f"{node}.conf", self._lan.folder / node
            address = self._lan.address(node)
            file.write_text(CONFIGURATION.format(node=node, address=address, store=store, routes=routes))
            self._lan.start(node, str(shutil.which("nats-server")), "-c", str(file))
        until("the stream is made", self._make_stream, SETTLED_WITHIN_S, 1.0)
        self._settled()

    def down(self) -> None:
        """Take everything away."""
        self._lan.down()

    def trial(self, wait_ms: int) -> Figures:
        """Cut off the leader of the stream. Raises `Failed`."""
        leader = self._settled()
        record = Record()
        others = [node for node in self._lan.nodes if node != leader]
        writers = [_Writer(self._lan.address(node), record, OUTSIDE) for node in self._lan.nodes]
        inside = _Writer(self._lan.address(leader), record, INSIDE)
        asks = [writer.put for writer in writers]
        logs = [
            watching.Logs(record, {node: self._lan.folder / f"{node}.log"}, partial(_said, node)) for node in others
        ]
        with contextlib.ExitStack() as watched:
            watched.enter_context(Clients(self._lan.desk, *asks))
            watched.enter_context(Clients(self._lan.network.space(leader), inside.put))
            for log in logs:
                watched.enter_context(log)
            pause(2 + wait_ms / 1_000)
            loss = Loss(self._lan, leader, others, ROLE, record, told=("new_leader_ms",), hold_s=HOLD_S)
            return lose(loss, lambda: self._leader() is not None)

    def rest(self, for_s: float) -> Figures:
        """What it costs when nothing happens."""
        return self._lan.rest(for_s, lambda pid: "nats-server -c" in command(pid))

    # ---- asking it ----

    def _settled(self) -> str:
        return until("the stream has a leader and all replicas", self._leader, SETTLED_WITHIN_S, 0.5)

    def _make_stream(self) -> bool:
        wanted = {"name": STREAM, "subjects": [SUBJECT], "num_replicas": REPLICAS, "storage": "file"}
        said = self._api(self._lan.nodes[0], f"$JS.API.STREAM.CREATE.{STREAM}", wanted)
        return "error" not in said

    def _leader(self) -> str | None:
        """The leader of the stream, if every server names the same and all replicas are up to date."""
        found = set()
        for node in self._lan.nodes:
            cluster = self._api(node, f"$JS.API.STREAM.INFO.{STREAM}", {}).get("cluster", {})
            replicas = cluster.get("replicas") or []
            if sum(one["current"] and not one.get("offline") for one in replicas) != REPLICAS - 1:
                return None
            found.add(str(cluster.get("leader", "")))
        return found.pop() if len(found) == 1 and found != {""} else None

    def _api(self, node: str, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        """One question to JetStream, on a connection of its own. Raises `Failed`."""
        asked = partial(_asked_once, self._lan.address(node), subject, json.dumps(body).encode())
        try:
            with wires.inside(self._lan.desk):
                value: dict[str, Any] = json.loads(asyncio.run(asked()))
        except (OSError, TimeoutError, ValueError) as error:
            raise Failed(f"{node}: {subject}: {error}") from error
        return value


def _said(node: str, line: bytes) -> tuple[Kind, str] | None:
    """A server says of itself that it leads the stream."""
    return (Kind.LED, node) if LEADS in line and STREAM.encode() in line else None


class _Writer:
    """Publishes to the stream by way of one server, on a connection that is kept while it answers."""

    def __init__(self, address: str, record: Record, side: str) -> None:
        self._address = address
        self._record = record
        self._side = side
        self._link: _Link | None = None
        self._opening = asyncio.Lock()

    async def put(self) -> None:
        """Publish one message; it counts when JetStream says that it is stored."""
        async with self._opening:
            if self._link is None or self._link.closed:
                self._link = await _Link.opened(self._address)
        answer = json.loads(await self._link.ask(SUBJECT, b"x"))
        if answer.get("stream") == STREAM and "error" not in answer:
            self._record.add(boot_ms(), Kind.ANSWERED, self._side, ROLE)


class _Link:
    """A connection to a server, with questions on their way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._asked = 0
        self._hearing = asyncio.get_running_loop().create_task(self._hear())
        self.closed = False

    @classmethod
    async def opened(cls, address: str) -> _Link:
        """Raises `OSError`."""
        link = cls(*await asyncio.open_connection(address, PORT))
        words = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
        link._writer.write(f"CONNECT {json.dumps(words)}\r\nSUB {INBOX}.* 1\r\n".encode())
        return link

    async def ask(self, subject: str, body: bytes) -> bytes:
        """What comes back first. Raises `OSError` when the connection ends before."""
        self._asked += 1
        number = str(self._asked)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(b"PUB %s %s.%s %d\r\n%s\r\n" % (
                subject.encode(), INBOX.encode(), number.encode(), len(body), body))  # fmt: skip
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    def close(self) -> None:
        """End it."""
        self.closed = True
        self._writer.close()

    async def _hear(self) -> None:
        try:
            while line := await self._reader.readline():
                words = line.split()
                if words[0] == b"PING":
                    self._writer.write(b"PONG\r\n")
                elif words[0] in (b"MSG", b"HMSG"):
                    body = (await self._reader.readexactly(int(words[-1]) + 2))[:-2]
                    waiting = self._waiting.get(words[1].rpartition(b".")[2].decode())
                    if waiting is not None and not waiting.done():
                        waiting.set_result(body)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever waits is told below
        finally:
            self.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionError("the server's connection has ended"))


async def _asked_once(address: str, subject: str, body: bytes) -> bytes:
    async with asyncio.timeout(5):
        link = await _Link.opened(address)
        try:
            return await link.ask(subject, body)
        finally:
            link.close()
