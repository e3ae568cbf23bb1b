"""Plants sabotages and looks for the world in which each is noticed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from skerry.core.kernel.values import Value
from skerry.sim.book import Book
from skerry.sim.options import Shape, draw_options
from skerry.sim.runner import LIVENESS_MS, SAFETY_MS, Publisher, run_world
from skerry.sim.sabotages.all import SABOTAGES
from skerry.sim.sabotages.outsider import load
from skerry.sim.sabotages.sabotage import Patch, Sabotage


class Outcome(Value, frozen=True, kw_only=True):
    """What became of one sabotage."""

    name: str
    worlds: int
    """That were run."""
    caught_by: str | None = None
    """The property that it broke; None if it was not caught within its budget."""
    seed: int | None = None
    """Of the world in which it was caught."""
    steps: int | None = None
    """Transitions until then."""
    sentence: str = ""
    """The property, and what broke it."""
    others: tuple[str, ...] = ()
    """What else broke, in worlds before; not what it is there for."""


def try_out(sabotage: Sabotage, book: Book) -> Outcome:
    """Plant one, run worlds until it is noticed or its budget is used up, and take it out again."""
    others: list[str] = []
    seeds = dict.fromkeys(chain(sabotage.seeds_known, range(sabotage.budget)))
    with Patch() as patch:
        sabotage.plant(patch)
        for worlds, seed in enumerate(seeds, 1):
            options = Shape(without=("writing",)).of(draw_options(seed, SAFETY_MS, LIVENESS_MS))
            verdict = run_world(sabotage.shape(options), book)
            if verdict.violation is None:
                continue
            if not sabotage.noticed_by or verdict.property_id in sabotage.noticed_by:
                return Outcome(
                    name=sabotage.name,
                    worlds=worlds,
                    caught_by=verdict.property_id,
                    seed=seed,
                    steps=verdict.steps,
                    sentence=verdict.violation,
                    others=tuple(others),
                )
            others.append(f"{seed}: {verdict.violation}")
    return Outcome(name=sabotage.name, worlds=len(seeds), others=tuple(others))


def chosen(only: str, file: Path | None) -> tuple[Sabotage, ...]:
    """The sabotage of an outsider's file, or the built-in ones whose name contains `only`. Raises `NotASabotage`."""
    if file is not None:
        return (load(file),)
    return tuple(sabotage for sabotage in SABOTAGES if only.lower() in sabotage.name.lower())


def try_all(publisher: Publisher, *, only: str = "", file: Path | None = None, jobs: int = 1) -> Iterator[Outcome]:
    """Try out each that is `chosen`, and give what became of it as soon as it is known."""
    sabotages = chosen(only, file)
    if jobs == 1:
        book = publisher()
        yield from (try_out(sabotage, book) for sabotage in sabotages)
        return
    # Spawned, not forked: a child of a process with threads would inherit their locks. Each plants in itself alone.
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=_begin, initargs=(publisher, only, file)) as pool:
        yield from pool.imap_unordered(_try, range(len(sabotages)), chunksize=1)


_JOB: list[tuple[Book, Sequence[Sabotage]]] = []


def _begin(publisher: Publisher, only: str, file: Path | None) -> None:
    _JOB[:] = [(publisher(), chosen(only, file))]


def _try(index: int) -> Outcome:
    book, sabotages = _JOB[0]
    return try_out(sabotages[index], book)
