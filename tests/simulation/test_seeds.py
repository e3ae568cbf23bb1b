"""Many worlds: no seed breaks a property, a run sees all that it is meant to see, and a seed is a world."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

import pytest

from skerry.cli.sim import example_book
from skerry.sim.book import Book
from skerry.sim.coverage import missing, surprising
from skerry.sim.options import AS_DRAWN, Shape, draw_options
from skerry.sim.runner import LIVENESS_MS, SAFETY_MS, Verdict, run_many, run_seed
from skerry.sim.twice import run_twice
from tests.simulation.known import known_seeds

SEEDS = (*range(200), 659)
"""In the last somebody says no because a node is drained; in the others that does not happen."""


def told(verdict: Verdict) -> str:
    return "\n".join((*verdict.last, f"seed {verdict.seed}: {verdict.violation}"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_seed_breaks_a_property_and_everything_happened(capsys) -> None:
    tally = run_many(SEEDS, example_book, jobs=max(1, min(2, os.cpu_count() or 1)))
    with capsys.disabled():
        table = "".join(f"{times:9d}  {name}\n" for name, times in tally.counts.items())
        sys.stdout.write(
            f"\n{tally.seeds} seeds, {tally.virtual_ms // 1000} virtual s, {tally.speedup} virtual s per CPU s\n{table}"
        )
    assert not tally.violations, "\n\n".join(told(v) for v in tally.violations[:3])
    assert tally.seeds == len(SEEDS)
    assert missing(tally.counts) == [], "these never happened in the whole run"
    assert surprising(tally.counts) == [], "these happened, and are not listed"


BY_THE_BOOK = Shape(without=("writing",))


def worlds_that_failed() -> list[Any]:
    """As they are drawn today, and where people write something of their own, also as they were when they did not."""
    seeds = dict.fromkeys(known.seed for known in known_seeds())
    written = [seed for seed in seeds if draw_options(seed, SAFETY_MS, LIVENESS_MS).written]
    drawn = [pytest.param(seed, AS_DRAWN, id=str(seed)) for seed in seeds]
    return drawn + [pytest.param(seed, BY_THE_BOOK, id=f"{seed} by the book") for seed in written]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("seed", "shape"), worlds_that_failed())
def test_a_seed_that_once_failed_holds(seed: int, shape: Shape, book: Book) -> None:
    verdict = run_seed(seed, book, shape=shape)
    assert verdict.violation is None, told(verdict)


@pytest.mark.timeout(300)
def test_a_seed_gives_the_same_inputs_effects_and_states_under_any_hash_seed() -> None:
    twins = run_twice((10, 16), example_book, Shape(safety_ms=5_000))
    assert twins.deterministic, twins


def test_a_run_that_hangs_on_the_order_of_a_set_is_found_out() -> None:
    twins = run_twice((1,), book_that_hangs_on_hashing, Shape(calm=True, nodes=2, safety_ms=1_000))
    assert twins.differing == (1,) and not twins.deterministic


def book_that_hangs_on_hashing() -> Book:
    book = example_book()
    return replace(book, catalogue_text=f"{book.catalogue_text}\n# {set('abcdefgh')}")
