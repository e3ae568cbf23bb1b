"""Links that are up, and over which nothing is known of the far end.

Where a handshake outlasts its time, because twenty agents start on two processors, or where two sessions dial each
other at once, the library now and then ends up with a link whose one end never learns what the other has declared:
its token, its subscriptions, or both, so the deaf end sends it nothing (docs/decisions/0016, 0029). That never heals by
itself; keep-alives go on. Every member declares a token with its session's number, and subscribes to what is sent to
it: a link to a session of which either is not known here can be told, and is broken off; whoever dialed dials again.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Collection
from contextlib import suppress

import zenoh

from skerry.adapters.zenoh.sockets import own_sockets

LOOK_EVERY_S = 5.0
PATIENCE_S = 10.0
"""After a link is first seen; twice as long each time that a session is dialed anew. A machine that is out of breath is
not to be kept busy with handshakes."""
PATIENCE_LONGEST_S = 40.0

Address = tuple[str, int]


class DeafLinks:
    """Watches the links of one session, every few seconds, on the loop's own thread."""

    def __init__(
        self,
        session: zenoh.Session,
        tokens: Callable[[], Collection[str]],
        unreached: Callable[[], Collection[str]],
    ) -> None:
        """`tokens`: the numbers that the tokens of other sessions bear. `unreached`: of those the ones whose
        subscriptions are not known here."""
        self._session = session
        self._tokens = tokens
        self._unreached = unreached
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(LOOK_EVERY_S, self._look)
        self._deaf_since_s: dict[str, float] = {}
        self._patience_s: dict[str, float] = {}
        self.broken_off = 0
        """Links, so far."""

    def close(self) -> None:
        """Look no more."""
        self._next.cancel()

    def _look(self) -> None:
        self._next = self._loop.call_later(LOOK_EVERY_S, self._look)
        for link in self._overdue(self._session.info.links(), self._loop.time()):
            self.broken_off += break_off(link)

    def _overdue(self, links: list[zenoh.Link], now_s: float) -> list[zenoh.Link]:
        """Of each session that has been deaf for too long its links. A token that fits no session is of an older
        version, which names them otherwise: while there is one, it could be anybody's."""
        linked, tokens = {str(link.zid) for link in links}, set(self._tokens())
        deaf = (linked - tokens if tokens <= linked else set()) | (linked & set(self._unreached()))
        self._deaf_since_s = {number: self._deaf_since_s.get(number, now_s) for number in deaf}
        self._patience_s = {
            number: s for number, s in self._patience_s.items() if number in deaf or number not in linked
        }
        overdue = {n for n, since_s in self._deaf_since_s.items() if now_s - since_s >= self._patience(n)}
        for number in overdue:
            self._patience_s[number] = min(2 * self._patience(number), PATIENCE_LONGEST_S)
            del self._deaf_since_s[number]
        return [link for link in links if str(link.zid) in overdue]

    def _patience(self, number: str) -> float:
        return self._patience_s.get(number, PATIENCE_S)


def break_off(link: zenoh.Link) -> bool:
    """End the connection under a link, as if the far end had; False if it is gone already."""
    ends = (_address(link.src), _address(link.dst))
    for own in own_sockets():
        with suppress(OSError, ValueError):  # closed meanwhile, connected to nobody, or of another family
            if (_of(own.getsockname()), _of(own.getpeername())) == ends:
                own.shutdown(socket.SHUT_RDWR)
                return True
    return False


def _address(endpoint: str) -> Address:
    """Of `tls/192.0.2.7:7447` or `tls/[2001:db8::7]:7447`."""
    host, _, port = endpoint.partition("/")[2].partition("#")[0].partition("?")[0].rpartition(":")
    return _of((host.strip("[]"), int(port)))


def _of(address: object) -> Address:
    """With the host in one spelling. Raises ValueError for what is no address of the internet."""
    if not isinstance(address, tuple) or len(address) < 2:
        raise ValueError(address)
    return str(ipaddress.ip_address(address[0].partition("%")[0])), int(address[1])
