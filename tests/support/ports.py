"""Ports for the servers of tests."""

from __future__ import annotations

import os
import socket
from itertools import cycle, islice

EACH = 400
FIRST = 3_000
"""Below all that the system gives to clients: of those, one found free could be some other test's client's by the time
that it is listened on. Labs and their workloads have ports above these."""


def _own() -> range:
    """Of this process: tests that run side by side have different ones."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
    return range(FIRST + worker * EACH, FIRST + (worker + 1) * EACH)


_ports = cycle(_own())


def free_port() -> int:
    """One of the loopback device on which nobody listens; the one that was given longest ago."""
    for port in islice(_ports, EACH):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"somebody listens on each of {_own()}")
