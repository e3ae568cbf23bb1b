"""etcd: the leader is cut off; the next write is accepted by the others.

What must never be double is the right to accept writes: clients beside the leader go on writing to it, clients at the
desk to all nodes.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from bench.disconnect.clients import Clients, http
from bench.disconnect.sightings import Kind, Record
from bench.disconnect.systems.base import INSIDE, OUTSIDE, Failed, Figures, Lan, command, pause, until
from bench.disconnect.systems.losing import Loss, lose
from skerry.lab import wires
from skerry.shell.clock import boot_ms

CLIENTS, PEERS = 2379, 2380
TUNED = ("--heartbeat-interval", "50", "--election-timeout", "500")
SETTLED_WITHIN_S = 60.0
ROLE = "writes"
INDEXES_BEHIND_MAX = 50
"""Writes go on while a member catches up: so far behind is on a level."""
NONE = "0"
"""How a member names a leader that it does not have."""


class Etcd:
    """See the module."""

    name: ClassVar[str] = "etcd"
    packages: ClassVar[Mapping[str, str]] = {"etcd": "etcd-server"}
    settings: ClassVar[tuple[str, ...]] = ("defaults", "tuned")
    nodes: ClassVar[tuple[int, ...]] = (3, 5)
    afresh: ClassVar[bool] = False

    def __init__(self, setting: str, nodes: int) -> None:
        self._lan = Lan(nodes)
        self._tuning = TUNED if setting == "tuned" else ()
        self._names: dict[str, str] = {}

    def version(self) -> str:
        """Its own word for it."""
        return str(self._status(self._lan.nodes[0])["version"])

    def up(self) -> None:
        """Start it and wait until it has settled. Raises `Failed`."""
        self._lan.up()
        start_members(self._lan, self._tuning)
        self._settled()

    def down(self) -> None:
        """Take everything away."""
        self._lan.down()

    def trial(self, wait_ms: int) -> Figures:
        """Cut off the leader. Raises `Failed`."""
        leader = self._settled()
        record = Record()
        others = [node for node in self._lan.nodes if node != leader]
        asks = [partial(self._put, record, OUTSIDE, node) for node in self._lan.nodes]
        watch = [partial(self._look, record, leader, node) for node in others]
        inside = partial(self._put, record, INSIDE, leader)
        with Clients(self._lan.desk, *asks, *watch), Clients(self._lan.network.space(leader), inside):
            pause(2 + wait_ms / 1_000)
            loss = Loss(lan=self._lan, victim=leader, others=others, role=ROLE, record=record)
            return lose(loss, lambda: self._agreed() is not None)

    def rest(self, for_s: float) -> Figures:
        """What it costs when nothing happens."""
        return self._lan.rest(for_s, lambda pid: command(pid).startswith("etcd "))

    # ---- asking it ----

    def _settled(self) -> str:
        return until("etcd has one leader", self._agreed, SETTLED_WITHIN_S)

    def _agreed(self) -> str | None:
        """The leader, if every member names the same and has applied what it has committed."""
        said = {node: self._status(node) for node in self._lan.nodes}
        self._names = {status["header"]["member_id"]: node for node, status in said.items()}
        leaders = {status.get("leader", NONE) for status in said.values()}
        terms = {status["raftTerm"] for status in said.values()}
        indexes = [int(status["raftIndex"]) for status in said.values()]
        behind = max(indexes) - min(indexes)
        if len(leaders) != 1 or len(terms) != 1 or leaders == {NONE} or behind > INDEXES_BEHIND_MAX:
            return None
        return self._names.get(leaders.pop())

    def _status(self, node: str) -> dict[str, Any]:
        url = f"http://{self._lan.address(node)}:{CLIENTS}/v3/maintenance/status"
        try:
            with wires.inside(self._lan.desk), urllib.request.urlopen(url, b"{}", timeout=0.5) as answer:
                value: dict[str, Any] = json.loads(answer.read())
        except (OSError, ValueError) as error:
            raise Failed(f"{node}: {error}") from error
        return value

    async def _put(self, record: Record, side: str, node: str) -> None:
        body = json.dumps({"key": _b64(f"{side}-{node}"), "value": _b64(str(boot_ms()))}).encode()
        status, _ = await http((self._lan.address(node), CLIENTS), "POST", "/v3/kv/put", body)
        if status == 200:
            record.add(boot_ms(), Kind.ANSWERED, side, ROLE)

    async def _look(self, record: Record, victim: str, node: str) -> None:
        """What a survivor says of who leads."""
        _, body = await http((self._lan.address(node), CLIENTS), "POST", "/v3/maintenance/status", b"{}")
        leader = json.loads(body).get("leader", NONE)
        if self._names.get(leader) != victim:
            record.add(boot_ms(), Kind.LOST, node, victim)
        if leader != NONE:
            record.add(boot_ms(), Kind.LED, node, self._names.get(leader, ""))


def start_members(lan: Lan, tuning: tuple[str, ...]) -> None:
    """Start a member on each node of a LAN."""
    urls = {node: f"http://{lan.address(node)}" for node in lan.nodes}
    cluster = ",".join(f"{node}={url}:{PEERS}" for node, url in urls.items())
    for node, url in urls.items():
        lan.start(
            node,
            *("etcd", "--name", node, "--data-dir", str(lan.folder / node), "--logger", "zap"),
            *("--listen-peer-urls", f"{url}:{PEERS}", "--initial-advertise-peer-urls", f"{url}:{PEERS}"),
            *("--listen-client-urls", f"{url}:{CLIENTS}", "--advertise-client-urls", f"{url}:{CLIENTS}"),
            *("--initial-cluster", cluster, *tuning),
        )


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
