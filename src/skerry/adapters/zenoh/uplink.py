"""A node's session with one manager: opened for as long as it is wanted, tried for ever.

Rules: the session goes to the given endpoint and nowhere else. It is up when the manager's token is there. It is
given up, and tried anew, when the token goes, or when the manager said nothing for `lease_ms` after something was
said to it: so an idle uplink costs next to nothing, and a link that swallows everything is noticed by who has
something to say. None of that starts anything in the site (M2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import zenoh

from skerry.adapters.keys.tls import TlsFiles
from skerry.adapters.zenoh import config, keys
from skerry.adapters.zenoh.closing import close_at_once
from skerry.adapters.zenoh.handover import Handover
from skerry.core.kernel.ids import NodeId
from skerry.ports.transport import PAYLOAD_LIMIT_BYTES

KEEP_ALIVES = 2
IDLE_LEASE_MS = 60_000
"""Of the session below; only the far end's memory of a vanished node hangs on it."""
ATTEMPT_SHORTEST_MS = 1000
ATTEMPT_LONGEST_MS = 10_000
PAUSE_FIRST_MS = 100


class ZenohUplink:
    """A `ports.transport.Uplink`."""

    def __init__(
        self,
        *,
        site: str,
        node: NodeId,
        manager: str,
        tls: TlsFiles,
        lease_ms: int,
        idle_lease_ms: int = IDLE_LEASE_MS,
    ) -> None:
        """`manager`: its endpoint, `tls/<host>:<port>`. `lease_ms`: how long it may leave us without an answer, half
        the grace or so. Raises `TransportError` on a name, endpoint or file that cannot be used."""
        self._site = keys.named(site, "site")
        self._node = NodeId(keys.named(node, "node"))
        self._silence_s = lease_ms / 1000
        attempt_ms = min(max(lease_ms, ATTEMPT_SHORTEST_MS), ATTEMPT_LONGEST_MS)
        self._pause_longest_s = attempt_ms / 2000
        self._link = config.Link(
            mode="client",
            tls=tls,
            connect=(manager,),
            lease_ms=max(idle_lease_ms, lease_ms),
            keep_alives=KEEP_ALIVES,
            setup_within_ms=attempt_ms,
            once=True,
        )
        config.check(self._link)
        self._message: Callable[[bytes], None] = lambda payload: None
        self._changed: Callable[[bool], None] = lambda up: None
        self._publisher: zenoh.Publisher | None = None
        self._up = False
        self._turn = asyncio.Event()
        self._asked_at_s: float | None = None
        self._trying: asyncio.Task[None] | None = None
        self._wanted = False
        self.lost = 0
        """Messages that could not be sent, or could not be taken in time."""
        self.trouble = ""
        """Why the last attempt or session failed, for people."""

    def on_message(self, handler: Callable[[bytes], None]) -> None:
        """See `Uplink`."""
        self._message = handler

    def on_session(self, handler: Callable[[bool], None]) -> None:
        """See `Uplink`."""
        self._changed = handler

    async def open(self) -> None:
        """Start trying. See `Uplink`."""
        if self._trying is None:
            self._wanted = True
            self._trying = asyncio.get_running_loop().create_task(self._for_ever(), name="uplink")
            self._trying.add_done_callback(_ended)

    def send(self, payload: bytes) -> None:
        """Send, or lose and count it. See `Uplink`."""
        if self._publisher is None or not self._up or len(payload) > PAYLOAD_LIMIT_BYTES:
            self.lost += 1
            return
        try:
            self._publisher.put(payload)
        except zenoh.ZError:
            self.lost += 1
            return
        if self._asked_at_s is None:
            self._asked_at_s = self._now_s()
            self._turn.set()

    async def close(self) -> None:
        """End session and trying; an attempt under way is waited for, which has its own limit."""
        trying, self._trying = self._trying, None
        if trying is not None:
            self._wanted = False
            self._turn.set()
            await asyncio.wait({trying})

    async def _for_ever(self) -> None:
        pause_s = PAUSE_FIRST_MS / 1000
        while self._wanted:
            try:
                session = await asyncio.to_thread(zenoh.open, config.settings(self._link))
            except zenoh.ZError as error:
                self.trouble = config.reason(error)
                was_up = False
            else:
                was_up = await self._hold(session)
            pause_s = PAUSE_FIRST_MS / 1000 if was_up else min(2 * pause_s, self._pause_longest_s)
            await self._wait(pause_s)

    async def _hold(self, session: zenoh.Session) -> bool:
        """Use a session for as long as it is good, then close it. Returns whether it ever was up."""
        handover = Handover(lambda key, payload: self._heard(payload), lambda key, there: self._set_up(there))
        self._asked_at_s = self._now_s()
        was_up = False
        try:
            held = self._declare(session, handover)
            while self._wanted and (self._up or not was_up) and not self._unanswered():
                await self._wait(self._patience_s())
                was_up = was_up or self._up
            held.clear()
        except zenoh.ZError as error:  # it ended while it was being set up: as good as never opened
            self.trouble = config.reason(error)
        finally:
            self._publisher = None
            self.lost += handover.dropped
            handover.close()
            self._set_up(False)
            with suppress(zenoh.ZError):  # already closed by the far end
                await asyncio.to_thread(session.close)
        return was_up

    def _patience_s(self) -> float | None:
        """How much longer the manager may be silent; None: it owes no answer."""
        return None if self._asked_at_s is None else self._asked_at_s + self._silence_s - self._now_s()

    def _unanswered(self) -> bool:
        patience_s = self._patience_s()
        if patience_s is None or patience_s > 0:
            return False
        self.trouble = f"nothing heard from the manager for {self._silence_s:g} s"
        return True

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()

    def _declare(self, session: zenoh.Session, handover: Handover) -> list[object]:
        def arrived(sample: zenoh.Sample) -> None:
            handover.message("", sample.payload.to_bytes())

        def token(sample: zenoh.Sample) -> None:
            handover.fact("", sample.kind == zenoh.SampleKind.PUT)

        # A publisher's key travels once, as a number from then on: 19 of 158 bytes of a message without content.
        self._publisher = session.declare_publisher(
            keys.up(self._site, self._node), congestion_control=zenoh.CongestionControl.DROP, express=True
        )
        return [
            close_at_once(session),
            self._publisher,
            session.declare_subscriber(keys.down(self._site, self._node), arrived),
            session.liveliness().declare_subscriber(keys.manager(self._site), token, history=True),
        ]

    def _heard(self, payload: bytes) -> None:
        self._asked_at_s = None
        self._message(payload)

    def _set_up(self, up: bool) -> None:
        if up != self._up:
            self._up = up
            self._asked_at_s = None
            self._turn.set()
            self._changed(up)

    async def _wait(self, longest_s: float | None) -> None:
        """Until something happens, or that long. What happened before the call counts."""
        with suppress(TimeoutError):  # that nothing happened is an answer too
            await asyncio.wait_for(self._turn.wait(), longest_s)
        self._turn.clear()


def _ended(trying: asyncio.Task[None]) -> None:
    """Say aloud that trying for ever came to an end by a defect, such as a handler that raised."""
    error = None if trying.cancelled() else trying.exception()
    if error is not None:
        trying.get_loop().call_exception_handler({"message": "the uplink stopped trying", "exception": error})
