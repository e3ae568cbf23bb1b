"""Runs seeds, one process for each job, and adds up what they saw.

A result is plain data, so that it can come back from another process; what went wrong in a seed is told with the seed,
the property in a sentence, and the last transitions.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from skerry.core.kernel.values import Value
from skerry.sim.book import Book
from skerry.sim.faults.driver import Happened
from skerry.sim.heap import collected_once
from skerry.sim.options import AS_DRAWN, Options, Shape, draw_options
from skerry.sim.violation import Violation
from skerry.sim.world import World

SAFETY_MS = 20_000
LIVENESS_MS = 90_000

Publisher = Callable[[], Book]
"""Makes the book; called once in every process, and so a function of a module."""


class Verdict(Value, frozen=True, kw_only=True):
    """What became of one seed."""

    seed: int
    nodes: int
    safety_ms: int
    """Of the world: when it was healed, or was to be."""
    virtual_ms: int
    steps: int
    real_ms: int
    cpu_ms: int
    """Of the process that ran it: what others do on the machine meanwhile is left out."""
    counts: dict[str, int]
    violation: str | None = None
    """The property, its sentence, and what broke it."""
    property_id: str = ""
    last: tuple[str, ...] = ()
    faults: tuple[Happened, ...] = ()
    digest: str = ""


class Tally(Value, frozen=True, kw_only=True):
    """What became of many."""

    seeds: int
    virtual_ms: int
    steps: int
    real_ms: int
    """Of the whole run; with several jobs less than the sum."""
    cpu_ms: int
    counts: dict[str, int]
    violations: tuple[Verdict, ...]

    @property
    def speedup(self) -> float:
        """Virtual seconds for each second of one core's time."""
        return round(self.virtual_ms / max(self.cpu_ms, 1), 1)


def run_seed(
    seed: int,
    book: Book,
    *,
    shape: Shape = AS_DRAWN,
    digest: bool = False,
    show: Callable[[str], None] | None = None,
) -> Verdict:
    """The world of a seed."""
    return run_world(shape.of(draw_options(seed, SAFETY_MS, LIVENESS_MS)), book, digest=digest, show=show)


def run_world(
    options: Options, book: Book, *, digest: bool = False, show: Callable[[str], None] | None = None
) -> Verdict:
    """One world, from its seed to its verdict."""
    with collected_once():
        return _run_world(options, book, digest=digest, show=show)


def _run_world(options: Options, book: Book, *, digest: bool, show: Callable[[str], None] | None) -> Verdict:
    began, began_cpu = time.perf_counter(), time.process_time()
    world = World(options, book, digest=digest, show=show)
    violation: Violation | None = None
    try:
        world.run()
    except Violation as found:
        violation = found
    except Exception as error:
        error.add_note(f"in the world of seed {options.seed}, which is the simulator's own fault")
        raise
    return Verdict(
        seed=options.seed,
        nodes=len(world.machines),
        safety_ms=options.safety_ms,
        virtual_ms=(world.loop.now_us - world.slept_us) // 1_000,
        steps=world.trace.steps,
        real_ms=int((time.perf_counter() - began) * 1_000),
        cpu_ms=int((time.process_time() - began_cpu) * 1_000),
        counts=dict(sorted(world.coverage.counts.items())),
        violation=str(violation) if violation is not None else None,
        property_id=violation.property_id if violation is not None else "",
        last=tuple(world.trace.last()) if violation is not None else (),
        faults=tuple(world.faults.happened),
        digest=world.digest.hexdigest() if world.digest is not None else "",
    )


def run_many(
    seeds: Sequence[int],
    publisher: Publisher,
    *,
    jobs: int = 1,
    shape: Shape = AS_DRAWN,
    minutes: int | None = None,
    told: Callable[[Verdict], None] = lambda verdict: None,
) -> Tally:
    """Many seeds, and what they saw together; no seed is begun after `minutes`."""
    began = time.perf_counter()
    until = began + minutes * 60 if minutes is not None else None
    counts: Counter[str] = Counter()
    violations: list[Verdict] = []
    done = virtual_ms = steps = cpu_ms = 0
    for verdict in _verdicts(seeds, publisher, jobs, shape, until):
        told(verdict)
        done, virtual_ms, steps = done + 1, virtual_ms + verdict.virtual_ms, steps + verdict.steps
        cpu_ms += verdict.cpu_ms
        counts.update(verdict.counts)
        if verdict.violation is not None:
            violations.append(verdict)
    return Tally(
        seeds=done,
        virtual_ms=virtual_ms,
        steps=steps,
        real_ms=int((time.perf_counter() - began) * 1_000),
        cpu_ms=cpu_ms,
        counts=dict(sorted(counts.items())),
        violations=tuple(violations),
    )


def _verdicts(
    seeds: Sequence[int], publisher: Publisher, jobs: int, shape: Shape, until: float | None
) -> Iterator[Verdict]:
    if jobs == 1:
        book = publisher()
        for seed in seeds:
            if until is not None and time.perf_counter() >= until:
                return
            yield run_seed(seed, book, shape=shape)
        return
    # Spawned, not forked: a child of a process with threads would inherit their locks.
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=_begin, initargs=(publisher, shape)) as pool:
        for verdict in pool.imap_unordered(_run, seeds, chunksize=1):
            yield verdict
            if until is not None and time.perf_counter() >= until:
                return


_JOB: list[tuple[Book, Shape]] = []


def _begin(publisher: Publisher, shape: Shape) -> None:
    _JOB[:] = [(publisher(), shape)]


def _run(seed: int) -> Verdict:
    book, shape = _JOB[0]
    return run_seed(seed, book, shape=shape)
