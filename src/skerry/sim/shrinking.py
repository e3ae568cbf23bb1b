"""From a world that fails to a smaller one that fails by the same property: shorter, fewer faults, fewer nodes.

A smaller world is the same seed under a tighter `Shape`, so that it can be run again from the command line. Each step
is tried by running it: a smaller world is another world, and may hold. What is found is the smallest that was met
within the time, and no claim that there is none smaller (delta debugging: Zeller, Hildebrandt 2002).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from skerry.sim.book import Book
from skerry.sim.options import WITHOUT, Options, Shape
from skerry.sim.runner import Verdict, run_world


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """The smallest world that still failed."""

    shape: Shape
    verdict: Verdict
    worlds: int
    """That were tried until it was found."""


def shrink(drawn: Options, book: Book, shape: Shape, failed: Verdict, within_s: float) -> Shrunk:
    """Try smaller worlds than the drawn one under this shape, one change after the other, until none helps or the time
    is over; the world under way then is still run to its end."""
    until = time.perf_counter() + within_s
    found = Shrunk(shape=shape, verdict=failed, worlds=0)
    tried = [shape.of(drawn)]
    while True:
        smaller = next((s for s in _smaller(found) if s.of(drawn) not in tried), None)
        if smaller is None or time.perf_counter() >= until:
            return found
        world = smaller.of(drawn)
        tried.append(world)
        verdict = run_world(world, book)
        if verdict.property_id == failed.property_id:
            found = Shrunk(shape=smaller, verdict=verdict, worlds=len(tried) - 1)


def _smaller(found: Shrunk) -> Iterator[Shape]:
    """One change each; those first that save most."""
    yield from _shorter(found)
    yield from _fewer_nodes(found)
    yield from _fewer_faults(found)
    yield from (
        replace(found.shape, without=(*found.shape.without, name))
        for name in WITHOUT
        if name not in found.shape.without
    )


def _shorter(found: Shrunk) -> Iterator[Shape]:
    """It ends with the second in which it fails; one that fails after the healing is healed after half of the time."""
    last_ms = -(-found.verdict.virtual_ms // 1_000) * 1_000
    safety_ms = found.verdict.safety_ms
    if last_ms < safety_ms:
        yield replace(found.shape, safety_ms=last_ms)
    elif safety_ms > 1_000:
        yield replace(found.shape, safety_ms=safety_ms // 2_000 * 1_000)
        yield replace(found.shape, safety_ms=safety_ms - 1_000)


def _fewer_faults(found: Shrunk) -> Iterator[Shape]:
    """Without all, without each half, each quarter, and so on."""
    present = [fault.number for fault in found.verdict.faults]
    size = len(present)
    while size:
        for start in range(0, len(present), size):
            left = frozenset(present[:start] + present[start + size :])
            yield replace(found.shape, only_faults=left)
        size //= 2


def _fewer_nodes(found: Shrunk) -> Iterator[Shape]:
    yield from (replace(found.shape, nodes=nodes) for nodes in range(1, found.verdict.nodes))
