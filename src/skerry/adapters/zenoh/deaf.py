"""Links that are up, and over which one end hears nothing.

Where a handshake outlasts its time, because twenty agents start on two processors, or where two sessions dial each
other at once, the library now and then ends up with a link whose one end does not send what the other subscribes to,
or never learns its token (docs/decisions/0016, 0029). That never heals by itself; keep-alives go on. Every member
declares a token with its session's number, and speaks: a link to a session of which no token is known here, or whose
token is, and whose node is not heard, can be told, and is broken off; whoever dialed dials again.
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
"""After a link is first seen to be deaf; twice as long each time that it was broken off shortly before. A machine
that is out of breath is not to be kept busy with handshakes."""
PATIENCE_LONGEST_S = 40.0
REMEMBERED_FOR_S = 2 * PATIENCE_LONGEST_S

Address = tuple[str, int]

_MARK = "s"
"""No hexadecimal digit, as older versions' are."""


def incarnation_of(number: str) -> str:
    """What a session's token says of it: a mark that no older version's has, and its number."""
    return _MARK + number


def number_in(incarnation: str) -> str | None:
    """Of which session that is; None if an older version said it."""
    return incarnation.removeprefix(_MARK) if incarnation.startswith(_MARK) else None


class DeafLinks:
    """Watches the links of one session, every few seconds, on the loop's own thread."""

    def __init__(
        self,
        session: zenoh.Session,
        tokens: Callable[[], Collection[str]],
        silent: Callable[[], Collection[str]],
        broken_off: Callable[[str, str], None],
    ) -> None:
        """`tokens`: what the tokens of other sessions say of them, by `number_in`. `silent`: of those the ones whose
        nodes are not heard. `broken_off` is told the number of a link's session, and its far end's address."""
        self._session = session
        self._tokens = tokens
        self._silent = silent
        self._tell = broken_off
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(LOOK_EVERY_S, self._look)
        self._deaf_since_s: dict[str, float] = {}
        self._broken_off: dict[str, tuple[float, float]] = {}
        """To each session's number when that was, and how long it is waited for next time."""

    def close(self) -> None:
        """Look no more."""
        self._next.cancel()

    def _look(self) -> None:
        self._next = self._loop.call_later(LOOK_EVERY_S, self._look)
        for link in self._overdue(self._session.info.links(), self._loop.time()):
            if break_off(link):
                self._tell(str(link.zid), link.dst)

    def _overdue(self, links: list[zenoh.Link], now_s: float) -> list[zenoh.Link]:
        """Of each session that has been deaf for too long its links. A token without a number is of an older version:
        while there is one, it could be anybody's."""
        linked, numbers = {str(link.zid) for link in links}, {number_in(token) for token in self._tokens()}
        deaf = linked & {number_in(token) for token in self._silent()}
        if None not in numbers:
            deaf |= {number for number in linked if number not in numbers}
        self._broken_off = {n: one for n, one in self._broken_off.items() if now_s - one[0] < REMEMBERED_FOR_S}
        self._deaf_since_s = {number: self._deaf_since_s.get(number, now_s) for number in deaf}
        overdue = {n for n, since_s in self._deaf_since_s.items() if now_s - since_s >= self._patience_s(n)}
        for number in overdue:
            self._broken_off[number] = (now_s, min(2 * self._patience_s(number), PATIENCE_LONGEST_S))
            del self._deaf_since_s[number]
        return [link for link in links if str(link.zid) in overdue]

    def _patience_s(self, number: str) -> float:
        return self._broken_off.get(number, (0.0, PATIENCE_S))[1]


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
