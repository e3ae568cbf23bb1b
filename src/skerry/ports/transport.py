"""How processes talk: a fabric inside the site, and one uplink session to each manager.

Contract (suite `tests/contracts/transport`): messages may be lost, repeated, reordered and late, never altered in a
way that `payload` would not show. Callbacks arrive on the event loop's own thread. Every queue is bounded: what
overflows is lost and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from skerry.core.kernel.ids import NodeId

PAYLOAD_LIMIT_BYTES = 4 * 1024 * 1024
"""The largest payload of one message; a larger one is lost and counted, so long things travel in parts."""


class Fabric(Protocol):
    """The site's own network: one session of one node."""

    def on_message(self, handler: Callable[[bytes], None]) -> None:
        """Call `handler(payload)` for each payload that reaches this node."""
        ...

    def on_presence(self, handler: Callable[[NodeId, bool], None]) -> None:
        """Call `handler(node, present)` when a node's token appears or disappears; for this node itself if
        another process has its name."""
        ...

    def on_silence(self, ask: Callable[[], Collection[NodeId]]) -> None:
        """`ask()` says of whom nothing has been heard for long. If one's token is there all the same, the link to it
        carries nothing, and may be set up anew."""
        ...

    def on_broken_off(self, handler: Callable[[str], None]) -> None:
        """Call `handler(end)` when a link over which one end hears nothing was ended, to be set up anew. `end`: the
        node, or its address while it is not known."""
        ...

    @property
    def lost(self) -> int:
        """Messages that could not be sent, or not be taken in time."""
        ...

    async def open(self) -> None:
        """Join the fabric. Raises `TransportError` (port taken, bad certificate)."""
        ...

    def send(self, to: NodeId | None, payload: bytes) -> None:
        """Send to one node or to all others (None). Never blocks; what cannot be sent is lost."""
        ...

    async def close(self) -> None:
        """Leave, saying goodbye."""
        ...


class Uplink(Protocol):
    """A node's session with one manager. At most one node of a site holds one for long (C2, M2).

    It may count as lost when the manager says nothing for a while after something was said to it, so what is sent here
    is part of a conversation that is answered. On a slow path more than some 256 KiB under way are lost without a
    word: send long things in parts of 64 KiB or less, the next when the one before was acknowledged.
    """

    def on_message(self, handler: Callable[[bytes], None]) -> None:
        """Call `handler(payload)` for what the manager says."""
        ...

    def on_session(self, handler: Callable[[bool], None]) -> None:
        """Call `handler(up)` when the session opens or is lost. A loss starts nothing by itself (M2)."""
        ...

    async def open(self) -> None:
        """Start trying; returns at once. Tries for ever, with growing pauses."""
        ...

    def send(self, payload: bytes) -> None:
        """Send to the manager; lost without a session."""
        ...

    async def close(self) -> None:
        """End the session and the trying."""
        ...


class Hub(Protocol):
    """A manager's end of the uplinks."""

    async def admit(self, sites: Collection[str]) -> None:
        """From now on take part with exactly these sites. A changed list may make all nodes open a new session.
        Raises `TransportError`."""
        ...

    def on_message(self, handler: Callable[[str, NodeId, bytes], None]) -> None:
        """Call `handler(site, node, payload)`."""
        ...

    async def open(self) -> None:
        """Listen. Raises `TransportError`."""
        ...

    def send(self, site: str, node: NodeId, payload: bytes) -> None:
        """Send to one node; lost if it has no session."""
        ...

    @property
    def lost(self) -> int:
        """Messages that could not be sent, or not be taken in time."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


class TransportError(Exception):
    """The fabric could not be opened; says what, where and what to do."""
