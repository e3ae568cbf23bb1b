"""The sockets under a session, for what the library has no setting or call for."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator


def own_sockets() -> Iterator[socket.socket]:
    """Each socket of this process, as a copy that is closed after its turn: nobody else's file is touched if one is
    closed meanwhile and its number used again."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            copy = os.dup(int(name))
        except OSError:
            continue  # closed since it was listed
        try:
            own = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)  # the number belongs to something else by now that is no socket
            continue
        with own:
            yield own
