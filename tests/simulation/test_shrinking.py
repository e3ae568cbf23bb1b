"""A world that fails becomes a smaller one that fails by the same property, and can be run again from its command."""

from __future__ import annotations

import pytest

from skerry.cli.verdicts import command
from skerry.sim.book import Book
from skerry.sim.options import AS_DRAWN, Options, Shape, draw_options
from skerry.sim.runner import LIVENESS_MS, SAFETY_MS, run_seed, run_world
from skerry.sim.sabotages.sabotage import Patch
from skerry.sim.sabotages.trying import chosen
from skerry.sim.shrinking import shrink

pytestmark = pytest.mark.timeout(300)

SECONDS = 20


def split_with_a_tie_breaker_that_outvotes(patch: Patch) -> Options:
    (sabotage,) = chosen("X3", None)
    sabotage.plant(patch)
    return sabotage.shape(draw_options(0, SAFETY_MS, LIVENESS_MS))


@pytest.mark.slow
def test_a_failing_world_is_shorter_and_has_fewer_faults_and_still_fails_by_the_same_property(book: Book) -> None:
    with Patch() as patch:
        drawn = split_with_a_tie_breaker_that_outvotes(patch)
        failed = run_world(drawn, book)
        small = shrink(drawn, book, AS_DRAWN, failed, SECONDS)
        assert small.verdict.property_id == failed.property_id == "I2"
        assert small.verdict.safety_ms < failed.safety_ms
        assert len(small.verdict.faults) < len(failed.faults)
        again = run_world(small.shape.of(drawn), book)
    assert again.violation == small.verdict.violation
    assert run_world(small.shape.of(drawn), book).violation is None, "without the sabotage the same world holds"


def test_a_fault_that_is_left_out_moves_no_other(book: Book) -> None:
    whole = run_seed(4, book)
    kept = whole.faults[-1]
    alone = run_seed(4, book, shape=Shape(only_faults=frozenset({kept.number})))
    assert [(f.kind, f.from_ms, f.length_ms) for f in alone.faults] == [(kept.kind, kept.from_ms, kept.length_ms)]


def test_a_shrunk_world_is_named_by_the_words_that_run_it() -> None:
    shape = Shape(nodes=2, safety_ms=7_000, only_faults=frozenset({9, 3}), without=("loss", "drift"))
    assert command(68, shape) == (
        "skerry sim replay 68 --nodes 2 --seconds 7 --faults 3,9 --without loss --without drift"
    )
    assert command(68, Shape(calm=True, only_faults=frozenset())) == "skerry sim replay 68 --calm --faults none"
