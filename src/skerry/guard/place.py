"""Where a guard is found: its folder, its socket, its lock, its clock, and the limits that both ends keep.

The socket is reached through `/proc/self/fd`, since the address of a Unix socket may not be longer than 107 bytes and a
node's folder may be.
"""

from __future__ import annotations

import os
import socket
import time

SOCKET_NAME = "guard.sock"
LOCK_NAME = "guard.lock"
LOG_NAME = "guard.log"

LINE_BYTES_MAX = 256 * 1024
"""Longest request or event: an argument vector and an environment fit with room to spare."""
REPLY_BYTES_MAX = 4 * 1024 * 1024
"""Longest that may wait for one connection; a list of `WORKLOADS_MAX` fits."""
WORKLOADS_MAX = 128
CONNECTIONS_MAX = 16
EXITS_MAX = 64
"""Exits kept for an agent that is not there; older ones are dropped, the list of what runs tells the rest."""
META_BYTES_MAX = 8 * 1024
AGENT_SILENT_MS = 3_500
"""A watching agent that said nothing for so long is hung, and counts as gone (PROTOCOL, Numbers)."""
BUSY_EXIT_CODE = 3
"""The guard's exit code when the folder has a guard already."""


def boot_ms() -> int:
    """Milliseconds since the machine was switched on, suspended time included (T2)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def listen(folder: str) -> socket.socket:
    """Listen in `folder`, for this user alone. Whoever calls holds the folder's lock. Raises `OSError`."""
    where = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        address = f"/proc/self/fd/{where}/{SOCKET_NAME}"
        if os.path.lexists(address):
            os.unlink(address)
        listening.bind(address)
        listening.listen(CONNECTIONS_MAX)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
        os.close(where)
    return listening


def connect(folder: str) -> socket.socket:
    """A blocking connection to the folder's guard. Raises `OSError` if there is no folder or no guard."""
    where = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(5)
        connection.connect(f"/proc/self/fd/{where}/{SOCKET_NAME}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(where)
    return connection
