"""A process of the machine's owner: takes memory, and keeps it until it is ended. `python hog.py BYTES`."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Take the memory for real (every page is written to), then wait for a signal."""
    held = bytearray(int(sys.argv[1]))
    held[::4096] = b"\x01" * len(held[::4096])
    sys.stdout.write(f"holding {len(held)} bytes\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
