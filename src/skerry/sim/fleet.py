"""Many sites at once, on one clock: how large this may grow, and how soon each site has its plan.

Each site is a world of its own, calm, with all checkers on; what the sites share is the time and the names of their
home managers. A manager keeps each of its sites apart from the others, here as for real. So several processes can take
a share of the sites each; and within a process each site has its turn for a while at a time, since what one of them
needs next is then still at hand.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import quantiles

from skerry.core.kernel.values import Value
from skerry.sim.book import Book
from skerry.sim.heap import collected_once
from skerry.sim.options import Shape, draw_options
from skerry.sim.runner import LIVENESS_MS, Publisher
from skerry.sim.violation import Violation
from skerry.sim.world import World

LOOK_US = 10_000
TURN_US = 1_000_000
"""All sites of a process come to the same moment before any of them goes on."""
KIB = 1024


class Times(Value, frozen=True, kw_only=True):
    """How long it took, over all that got there."""

    min_ms: int
    median_ms: int
    p95_ms: int
    p99_ms: int
    max_ms: int


class Scale(Value, frozen=True, kw_only=True):
    """What became of a fleet."""

    sites: int
    nodes: int
    """Of all sites together."""
    managers: int
    virtual_ms: int
    steps: int
    real_ms: int
    cpu_ms: int
    """Of all processes together."""
    memory_bytes: int
    """The most that each of the processes ever had, together."""
    planned: int
    """Sites of which all nodes hold one plan, of one leader, that follows every intent."""
    to_one_plan: Times | None
    """From the site's first boot; None if no site got there."""
    violation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much of everything."""

    sites: int
    nodes: int
    """Of each site."""
    managers: int
    """That the sites are spread over; with none, every site has lost its manager before its first boot."""
    seconds: int
    """Of virtual time."""
    first_seed: int = 0


class Share(Value, frozen=True, kw_only=True):
    """What became of those sites that one process had."""

    virtual_ms: int
    steps: int
    cpu_ms: int
    memory_bytes: int
    planned_ms: tuple[int, ...]
    """When each site had its plan that has one."""
    violation: str | None


def run_fleet(extent: Extent, publisher: Publisher, *, jobs: int = 1) -> Scale:
    """All sites, shared out among so many processes."""
    began = time.perf_counter()
    whose = [(extent, range(job, extent.sites, jobs), publisher) for job in range(min(jobs, extent.sites))]
    if jobs == 1:
        shares = [run_share(*one) for one in whose]
    else:
        # Spawned, not forked: a child of a process with threads would inherit their locks.
        with multiprocessing.get_context("spawn").Pool(len(whose)) as pool:
            shares = pool.starmap(run_share, whose, chunksize=1)
    planned_ms = [found_ms for share in shares for found_ms in share.planned_ms]
    return Scale(
        sites=extent.sites,
        nodes=extent.sites * extent.nodes,
        managers=extent.managers,
        virtual_ms=min(share.virtual_ms for share in shares),
        steps=sum(share.steps for share in shares),
        real_ms=int((time.perf_counter() - began) * 1_000),
        cpu_ms=sum(share.cpu_ms for share in shares),
        memory_bytes=sum(share.memory_bytes for share in shares),
        planned=len(planned_ms),
        to_one_plan=_times(planned_ms),
        violation=next((share.violation for share in shares if share.violation is not None), None),
    )


def run_share(extent: Extent, numbers: Sequence[int], publisher: Publisher) -> Share:
    """Found the sites of these numbers, switch them on together, and look."""
    with collected_once():
        return _share(extent, numbers, publisher)


def _share(extent: Extent, numbers: Sequence[int], publisher: Publisher) -> Share:
    began_cpu = time.process_time()
    book = publisher()
    worlds = [_site(extent, number, book) for number in numbers]
    planned_ms: dict[str, int] = {}
    violation: str | None = None
    try:
        for world in worlds:
            world.open()
            _look(world, planned_ms)
        for until_us in range(TURN_US, (extent.seconds + 1) * TURN_US, TURN_US):
            for world in worlds:
                world.loop.run(until_us)
    except Violation as found:
        violation = str(found)
    return Share(
        virtual_ms=min(world.loop.now_us for world in worlds) // 1_000,
        steps=sum(world.trace.steps for world in worlds),
        cpu_ms=int((time.process_time() - began_cpu) * 1_000),
        memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB,
        planned_ms=tuple(planned_ms.values()),
        violation=violation,
    )


def _look(world: World, planned_ms: dict[str, int]) -> None:
    """Note when a site has its plan; until it has, look again and again."""
    if has_one_plan(world):
        planned_ms[world.site] = world.loop.now_us // 1_000
    else:
        world.loop.after(LOOK_US, partial(_look, world, planned_ms))


def has_one_plan(world: World) -> bool:
    """Whether all nodes of a site follow one leader and hold its plan, which has every intent."""
    found: set[object] = set()
    for machine in world.machines.values():
        if machine.shell is None:
            return False
        agent = machine.shell.agent
        plan = agent.picture.plan()
        if plan is None or any(i not in plan.sections for i, ir in agent.picture.irs().items() if not ir.withdrawn):
            return False
        found.add((agent.election.leadership.leader, plan.id))
    return len(found) == 1


def _site(extent: Extent, number: int, book: Book) -> World:
    shape = Shape(nodes=extent.nodes, calm=True)
    options = shape.of(draw_options(extent.first_seed + number, extent.seconds * 1_000, LIVENESS_MS))
    manager = f"hq{number % extent.managers + 1}" if extent.managers else "hq"
    world = World(replace(options, site=f"shop-{number + 1}", manager=manager), book)
    if not extent.managers:
        world.manager.kill()
    return world


def _times(found_ms: list[int]) -> Times | None:
    if not found_ms:
        return None
    cuts = quantiles(found_ms, n=100, method="inclusive") if len(found_ms) > 1 else found_ms * 99
    return Times(
        min_ms=min(found_ms), median_ms=int(cuts[49]), p95_ms=int(cuts[94]), p99_ms=int(cuts[98]), max_ms=max(found_ms)
    )
