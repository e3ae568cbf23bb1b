"""Two agents of one name, as when a machine's folder was copied to another: one of them has to end.

Both hold the same key, so nobody else can tell them apart: what they say alternates, and a site cannot settle. Only the
fabric sees that there are two processes. Whoever came later ends; of two that ran in separate parts, whichever looks
first. A token that an earlier run of this very agent left behind is gone after a lease, and ends nobody.
"""

from __future__ import annotations

import asyncio

from skerry.shell import clock, entropy

LEASES = 4
"""So long another agent of this name has to be there before it is believed."""
STEPS = 64


class TwinError(Exception):
    """Another agent of this name is at the site; says what to do."""


class Twin:
    """Whether there is another agent of this name."""

    def __init__(self, site: str, node: str, lease_ms: int) -> None:
        """`lease_ms`: of the fabric."""
        self._who = f"node {node!r} of site {site!r}"
        self._patience_ms = LEASES * lease_ms
        self._opened_ms = clock.boot_ms()
        self._there = asyncio.Event()

    def seen(self, present: bool) -> None:
        """A token of this node's name that is not this agent's own has come or gone."""
        if present:
            self._there.set()
        else:
            self._there.clear()

    async def watch(self) -> None:
        """Wait for one that stays. Raises `TwinError`."""
        while True:
            await self._there.wait()
            came_later = clock.boot_ms() - self._opened_ms < self._patience_ms
            # One that was here before waits longer, and not as long as another that was, too.
            longer_ms = 0 if came_later else self._patience_ms * (2 * STEPS + entropy.draw() % STEPS) // STEPS
            await asyncio.sleep((self._patience_ms + longer_ms) / 1000)
            if self._there.is_set():
                raise TwinError(
                    f"{self._who}: another agent says that it is this node, so this one ends; was its folder copied "
                    "from there? Each machine joins by itself, under a name of its own: skerry agent join"
                )
