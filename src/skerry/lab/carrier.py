"""Carries frames between two network devices, each a while later: a long cable, where the kernel has no netem.

    python carrier.py NEAR FAR MILLISECONDS

Both ways, in order, nothing lost and nothing changed: frames come and go with what the kernel knows of their unfinished
checksums and their segments (`PACKET_VNET_HDR`). Standard library alone, and no import of Skerry: it is part of the
surroundings and not of the product.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
from collections import deque

FRAME_BYTES_MAX = 10 + 18 + 65_536
"""With segments joined, and the kernel's word in front."""
QUEUE_MAX = 10_000
"""Frames on the way in one direction; what comes beyond it is lost, as in any cable."""
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
ETH_P_ALL = 3


def _opened(device: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    opened.bind((device, ETH_P_ALL))
    opened.setblocking(False)
    return opened


def _now_ms() -> float:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6


def main(near: str, far: str, delay_ms: float) -> None:
    """Carry until ended."""
    ends = (_opened(near), _opened(far))
    ways: list[tuple[socket.socket, deque[tuple[float, bytes]]]] = [(ends[1], deque()), (ends[0], deque())]
    while True:
        due_ms = min((waiting[0][0] for _, waiting in ways if waiting), default=_now_ms() + 1_000)
        ready, _, _ = select.select(ends, [], [], max(0.0, due_ms - _now_ms()) / 1_000)
        for end in ready:
            waiting = ways[ends.index(end)][1]
            with contextlib.suppress(OSError):  # empty now, or the cable is out
                while frame := end.recv(FRAME_BYTES_MAX):
                    if len(waiting) < QUEUE_MAX:
                        waiting.append((_now_ms() + delay_ms, frame))
        for to, waiting in ways:
            while waiting and waiting[0][0] <= _now_ms():
                with contextlib.suppress(OSError):  # its cable is out: the frame is lost
                    to.send(waiting.popleft()[1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
