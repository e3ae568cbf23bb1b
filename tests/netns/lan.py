"""Nodes as network namespaces, each with one cable into a switch that is a namespace too; the host's devices are left
alone. A cable is really taken out (the switch's end goes down, nobody is told), and the switch really falls in two
(ports move to another bridge).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")

BRIDGES = ("whole", "part")
NETWORK = "10.77.0"
MANAGER_ADDRESS = f"{NETWORK}.254"
"""Where a manager would be; nobody has this address."""
DEVICE = "eth0"
_CLONE_NEWNET = 0x40000000
_MULTICAST = "224.0.0.0/4"


def ip(*words: str) -> None:
    """Run the program `ip`. Raises `AssertionError` with what it complained about."""
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"


class Lan:
    """A network of nodes; leaving the block takes it down."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._prefix = f"skerry-{os.getpid()}"
        self._switch = f"{self._prefix}-switch"
        self.addresses = {node: f"{NETWORK}.{number}" for number, node in enumerate(nodes, 1)}
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._made: list[str] = []

    def __enter__(self) -> Lan:
        try:
            self._make(self._switch)
            for bridge in BRIDGES:
                ip("-n", self._switch, "link", "add", bridge, "type", "bridge")
                ip("-n", self._switch, "link", "set", bridge, "up")
            for node in self.addresses:
                self._join(node)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    def space(self, node: str) -> str:
        """The name of a node's namespace."""
        return f"{self._prefix}-{node}"

    def inode(self, node: str) -> int:
        """What a process's `/proc/PID/ns/net` shows if it belongs to the node."""
        return os.stat(f"/var/run/netns/{self.space(node)}").st_ino

    def unplug(self, *nodes: str) -> None:
        """Take the cables of these nodes out of the switch."""
        for node in nodes:
            ip("-n", self._switch, "link", "set", node, "down")

    def plug(self, *nodes: str) -> None:
        """Put them back."""
        for node in nodes:
            ip("-n", self._switch, "link", "set", node, "up")

    def split(self, *nodes: str) -> None:
        """These nodes are joined with each other only, the rest with each other only."""
        for node in nodes:
            ip("-n", self._switch, "link", "set", node, "master", BRIDGES[1])

    def join(self, *nodes: str) -> None:
        """Back to where the rest is."""
        for node in nodes:
            ip("-n", self._switch, "link", "set", node, "master", BRIDGES[0])

    def within(self, node: str, call: Callable[[], T]) -> Future[T]:
        """Call something in a thread that lives in the node's namespace: its sockets are the node's."""
        return self._threads[node].submit(call)

    def _make(self, space: str) -> None:
        ip("netns", "add", space)
        self._made.append(space)

    def _join(self, node: str) -> None:
        space = self.space(node)
        self._make(space)
        self._threads[node] = ThreadPoolExecutor(max_workers=1, initializer=_enter, initargs=(space,))
        self.within(node, _without_ipv6).result()
        ip("-n", self._switch, "link", "add", node, "type", "veth", "peer", "name", DEVICE, "netns", space)
        ip("-n", self._switch, "link", "set", node, "master", BRIDGES[0], "up")
        ip("-n", space, "address", "add", f"{self.addresses[node]}/24", "dev", DEVICE)
        ip("-n", space, "link", "set", "lo", "up")
        ip("-n", space, "link", "set", DEVICE, "up")
        # Without it nothing says where a message to a group goes, and nobody is found by scouting.
        ip("-n", space, "route", "add", _MULTICAST, "dev", DEVICE)

    def _remove(self) -> None:
        for thread in self._threads.values():
            thread.shutdown()
        while self._made:
            ip("netns", "delete", self._made.pop())


def _enter(space: str) -> None:
    """Move the calling thread into a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    file = os.open(f"/var/run/netns/{space}", os.O_RDONLY)
    try:
        if libc.setns(file, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {space}")
    finally:
        os.close(file)


def _without_ipv6() -> None:
    """`/proc/sys/net` shows the namespace of the thread that looks."""
    for which in ("all", "default"):
        setting = Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6")
        if setting.exists():
            setting.write_text("1")
