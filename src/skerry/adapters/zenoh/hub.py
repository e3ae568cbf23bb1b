"""A manager's end of the uplinks: one router session for all of its sites.

Rules: a node reaches the keys of its own site alone, by its certificate's group; within a site nothing is kept apart
here, since every payload is signed. Zenoh compares groups as a whole and reads its access rules once, hence the list
of sites and a new session when it changes: the nodes are back within a second, which their grace covers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import zenoh

from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.zenoh import config, keys
from skerry.adapters.zenoh.closing import close_at_once
from skerry.adapters.zenoh.handover import Handover
from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import PAYLOAD_LIMIT_BYTES

KEEP_ALIVES = 2
LEASE_MS = 60_000
"""Of the sessions below; nothing hangs on it but when a vanished manager's connection is given up by an idle node."""
SETUP_WITHIN_MS = 10_000


class ZenohHub:
    """A `ports.transport.Hub`."""

    def __init__(
        self, *, listen: Sequence[str], tls: TlsFiles, sites: Collection[str] = (), lease_ms: int = LEASE_MS
    ) -> None:
        """`listen`: endpoints as `tls/<host>:<port>`. `sites`: those whose nodes are let in at first. Raises
        `TransportError` on a name that cannot stand in a key."""
        self._link = config.Link(
            mode="router",
            tls=tls,
            listen=tuple(listen),
            lease_ms=lease_ms,
            keep_alives=KEEP_ALIVES,
            setup_within_ms=SETUP_WITHIN_MS,
        )
        self._sites = _checked(sites)
        self._message: Callable[[str, NodeId, bytes], None] = lambda site, node, payload: None
        self._session: zenoh.Session | None = None
        self._handover: Handover | None = None
        self._publishers: dict[str, zenoh.Publisher] = {}
        self._held: list[object] = []
        self._lost = 0

    @property
    def lost(self) -> int:
        """Messages that this end could not send, or could not take in time."""
        return self._lost + (self._handover.dropped if self._handover is not None else 0)

    def on_message(self, handler: Callable[[str, NodeId, bytes], None]) -> None:
        """See `Hub`."""
        self._message = handler

    async def admit(self, sites: Collection[str]) -> None:
        """Let exactly these sites in. See `Hub`."""
        checked = _checked(sites)
        if checked != self._sites:
            self._sites = checked
            if self._session is not None:
                await self.close()
                await self.open()

    async def open(self) -> None:
        """Listen. Raises `TransportError`."""
        config.check(self._link)
        settings = config.settings(self._link, keys.hub_access(self._sites))
        self._handover = Handover(self._arrived, lambda subject, holds: None)
        try:
            self._session = await asyncio.to_thread(zenoh.open, settings)
            self._held = self._declare(self._session, self._handover)
        except zenoh.ZError as error:
            await self.close()
            raise config.not_opened(self._link, "listen for sites", error) from error

    def _declare(self, session: zenoh.Session, handover: Handover) -> list[object]:
        def arrived(sample: zenoh.Sample) -> None:
            handover.message(str(sample.key_expr), sample.payload.to_bytes())

        held: list[object] = [close_at_once(session)]
        for site in self._sites:
            held.append(session.declare_subscriber(keys.up(site, "*"), arrived))
            held.append(session.liveliness().declare_token(keys.manager(site)))
        return held

    def _arrived(self, key: str, payload: bytes) -> None:
        _, site, _, node = key.split("/")
        if keys.is_name(node):
            self._message(site, NodeId(node), payload)
        else:  # a key may hold a wildcard, which names nobody
            self._lost += 1

    def send(self, site: str, node: NodeId, payload: bytes) -> None:
        """Send, or lose and count it. See `Hub`."""
        if self._session is None or len(payload) > PAYLOAD_LIMIT_BYTES:
            self._lost += 1
            return
        try:
            self._publisher(self._session, keys.down(site, node)).put(payload)
        except zenoh.ZError:
            self._lost += 1

    def _publisher(self, session: zenoh.Session, key: str) -> zenoh.Publisher:
        """A publisher's key travels once, and as a number from then on; one for each member that ever asked."""
        if key not in self._publishers:
            self._publishers[key] = session.declare_publisher(
                key, congestion_control=zenoh.CongestionControl.DROP, express=True
            )
        return self._publishers[key]

    async def close(self) -> None:
        """Stop listening and close all sessions."""
        session, self._session = self._session, None
        if self._handover is not None:
            self._lost += self._handover.dropped
            self._handover.close()
            self._handover = None
        self._held.clear()
        self._publishers.clear()
        if session is not None:
            with suppress(zenoh.ZError):  # already closed: nothing is left to close
                await asyncio.to_thread(session.close)


def _checked(sites: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({keys.named(site, "site") for site in sites}))
