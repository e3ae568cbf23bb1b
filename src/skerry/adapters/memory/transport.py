"""Fabrics, uplinks and hubs of one process, over an `Ether` whose paths can be blocked.

Rules: nothing is delivered within the call that sends it; what a blocked path swallows is gone. Unlike a real network a
block is noticed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import PAYLOAD_LIMIT_BYTES, TransportError


class Ether:
    """All that can be reached, and what is blocked. Ends are named `<site>/<node>`, hubs by their own name."""

    def __init__(self) -> None:
        self.fabrics: dict[tuple[str, NodeId], MemoryFabric] = {}
        self.hubs: dict[str, MemoryHub] = {}
        self.uplinks: set[MemoryUplink] = set()
        self._blocked: set[frozenset[str]] = set()

    def block(self, one: str, other: str) -> None:
        """Swallow everything between two ends."""
        self._blocked.add(frozenset((one, other)))
        self.settle()

    def unblock(self, one: str, other: str) -> None:
        """Let it through again."""
        self._blocked.discard(frozenset((one, other)))
        self.settle()

    def passes(self, one: str, other: str) -> bool:
        """Whether two ends reach each other."""
        return frozenset((one, other)) not in self._blocked

    def settle(self) -> None:
        """Have everybody see what can be seen now."""
        for fabric in list(self.fabrics.values()):
            fabric.look()
        for uplink in list(self.uplinks):
            uplink.look()


class MemoryFabric:
    """A `ports.transport.Fabric`."""

    def __init__(self, ether: Ether, *, site: str, node: NodeId) -> None:
        self._ether = ether
        self.site = site
        self.node = node
        self.end = f"{site}/{node}"
        self.lost = 0
        self._message: Callable[[bytes], None] = lambda payload: None
        self._presence: Callable[[NodeId, bool], None] = lambda node, present: None
        self._seen: set[NodeId] = set()
        self._open = False

    def on_message(self, handler: Callable[[bytes], None]) -> None:
        """See `Fabric`."""
        self._message = handler

    def on_presence(self, handler: Callable[[NodeId, bool], None]) -> None:
        """See `Fabric`."""
        self._presence = handler

    def on_silence(self, ask: Callable[[], Collection[NodeId]]) -> None:
        """See `Fabric`. No path carries tokens alone."""

    def on_broken_off(self, handler: Callable[[str], None]) -> None:
        """See `Fabric`. Nothing ever is: a path that is not blocked carries everything."""

    async def open(self) -> None:
        """See `Fabric`."""
        if (self.site, self.node) in self._ether.fabrics:
            raise TransportError(f"{self.end}: its place is taken; stop who has it")
        self._ether.fabrics[self.site, self.node] = self
        self._open = True
        self._ether.settle()

    def send(self, to: NodeId | None, payload: bytes) -> None:
        """See `Fabric`."""
        if not self._open or len(payload) > PAYLOAD_LIMIT_BYTES:
            self.lost += 1
            return
        loop = asyncio.get_running_loop()
        for other in self._others():
            if to is None or other.node == to:
                loop.call_soon(other.arrive, payload)

    async def close(self) -> None:
        """See `Fabric`."""
        if self._open:
            self._open = False
            self._seen.clear()
            del self._ether.fabrics[self.site, self.node]
            self._ether.settle()

    def arrive(self, payload: bytes) -> None:
        """Take what another one sent."""
        if self._open:
            self._message(payload)

    def look(self) -> None:
        """Compare who is there with who was there."""
        seen = {other.node for other in self._others()}
        loop = asyncio.get_running_loop()
        for node in sorted(seen ^ self._seen):
            loop.call_soon(self._presence, node, node in seen)
        self._seen = seen

    def _others(self) -> list[MemoryFabric]:
        return [
            other
            for other in self._ether.fabrics.values()
            if other is not self and other.site == self.site and self._ether.passes(self.end, other.end)
        ]


class MemoryUplink:
    """A `ports.transport.Uplink` to the hub called `manager`."""

    def __init__(self, ether: Ether, *, site: str, node: NodeId, manager: str) -> None:
        self._ether = ether
        self.site = site
        self.node = node
        self.manager = manager
        self.end = f"{site}/{node}"
        self.lost = 0
        self._message: Callable[[bytes], None] = lambda payload: None
        self._changed: Callable[[bool], None] = lambda up: None
        self._up = False

    def on_message(self, handler: Callable[[bytes], None]) -> None:
        """See `Uplink`."""
        self._message = handler

    def on_session(self, handler: Callable[[bool], None]) -> None:
        """See `Uplink`."""
        self._changed = handler

    async def open(self) -> None:
        """See `Uplink`."""
        self._ether.uplinks.add(self)
        self.look()

    def send(self, payload: bytes) -> None:
        """See `Uplink`."""
        hub = self._hub()
        if hub is None or len(payload) > PAYLOAD_LIMIT_BYTES:
            self.lost += 1
        else:
            asyncio.get_running_loop().call_soon(hub.arrive, self.site, self.node, payload)

    async def close(self) -> None:
        """See `Uplink`."""
        self._ether.uplinks.discard(self)
        self.look()

    def arrive(self, payload: bytes) -> None:
        """Take what the manager sent."""
        if self._up:
            self._message(payload)

    def look(self) -> None:
        """See whether there is a session now."""
        up = self._hub() is not None
        if up != self._up:
            self._up = up
            asyncio.get_running_loop().call_soon(self._changed, up)

    def _hub(self) -> MemoryHub | None:
        hub = self._ether.hubs.get(self.manager)
        wanted = self in self._ether.uplinks and hub is not None and self._ether.passes(self.end, self.manager)
        return hub if wanted and hub is not None and self.site in hub.sites else None


class MemoryHub:
    """A `ports.transport.Hub`."""

    def __init__(self, ether: Ether, *, name: str, sites: Collection[str] = ()) -> None:
        self._ether = ether
        self._name = name
        self.sites = frozenset(sites)
        self.lost = 0
        self._message: Callable[[str, NodeId, bytes], None] = lambda site, node, payload: None

    def on_message(self, handler: Callable[[str, NodeId, bytes], None]) -> None:
        """See `Hub`."""
        self._message = handler

    async def admit(self, sites: Collection[str]) -> None:
        """See `Hub`."""
        self.sites = frozenset(sites)
        self._ether.settle()

    async def open(self) -> None:
        """See `Hub`."""
        if self._name in self._ether.hubs:
            raise TransportError(f"{self._name}: its place is taken; stop who has it")
        self._ether.hubs[self._name] = self
        self._ether.settle()

    def send(self, site: str, node: NodeId, payload: bytes) -> None:
        """See `Hub`."""
        if self._ether.hubs.get(self._name) is not self or len(payload) > PAYLOAD_LIMIT_BYTES:
            self.lost += 1
            return
        for uplink in self._ether.uplinks:
            if (uplink.site, uplink.node, uplink.manager) == (site, node, self._name):
                asyncio.get_running_loop().call_soon(uplink.arrive, payload)

    def arrive(self, site: str, node: NodeId, payload: bytes) -> None:
        """Take what a node sent."""
        if self._ether.hubs.get(self._name) is self:
            self._message(site, node, payload)

    async def close(self) -> None:
        """See `Hub`."""
        if self._ether.hubs.get(self._name) is self:
            del self._ether.hubs[self._name]
            self._ether.settle()
