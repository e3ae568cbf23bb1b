"""serf: a member is cut off; the others say that it has failed. It has no roles, so there is nothing to be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bench.disconnect import watching
from bench.disconnect.sightings import Kind, Record
from bench.disconnect.systems.base import Failed, Figures, Lan, command, pause, until
from bench.disconnect.systems.losing import Loss, lose
from skerry.lab.draws import draw

PROFILES = {"defaults": "lan", "tuned": "local"}
SETTLED_WITHIN_S = 90.0
FAILED = b"EventMemberFailed: "


class Serf:
    """See the module."""

    name: ClassVar[str] = "serf"
    packages: ClassVar[Mapping[str, str]] = {"serf": "serf"}
    settings: ClassVar[tuple[str, ...]] = ("defaults", "tuned")
    nodes: ClassVar[tuple[int, ...]] = (3, 5, 24)
    afresh: ClassVar[bool] = False

    def __init__(self, setting: str, nodes: int) -> None:
        self._lan = Lan(nodes)
        self._profile = PROFILES[setting]

    def version(self) -> str:
        """The package's: Debian's program does not know its own."""
        try:
            return self._lan.ask(self._lan.nodes[0], "dpkg-query", "-W", "-f", "${Version}", "serf").partition("~")[0]
        except (Failed, OSError):
            return ""

    def up(self) -> None:
        """Start it and wait until it has settled. Raises `Failed`."""
        self._lan.up()
        first = self._lan.address(self._lan.nodes[0])
        for node in self._lan.nodes:
            address = self._lan.address(node)
            words = ["serf", "agent", f"-node={node}", f"-bind={address}", f"-profile={self._profile}"]
            join = [] if address == first else [f"-retry-join={first}", "-retry-interval=1s"]
            self._lan.start(node, *words, "-log-level=info", *join)
        self._settled()

    def down(self) -> None:
        """Take everything away."""
        self._lan.down()

    def trial(self, wait_ms: int) -> Figures:
        """Cut off a member. Raises `Failed`."""
        self._settled()
        record, others = Record(), list(self._lan.nodes)
        victim = others.pop(draw(wait_ms, "victim", below=len(others)))
        files = {node: self._lan.folder / f"{node}.log" for node in others}
        with watching.Logs(record, files, _said):
            pause(2 + wait_ms / 1_000)
            loss = Loss(self._lan, victim, others, "", record, told=("node_noticed_ms",))
            return lose(loss, self._all_alive)

    def rest(self, for_s: float) -> Figures:
        """What it costs when nothing happens."""
        return self._lan.rest(for_s, lambda pid: command(pid).startswith("serf "))

    def _settled(self) -> None:
        until("all members are alive", self._all_alive, SETTLED_WITHIN_S + len(self._lan.nodes))

    def _all_alive(self) -> bool:
        """Whether every member says so of every other."""
        for node in reversed(self._lan.nodes):
            if self._lan.ask(node, "serf", "members", "-status=alive").count(" alive") != len(self._lan.nodes):
                return False
        return True


def _said(line: bytes) -> tuple[Kind, str] | None:
    return (Kind.LOST, line.partition(FAILED)[2].split()[0].decode()) if FAILED in line else None
