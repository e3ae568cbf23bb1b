"""The site's own network: one peer session of one node, and who else is there.

Rules: presence is the liveliness token of a process; a token that is missing is believed at once, one that is there
proves nothing (C1). What cannot be sent at once is lost and counted (C2: no step hangs on a single message). What goes
to one and what goes to all arrives by two threads, and the one may overtake the other. A silent fault (link down, far
process stopped) shows as absence within a lease.
Still ugly: where two sessions dial each other at once, by lists or by scouting besides, a second link stands idle with
keep-alives of its own, and now and then one end knows nothing of what the other declares. So joining makes lists in
which only the later one dials, and scouting stays off (docs/decisions/0016). What is deaf all the same is broken off,
to be dialed anew (`deaf`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import zenoh

from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.zenoh import config, keys
from skerry.adapters.zenoh.closing import close_at_once
from skerry.adapters.zenoh.deaf import DeafLinks, incarnation_of
from skerry.adapters.zenoh.handover import Handover
from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import PAYLOAD_LIMIT_BYTES

SETUP_SHORTEST_MS = 3000
"""Who gives a handshake up that the other end has finished already, and dials again, may meet what is left of it."""


class ZenohFabric:
    """A `ports.transport.Fabric`."""

    def __init__(
        self,
        *,
        site: str,
        node: NodeId,
        listen: Sequence[str],
        peers: Sequence[str],
        tls: TlsFiles,
        multicast: str | None = None,
        gossip: bool = True,
        lease_ms: int = 1000,
        keep_alives: int = config.KEEP_ALIVES,
    ) -> None:
        """`listen`, `peers`: endpoints as `tls/<host>:<port>`. `multicast`: a device's name to find further peers on.
        `gossip`: whether peers tell of further ones.
        Raises `TransportError` on a name that cannot stand in a key."""
        self._site = keys.named(site, "site")
        self._node = NodeId(keys.named(node, "node"))
        self._link = config.Link(
            mode="peer",
            tls=tls,
            listen=tuple(listen),
            connect=tuple(peers),
            lease_ms=lease_ms,
            keep_alives=keep_alives,
            setup_within_ms=max(lease_ms, SETUP_SHORTEST_MS),
            multicast=multicast,
            gossip=gossip,
        )
        self._message: Callable[[bytes], None] = lambda payload: None
        self._presence: Callable[[NodeId, bool], None] = lambda node, present: None
        self._silence: Callable[[], Collection[NodeId]] = lambda: ()
        self._broken_off: Callable[[str], None] = lambda end: None
        self._present: dict[NodeId, set[str]] = {}
        self._incarnation = ""
        """Of this session, as its token names it."""
        self._deaf: DeafLinks | None = None
        self._session: zenoh.Session | None = None
        self._publishers: dict[NodeId | None, zenoh.Publisher] = {}
        self._held: list[object] = []
        self._handover: Handover | None = None
        self._lost = 0

    @property
    def lost(self) -> int:
        """Messages that this end could not send, or could not take in time."""
        return self._lost + (self._handover.dropped if self._handover is not None else 0)

    def on_message(self, handler: Callable[[bytes], None]) -> None:
        """See `Fabric`."""
        self._message = handler

    def on_presence(self, handler: Callable[[NodeId, bool], None]) -> None:
        """See `Fabric`."""
        self._presence = handler

    def on_silence(self, ask: Callable[[], Collection[NodeId]]) -> None:
        """See `Fabric`."""
        self._silence = ask

    def on_broken_off(self, handler: Callable[[str], None]) -> None:
        """See `Fabric`."""
        self._broken_off = handler

    async def open(self) -> None:
        """Join. Returns without waiting for anybody. Raises `TransportError`."""
        config.check(self._link)
        settings = config.settings(self._link, keys.fabric_access(self._site))
        self._handover = Handover(lambda key, payload: self._message(payload), self._token)
        try:
            self._session = await asyncio.to_thread(zenoh.open, settings)
            self._incarnation = incarnation_of(str(self._session.info.zid()))
            self._held = self._declare(self._session, self._handover)
            self._deaf = DeafLinks(self._session, self._incarnations, self._silent, self._ended)
        except zenoh.ZError as error:
            await self.close()
            raise config.not_opened(self._link, f"join site {self._site}", error) from error

    def _declare(self, session: zenoh.Session, handover: Handover) -> list[object]:
        def arrived(sample: zenoh.Sample) -> None:
            handover.message("", sample.payload.to_bytes())

        def token(sample: zenoh.Sample) -> None:
            handover.fact(str(sample.key_expr), sample.kind == zenoh.SampleKind.PUT)

        remote = zenoh.Locality.REMOTE
        liveliness = session.liveliness()
        return [
            close_at_once(session),
            session.declare_subscriber(keys.to_node(self._site, self._node), arrived, allowed_origin=remote),
            session.declare_subscriber(keys.to_all(self._site), arrived, allowed_origin=remote),
            liveliness.declare_subscriber(keys.alive(self._site, "*", "*"), token, history=True),
            # Last, so that who sees the token can already be heard.
            liveliness.declare_token(keys.alive(self._site, self._node, self._incarnation)),
        ]

    def _incarnations(self) -> list[str]:
        return [one for incarnations in self._present.values() for one in incarnations]

    def _silent(self) -> list[str]:
        """Of the incarnations those of whose node nothing is heard."""
        return [one for node in self._silence() for one in self._present.get(node, ())]

    def _ended(self, number: str, address: str) -> None:
        """A link of a deaf session: say whose it was, as far as its token is known here."""
        nodes = [node for node, incarnations in self._present.items() if incarnation_of(number) in incarnations]
        self._broken_off(next(iter(nodes), address))

    def _token(self, key: str, present: bool) -> None:
        node, _, incarnation = key.removeprefix(keys.alive(self._site, "", "")[:-1]).partition("/")
        if (node, incarnation) == (self._node, self._incarnation):
            return
        incarnations = self._present.setdefault(NodeId(node), set())
        before = bool(incarnations)
        if present:
            incarnations.add(incarnation)
        else:
            incarnations.discard(incarnation)
        if not incarnations:
            del self._present[NodeId(node)]
        if before != bool(incarnations):
            self._presence(NodeId(node), not before)

    def send(self, to: NodeId | None, payload: bytes) -> None:
        """Send, or lose and count it. See `Fabric`."""
        if self._session is None or len(payload) > PAYLOAD_LIMIT_BYTES:
            self._lost += 1
            return
        try:
            self._publisher(self._session, to).put(payload)
        except zenoh.ZError:
            self._lost += 1

    def _publisher(self, session: zenoh.Session, to: NodeId | None) -> zenoh.Publisher:
        """A publisher's key travels once, and as a number from then on."""
        if to not in self._publishers:
            self._publishers[to] = session.declare_publisher(
                keys.to_all(self._site) if to is None else keys.to_node(self._site, to),
                congestion_control=zenoh.CongestionControl.DROP,
                express=True,
                allowed_destination=zenoh.Locality.REMOTE,
            )
        return self._publishers[to]

    async def close(self) -> None:
        """Leave; the others see the token go at once."""
        session, self._session = self._session, None
        if self._deaf is not None:
            self._deaf.close()
            self._deaf = None
        if self._handover is not None:
            self._lost += self._handover.dropped
            self._handover.close()
            self._handover = None
        self._held.clear()
        self._publishers.clear()
        self._present.clear()
        if session is not None:
            with suppress(zenoh.ZError):  # already closed: nothing is left to leave
                await asyncio.to_thread(session.close)
