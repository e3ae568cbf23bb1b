"""Every checker can fail: a core with one rule less is found out, by the property that the rule is there for."""

from __future__ import annotations

from itertools import chain

import pytest

from skerry.sim.book import Book
from skerry.sim.options import draw_options
from skerry.sim.runner import run_world
from tests.simulation.sabotages import SABOTAGES, Sabotage

SAFETY_MS = 20_000
LIVENESS_MS = 60_000


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda s: s.name)
def test_a_sabotage_is_noticed(sabotage: Sabotage, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    others = []
    sabotage.plant(monkeypatch)
    for seed in chain(sabotage.seeds_known, range(sabotage.budget)):
        verdict = run_world(sabotage.shape(draw_options(seed, SAFETY_MS, LIVENESS_MS)), book)
        if verdict.property_id in sabotage.noticed_by:
            return
        if verdict.violation is not None:
            others.append(f"{seed}: {verdict.violation}")
    pytest.fail(f"nobody noticed {sabotage.name!r} in {sabotage.budget} worlds; they found {others}")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("shape", list(dict.fromkeys(s.shape for s in SABOTAGES)))
def test_the_same_worlds_without_a_sabotage_hold(shape, book: Book) -> None:
    for seed in (0, 1):
        verdict = run_world(shape(draw_options(seed, SAFETY_MS, LIVENESS_MS)), book)
        assert verdict.violation is None, "\n".join((*verdict.last, f"seed {seed}: {verdict.violation}"))
