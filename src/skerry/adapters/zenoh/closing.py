"""Links whose far end fell silent are closed at once.

Zenoh has the kernel hold up each close for as long as ten seconds until what was sent has been confirmed (`SO_LINGER`),
and it closes on the few threads that read all the other links. Where a cable is pulled nothing is ever confirmed: two
lost neighbours are then enough to leave a node deaf to the healthy ones until those ten seconds are over. The library
has no setting for it, so the option is taken back on the sockets themselves, as soon as a link is up. Nothing is lost
by it: the kernel goes on delivering after a close, and no step of ours hangs on a single message (C2).
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

import zenoh

from skerry.adapters.zenoh.sockets import own_sockets

_OFF = struct.pack("ii", 0, 0)


def close_at_once(session: zenoh.Session) -> object:
    """See to it for all links that a session has and will have. What is returned is to be kept as long as the session.
    Raises `zenoh.ZError`."""
    return session.info.declare_link_events_listener(lambda _event: hold_up_no_close(), history=True)


def hold_up_no_close() -> None:
    """Take the option back on every socket of this process; only the library ever sets it."""
    for own in own_sockets():
        with suppress(OSError):  # closed by its owner meanwhile
            if own.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_OFF)) != _OFF:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _OFF)
