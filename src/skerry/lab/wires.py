"""The network of a lab whose nodes are network namespaces: cables, switches and the path to the manager, all breakable.

Every node has one cable into the site's switch (`eth0`) and, where there is a manager, one into the switch of the
uplink (`up0`), over which nodes reach the manager and nobody else. The switches are a namespace too, so nothing outside
of the lab's namespaces is touched; these bear the lab's name, and `remove` takes away all that do, whoever made them.
A cable that is taken out says no goodbye: the switch's end goes down. Needs root and iproute2; loss needs nftables.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from skerry.lab import interrupting

SITE, PART, UPLINK = "site", "part", "uplink"
"""The bridges: where the site is whole, the other part of a split one, the way to the manager."""
LAN_DEVICE, UPLINK_DEVICE = "eth0", "up0"
LAN_NETWORK, UPLINK_NETWORK = "10.77.0", "10.78.0"
MANAGER, DESK, SWITCH = "manager", "desk", "switch"
"""Spaces beside those of the nodes. At the desk, with a cable into the site's switch, sit clients and operators."""
MANAGER_ADDRESS, DESK_ADDRESS = f"{UPLINK_NETWORK}.254", f"{LAN_NETWORK}.253"
LOSS_PERCENT_MAX = 99
RATE_BITS_MIN = 8_000
DELAY_MS_MAX = 10_000
BURST_BYTES = 16 * 1024
QUEUE_MS = 400
NAMED = Path("/var/run/netns")
_CLONE_NEWNET = 0x40000000
_MULTICAST = "224.0.0.0/4"
_WITHIN_S = 20
LOSS_TABLE = "skerry"


class WiresError(Exception):
    """The system's tools refused something, or are not there; says what they said."""


def why_not() -> str | None:
    """Why this machine and user can have no such network; None if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need the program ip (Debian: apt install iproute2)"
    name = f"skerry-try-{os.getpid()}"
    try:
        ip("netns", "add", name)
        ip("netns", "delete", name)
    except WiresError as error:
        return f"this machine refuses network namespaces: {error}"
    return None


def ip(*words: str) -> str:
    """Run the program `ip`; returns what it printed. Raises `WiresError` with what it complained about."""
    return _run("ip", *words)


def _run(*argv: str, package: str = "iproute2", text: str | None = None) -> str:
    try:
        # What is raised while `subprocess` holds its lock on a child would have it wait for itself for ever.
        with interrupting.at_once():
            done = subprocess.run(argv, check=False, capture_output=True, text=True, input=text, timeout=_WITHIN_S)
    except FileNotFoundError:
        raise WiresError(f"the program {argv[0]} is needed (Debian: apt install {package})") from None
    except subprocess.TimeoutExpired:
        raise WiresError(f"{' '.join(argv)}: not done within {_WITHIN_S} s") from None
    if done.returncode != 0:
        raise WiresError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(space: str | None) -> Iterator[None]:
    """Let the calling thread live in a namespace for as long as the block lasts: sockets made in it belong there for
    good. None: stay. Raises `OSError`."""
    if space is None:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(space)
        try:
            yield
        finally:
            _set(before, "the namespace before")
    finally:
        os.close(before)


def enter(space: str) -> None:
    """Let the calling thread live in a namespace from now on. Raises `OSError`."""
    file = os.open(NAMED / space, os.O_RDONLY)
    try:
        _set(file, space)
    finally:
        os.close(file)


def _set(file: int, named: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"cannot enter the namespace {named}")


def within(space: str | None, argv: Sequence[str]) -> list[str]:
    """The argument vector that runs a program in a namespace, under the pid that is started."""
    return list(argv) if space is None else ["ip", "netns", "exec", space, *argv]


class Wires:
    """The network of one lab. All of it raises `WiresError`."""

    def __init__(self, name: str, nodes: Iterable[str], *, uplink: bool = True) -> None:
        """`name`: of the lab, in front of the names of all its namespaces. Without `uplink` there are no manager, no
        desk and no way to them."""
        self.name = name
        self.nodes = tuple(nodes)
        self.addresses = {node: f"{LAN_NETWORK}.{number}" for number, node in enumerate(self.nodes, 1)}
        self._uplink = uplink
        self._switch = self.space(SWITCH)

    def space(self, of: str) -> str:
        """The name of a namespace."""
        return f"{self.name}-{of}"

    # ---- making and removing ----

    def make(self) -> None:
        """Make all of it; if that fails, nothing is left."""
        try:
            ip("netns", "add", self._switch)
            for bridge in (SITE, PART, *((UPLINK,) if self._uplink else ())):
                self._on_switch("link", "add", bridge, "type", "bridge")
                self._on_switch("link", "set", bridge, "up")
            for node in self.nodes:
                self._make_node(node)
            if self._uplink:
                self._make_place(MANAGER)
                self._cable(MANAGER, UPLINK_DEVICE, UPLINK, MANAGER_ADDRESS)
                self._make_place(DESK)
                self._cable(DESK, LAN_DEVICE, SITE, DESK_ADDRESS)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Take away every namespace that bears this name, and with it all that is in it."""
        for name in _named():
            if name.startswith(f"{self.name}-"):
                ip("netns", "delete", name)

    def _make_node(self, node: str) -> None:
        self._make_place(node)
        self._cable(node, LAN_DEVICE, SITE, self.addresses[node])
        # Without it nothing says where a message to a group goes, and nobody is found by scouting.
        ip("-n", self.space(node), "route", "add", _MULTICAST, "dev", LAN_DEVICE)
        if self._uplink:
            number = self.addresses[node].rpartition(".")[2]
            self._cable(node, UPLINK_DEVICE, UPLINK, f"{UPLINK_NETWORK}.{number}")
            self._on_switch("link", "set", _port(node, UPLINK_DEVICE), "type", "bridge_slave", "isolated", "on")

    def _make_place(self, of: str) -> None:
        space = self.space(of)
        ip("netns", "add", space)
        with inside(space):
            for which in ("all", "default"):
                setting = Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6")
                if setting.exists():
                    setting.write_text("1")
        ip("-n", space, "link", "set", "lo", "up")

    def _cable(self, of: str, device: str, bridge: str, address: str) -> None:
        space, port = self.space(of), _port(of, device)
        self._on_switch("link", "add", port, "type", "veth", "peer", "name", device, "netns", space)
        self._on_switch("link", "set", port, "master", bridge, "up")
        ip("-n", space, "address", "add", f"{address}/24", "dev", device)
        ip("-n", space, "link", "set", device, "up")

    # ---- breaking and mending ----

    def cut(self) -> None:
        """Nobody reaches the manager any more."""
        self._on_switch("link", "set", _port(MANAGER, UPLINK_DEVICE), "down")

    def join(self) -> None:
        """The manager can be reached again."""
        self._on_switch("link", "set", _port(MANAGER, UPLINK_DEVICE), "up")

    def link(self, node: str, *, up: bool, uplink: bool = False) -> None:
        """Take a node's cable out of the site's switch or of the uplink's, or put it back."""
        port = _port(node, UPLINK_DEVICE if uplink else LAN_DEVICE)
        self._on_switch("link", "set", port, "up" if up else "down")

    def split(self, nodes: Iterable[str]) -> None:
        """These nodes are joined with each other only, all the rest with each other only."""
        apart = set(nodes)
        for node in self.nodes:
            self._on_switch("link", "set", self._plug(node), "master", PART if node in apart else SITE)

    def loss(self, node: str, percent: int) -> None:
        """So many of the frames that go to and come from a node get lost, drawn for each; 0: none."""
        table = f"bridge {LOSS_TABLE}"
        rules = [f"add table {table}", f"add chain {table} {node} {{ type filter hook forward priority 0; }}"]
        rules.append(f"flush chain {table} {node}")
        for way in ("iifname", "oifname") if percent else ():
            devices = f'{{ "{_port(node, LAN_DEVICE)}", "{node}-b" }}'
            rules.append(f"add rule {table} {node} {way} {devices} numgen random mod 100 < {percent} drop")
        self._filter(rules)

    def rate(self, node: str, bits: int | None) -> None:
        """A node's cable carries so many bits a second, each way; None: as many as it can."""
        for space, device in ((self._switch, _port(node, LAN_DEVICE)), (self.space(node), LAN_DEVICE)):
            queue = ["burst", str(BURST_BYTES), "latency", f"{QUEUE_MS}ms"]
            if bits is not None:
                _run("tc", "-n", space, "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{bits}bit", *queue)
            elif "tbf" in _run("tc", "-n", space, "qdisc", "show", "dev", device):
                _run("tc", "-n", space, "qdisc", "delete", "dev", device, "root")

    def detour(self, node: str) -> tuple[str, str]:
        """Take a node's cable out of its bridge and put another one there, for whoever carries frames between the two;
        returns the switch's devices at both ends."""
        port, near, far = _port(node, LAN_DEVICE), f"{node}-a", f"{node}-b"
        bridge = str(self._links()[port]["master"])
        self._on_switch("link", "add", near, "type", "veth", "peer", "name", far)
        self._on_switch("link", "set", port, "nomaster")
        self._on_switch("link", "set", far, "master", bridge, "up")
        self._on_switch("link", "set", near, "up")
        return port, near

    def straight(self, node: str) -> None:
        """Take the detour away again, if there is one."""
        links = self._links()
        if f"{node}-b" in links:
            bridge = str(links[f"{node}-b"]["master"])
            self._on_switch("link", "delete", f"{node}-b")
            self._on_switch("link", "set", _port(node, LAN_DEVICE), "master", bridge)

    def mend(self) -> None:
        """All links carry everything again, as when the network was made; detours stay, for somebody carries there."""
        self.split(())
        if self._uplink:
            self.join()
        for node in self.nodes:
            self.link(node, up=True)
            self.rate(node, None)
            if self._uplink:
                self.link(node, up=True, uplink=True)
        if shutil.which("nft") is not None:
            self._filter([f"add table bridge {LOSS_TABLE}", f"delete table bridge {LOSS_TABLE}"])

    # ---- looking ----

    def cut_now(self) -> bool:
        """Whether the manager's cable is out."""
        return "UP" not in self._links()[_port(MANAGER, UPLINK_DEVICE)]["flags"]

    def bytes_up(self) -> int:
        """What the uplink's switch has carried to and from the manager."""
        counts = self._links()[_port(MANAGER, UPLINK_DEVICE)]["stats64"]
        return int(counts["rx"]["bytes"] + counts["tx"]["bytes"])

    def inode(self, of: str) -> int:
        """What a process's `/proc/PID/ns/net` shows if it belongs there."""
        return os.stat(NAMED / self.space(of)).st_ino

    def _plug(self, node: str) -> str:
        """The device by which a node hangs on its bridge."""
        return f"{node}-b" if f"{node}-b" in self._links() else _port(node, LAN_DEVICE)

    def _links(self) -> dict[str, dict[str, Any]]:
        return {link["ifname"]: link for link in json.loads(ip("-n", self._switch, "-j", "-s", "link", "show"))}

    def _filter(self, rules: Sequence[str]) -> None:
        _run(*within(self._switch, ["nft", "-f", "-"]), package="nftables", text="\n".join(rules) + "\n")

    def _on_switch(self, *words: str) -> None:
        ip("-n", self._switch, *words)


def _port(of: str, device: str) -> str:
    """The switch's end of a cable."""
    return of if device == LAN_DEVICE else f"{of}-up"


def _named() -> list[str]:
    return sorted(os.listdir(NAMED)) if NAMED.is_dir() else []
