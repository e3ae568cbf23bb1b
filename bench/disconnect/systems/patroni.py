"""Patroni with PostgreSQL, over an etcd on the same nodes: the primary is cut off; another accepts writes.

What must never be double is a primary that accepts writes: a client beside the old one goes on writing to it, clients
at the desk to all nodes. The few words of PostgreSQL's protocol that are needed are spoken here.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import struct
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from bench.disconnect.clients import Clients, http
from bench.disconnect.sightings import Kind, Record
from bench.disconnect.systems.base import INSIDE, OUTSIDE, Failed, Figures, Lan, command, pause, until
from bench.disconnect.systems.etcd import CLIENTS, start_members
from bench.disconnect.systems.losing import Loss, lose
from skerry.lab import wires
from skerry.shell.clock import boot_ms

POSTGRES, REST = 5432, 8008
PROGRAMS = Path("/usr/lib/postgresql")
ROLE = "primary"
USER = "postgres"
TIMERS = {
    "defaults": {"ttl": 30, "loop_wait": 10, "retry_timeout": 10},
    "tuned": {"ttl": 20, "loop_wait": 3, "retry_timeout": 3},
}
UP_WITHIN_S, SETTLED_WITHIN_S = 180.0, 180.0
BEHIND_BYTES_MAX = 65_536
"""Writes go on while a replica catches up: so far behind is on a level."""
INSERT = "INSERT INTO bench DEFAULT VALUES"
SSL_NO = 196_608
"""Version 3.0 of the protocol, without asking for TLS."""


class Patroni:
    """See the module."""

    name: ClassVar[str] = "patroni"
    packages: ClassVar[Mapping[str, str]] = {
        "patroni": "patroni",
        "etcd": "etcd-server",
        "postgres": "postgresql",
        "setpriv": "util-linux",
    }
    settings: ClassVar[tuple[str, ...]] = ("defaults", "tuned")
    nodes: ClassVar[tuple[int, ...]] = (3,)
    afresh: ClassVar[bool] = False

    def __init__(self, setting: str, nodes: int) -> None:
        self._lan = Lan(nodes)
        self._timers = TIMERS[setting]

    def version(self) -> str:
        """Its own word for it."""
        patroni = self._lan.ask(self._lan.nodes[0], "patroni", "--version").split()[-1]
        return f"{patroni}, PostgreSQL {_programs().parent.name}"

    def up(self) -> None:
        """Start etcd and all databases, and wait until they have settled. Raises `Failed`."""
        self._lan.up()
        self._lan.folder.chmod(0o711)
        start_members(self._lan, ())
        for node in self._lan.nodes:
            home = self._lan.folder / f"{node}-home"
            home.mkdir(mode=0o700)
            (home / "patroni.yml").write_text(json.dumps(self._configuration(node, home)))
            for path in (home, home / "patroni.yml"):
                shutil.chown(path, USER, USER)
            drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
            self._lan.start(node, *drop, "patroni", str(home / "patroni.yml"), variables={"HOME": str(home)})
        primary = until("there is a primary with replicas", self._primary, UP_WITHIN_S, 1.0)
        self._run(primary, "CREATE TABLE bench (at timestamptz DEFAULT now())")

    def down(self) -> None:
        """Take everything away."""
        self._lan.down()

    def trial(self, wait_ms: int) -> Figures:
        """Cut off the primary. Raises `Failed`."""
        primary = until("there is a primary with replicas", self._primary, SETTLED_WITHIN_S, 0.5)
        record = Record()
        others = [node for node in self._lan.nodes if node != primary]
        asks = [_Writer(self._lan.address(node), record, OUTSIDE).put for node in self._lan.nodes]
        watch = [partial(self._look, record, node) for node in others]
        inside = _Writer(self._lan.address(primary), record, INSIDE)
        with Clients(self._lan.desk, *asks, *watch), Clients(self._lan.network.space(primary), inside.put):
            pause(2 + wait_ms / 1_000)
            loss = Loss(self._lan, primary, others, ROLE, record, told=("new_leader_ms",))
            return lose(loss, lambda: self._primary() is not None)

    def rest(self, for_s: float) -> Figures:
        """What it costs when nothing happens."""
        return self._lan.rest(for_s, lambda pid: any(word in command(pid) for word in ("patroni", "postgres", "etcd")))

    # ---- asking it ----

    def _configuration(self, node: str, home: Path) -> dict[str, Any]:
        address = self._lan.address(node)
        hosts = [f"{self._lan.address(one)}:{CLIENTS}" for one in self._lan.nodes]
        trusted = ["local all all trust", "host all all 0.0.0.0/0 trust", "host replication all 0.0.0.0/0 trust"]
        return {
            "scope": "bench",
            "name": node,
            "restapi": {"listen": f"{address}:{REST}", "connect_address": f"{address}:{REST}"},
            "etcd3": {"hosts": hosts},
            "bootstrap": {
                "dcs": {**self._timers, "postgresql": {"use_pg_rewind": True}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, {"auth": "trust"}],
                "pg_hba": trusted,
            },
            "postgresql": {
                "listen": f"{address}:{POSTGRES}",
                "connect_address": f"{address}:{POSTGRES}",
                "data_dir": str(home / "data"),
                "bin_dir": str(_programs()),
                "authentication": {"superuser": {"username": USER}, "replication": {"username": USER}},
                "parameters": {"unix_socket_directories": str(home), "log_min_messages": "fatal"},
                "pg_hba": trusted,
            },
        }

    def _primary(self) -> str | None:
        """The primary, if every node names the same and sees all others follow it closely on its timeline."""
        found = set()
        for node in self._lan.nodes:
            members = self._ask(node, "/cluster")["members"]
            lines = {one.get("timeline") for one in members}
            working = [one for one in members if one["state"] in ("running", "streaming")]
            behind = [one.get("lag", 0) for one in members if one["role"] != "leader"]
            if any(not isinstance(lag, int) or lag > BEHIND_BYTES_MAX for lag in behind):
                return None
            if len(working) != len(self._lan.nodes) or len(lines) != 1:
                return None
            found |= {one["name"] for one in members if one["role"] == "leader"}
        return str(found.pop()) if len(found) == 1 else None

    def _ask(self, node: str, path: str) -> dict[str, Any]:
        url = f"http://{self._lan.address(node)}:{REST}{path}"
        try:
            with wires.inside(self._lan.desk), urllib.request.urlopen(url, timeout=2) as answer:
                value: dict[str, Any] = json.loads(answer.read())
        except (OSError, ValueError) as error:
            raise Failed(f"{node}: {error}") from error
        return value

    def _run(self, node: str, statement: str) -> None:
        async def once() -> bool:
            link = await _Link.opened(self._lan.address(node))
            try:
                return await link.run(statement)
            finally:
                link.close()

        with wires.inside(self._lan.desk):
            if not asyncio.run(once()):
                raise Failed(f"{node} refused: {statement}")

    async def _look(self, record: Record, node: str) -> None:
        status, _ = await http((self._lan.address(node), REST), "GET", "/primary")
        if status == 200:
            record.add(boot_ms(), Kind.LED, node, node)


class _Writer:
    """Writes by way of one server, one statement after the other, on a connection that is kept while it answers."""

    def __init__(self, address: str, record: Record, side: str) -> None:
        self._address = address
        self._record = record
        self._side = side
        self._link: _Link | None = None
        self._busy = False

    async def put(self) -> None:
        """One row; a replica refuses it. While one is on its way, no other is begun."""
        if self._busy:
            return
        self._busy = True
        try:
            self._link = self._link or await _Link.opened(self._address)
            if await self._link.run(INSERT):
                self._record.add(boot_ms(), Kind.ANSWERED, self._side, ROLE)
        except BaseException:
            if self._link is not None:
                self._link.close()
            self._link = None
            raise
        finally:
            self._busy = False


class _Link:
    """A connection to a PostgreSQL that trusts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def opened(cls, address: str) -> _Link:
        """Raises `OSError`."""
        link = cls(*await asyncio.open_connection(address, POSTGRES))
        words = f"user\0{USER}\0database\0postgres\0\0".encode()
        link._writer.write(struct.pack("!ii", len(words) + 8, SSL_NO) + words)
        if not await link._ready():
            link.close()
            raise ConnectionError(f"{address} takes no connections")
        return link

    async def run(self, statement: str) -> bool:
        """Whether it was done. Raises `OSError` when the connection ends before."""
        words = statement.encode() + b"\0"
        self._writer.write(b"Q" + struct.pack("!i", len(words) + 4) + words)
        return await self._ready()

    def close(self) -> None:
        """End it."""
        self._writer.close()

    async def _ready(self) -> bool:
        """Read until it is ready for the next; whether no error came."""
        fine = True
        try:
            while True:
                kind, length = struct.unpack("!ci", await self._reader.readexactly(5))
                await self._reader.readexactly(length - 4)
                if kind == b"E":
                    fine = False
                if kind == b"Z":
                    return fine
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the server's connection has ended") from error


def _programs() -> Path:
    """Where PostgreSQL's own programs are. Raises `Failed`."""
    found = sorted(PROGRAMS.glob("*/bin"))
    if not found:
        raise Failed(f"no PostgreSQL in {PROGRAMS}")
    return found[-1]
