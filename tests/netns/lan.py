"""Nodes as network namespaces, as the lab makes them, without a manager; and a thread in each, to ask from there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from skerry.lab.wires import LAN_DEVICE, LAN_NETWORK, Wires, enter

T = TypeVar("T")

MANAGER_ADDRESS = f"{LAN_NETWORK}.254"
"""Where a manager would be; nobody has this address."""
DEVICE = LAN_DEVICE


class Lan:
    """A network of nodes; leaving the block takes it down."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._wires = Wires(f"skerry-{os.getpid()}", nodes, uplink=False)
        self.addresses = self._wires.addresses
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def __enter__(self) -> Lan:
        self._wires.make()
        for node in self.addresses:
            space = self.space(node)
            self._threads[node] = ThreadPoolExecutor(max_workers=1, initializer=enter, initargs=(space,))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for thread in self._threads.values():
            thread.shutdown()
        self._wires.remove()

    def space(self, node: str) -> str:
        """The name of a node's namespace."""
        return self._wires.space(node)

    def inode(self, node: str) -> int:
        """What a process's `/proc/PID/ns/net` shows if it belongs to the node."""
        return self._wires.inode(node)

    def unplug(self, *nodes: str) -> None:
        """Take the cables of these nodes out of the switch."""
        for node in nodes:
            self._wires.link(node, up=False)

    def plug(self, *nodes: str) -> None:
        """Put them back."""
        for node in nodes:
            self._wires.link(node, up=True)

    def split(self, *nodes: str) -> None:
        """These nodes are joined with each other only, the rest with each other only."""
        self._wires.split(nodes)

    def whole(self) -> None:
        """All nodes are joined again."""
        self._wires.split(())

    def within(self, node: str, call: Callable[[], T]) -> Future[T]:
        """Call something in a thread that lives in the node's namespace: its sockets are the node's."""
        return self._threads[node].submit(call)
