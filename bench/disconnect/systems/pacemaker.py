"""Pacemaker with Corosync: the node that runs a resource is cut off; the resource is started elsewhere.

Each node is a machine of its own as far as daemons can tell: network, mounts, processes, host name. There is no fencing
device, as on any site whose machines have none, so `stonith-enabled` is false; all else is as it comes. The resource is
a process under `ocf:heartbeat:anything`, and what runs is seen in `/proc`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.disconnect import watching
from bench.disconnect.sightings import Kind, Record
from bench.disconnect.systems.base import Figures, Lan, command, pause, until
from bench.disconnect.systems.losing import Loss, lose

SCRIPT = Path(__file__).with_name("pacemaker_node.sh")
LOG = "/var/log/pacemaker/pacemaker.log"
LOST = re.compile(rb"Node (\S+) state is now lost")
ROLE = "resource"
TUNED = "token: 1000"
UP_WITHIN_S, SETTLED_WITHIN_S = 120.0, 180.0
HOLD_S = 8.0
"""The cut off node may stop its copy later than another starts one."""
FOREVER_S = 100_000_000
CONFIGURATION = """totem {{
  version: 2
  cluster_name: bench
  crypto_cipher: none
  crypto_hash: none
  {token}
}}
logging {{
  to_stderr: yes
  to_syslog: no
  to_logfile: no
}}
quorum {{
  provider: corosync_votequorum
}}
nodelist {{
{nodes}
}}
"""
NODE = """  node {{
    name: {name}
    nodeid: {number}
    ring0_addr: {address}
  }}"""
RESOURCE = (
    '<primitive id="resource" class="ocf" provider="heartbeat" type="anything"><instance_attributes id="a">'
    '<nvpair id="b" name="binfile" value="/bin/sleep"/><nvpair id="o" name="cmdline_options" value="{seconds}"/>'
    '</instance_attributes><operations><op id="m" name="monitor" interval="10s"/></operations></primitive>'
)


class Pacemaker:
    """See the module."""

    name: ClassVar[str] = "pacemaker"
    packages: ClassVar[Mapping[str, str]] = {
        "pacemakerd": "pacemaker",
        "corosync": "corosync",
        "crm_mon": "pacemaker-cli-utils",
        "/usr/lib/ocf/resource.d/heartbeat/anything": "resource-agents",
    }
    settings: ClassVar[tuple[str, ...]] = ("defaults", "tuned")
    nodes: ClassVar[tuple[int, ...]] = (3, 5)
    afresh: ClassVar[bool] = False

    def __init__(self, setting: str, nodes: int) -> None:
        self._lan = Lan(nodes)
        self._token = TUNED if setting == "tuned" else ""
        self._machines: dict[str, int] = {}
        self._inodes: dict[int, str] = {}
        self._seconds = f"{FOREVER_S + int(self._lan.id[:6], 16)}"

    def version(self) -> str:
        """Its own word for it."""
        pacemaker = self._lan.ask(self._lan.nodes[0], "pacemakerd", "--version").split()[1]
        corosync = self._lan.ask(self._lan.nodes[0], "corosync", "-v").split("'")[1]
        return f"{pacemaker}, corosync {corosync}"

    def up(self) -> None:
        """Start it, make the resource and wait until it runs. Raises `Failed`."""
        self._lan.up()
        listed = [
            NODE.format(name=node, number=number, address=self._lan.address(node))
            for number, node in enumerate(self._lan.nodes, 1)
        ]
        wrappers = {}
        for node in self._lan.nodes:
            folder = self._lan.folder / f"{node}-etc"
            folder.mkdir()
            (folder / "corosync.conf").write_text(CONFIGURATION.format(token=self._token, nodes="\n".join(listed)))
            apart = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--uts"]
            wrappers[node] = self._lan.start(node, "unshare", *apart, "bash", str(SCRIPT), node, str(folder))
        for node, pid in wrappers.items():
            self._machines[node] = until(f"{node} is a machine", partial(_child, pid), 10)
        self._inodes = {self._lan.network.inode(node): node for node in self._lan.nodes}
        first = self._lan.nodes[0]
        until("there is a quorum", lambda: "with quorum" in self._on(first, "crm_mon", "-1"), UP_WITHIN_S, 1.0)
        self._on(first, "crm_attribute", "--name", "stonith-enabled", "--update", "false")
        self._on(first, "cibadmin", "-C", "-o", "resources", "-X", RESOURCE.format(seconds=self._seconds))
        self._settled()

    def down(self) -> None:
        """Take everything away."""
        self._lan.down()

    def trial(self, wait_ms: int) -> Figures:
        """Cut off the node that runs the resource. Raises `Failed`."""
        holder = self._settled()
        record = Record()
        others = [node for node in self._lan.nodes if node != holder]
        files = {node: Path(f"/proc/{self._machines[node]}/root{LOG}") for node in others}
        with watching.Processes(record, self._look), watching.Logs(record, files, _said):
            pause(2 + wait_ms / 1_000)
            told = ("node_noticed_ms",)
            loss = Loss(self._lan, holder, others, ROLE, record, by_process=True, told=told, hold_s=HOLD_S)
            return lose(loss, lambda: self._holder() is not None)

    def rest(self, for_s: float) -> Figures:
        """What it costs when nothing happens."""
        return self._lan.rest(for_s, _is_daemon)

    # ---- asking it ----

    def _settled(self) -> str:
        return until("all are online and one runs the resource", self._holder, SETTLED_WITHIN_S, 0.5)

    def _holder(self) -> str | None:
        """The node that runs the resource, if every node sees all online and there is one copy."""
        online = f"Online: [ {' '.join(self._lan.nodes)} ]"
        for node in self._lan.nodes:
            said = self._on(node, "crm_mon", "-1")
            if "partition with quorum" not in said or online not in said:
                return None
        runs = [copy[0] for pid in map(int, _pids()) if (copy := self._look(pid)) is not None]
        return runs[0] if len(runs) == 1 else None

    def _on(self, node: str, *argv: str) -> str:
        apart = ("nsenter", "-t", str(self._machines[node]), "-m", "-u", "-i", "-n", "-p")
        return self._lan.ask(node, *apart, *argv, within_s=20)

    def _look(self, pid: int) -> tuple[str, str] | None:
        if command(pid).split()[-1:] != [self._seconds] or not command(pid).startswith("/bin/sleep"):
            return None
        try:
            node = self._inodes.get(os.stat(f"/proc/{pid}/ns/net").st_ino)
        except OSError:
            return None
        return None if node is None else (node, ROLE)


def _pids() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


def _child(pid: int) -> int | None:
    found = watching.read(f"/proc/{pid}/task/{pid}/children").split()
    return int(found[0]) if found else None


def _said(line: bytes) -> tuple[Kind, str] | None:
    found = LOST.search(line)
    return (Kind.LOST, found[1].decode()) if found is not None else None


def _is_daemon(pid: int) -> bool:
    return watching.read(f"/proc/{pid}/comm").decode().startswith(("pacemaker", "corosync"))
