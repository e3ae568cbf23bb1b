"""Every checker can fail: a core with one rule less is found out, by the property that the rule is there for."""

from __future__ import annotations

import pytest

from skerry.sim.book import Book
from skerry.sim.options import draw_options
from skerry.sim.runner import LIVENESS_MS, SAFETY_MS, run_world
from skerry.sim.sabotages.all import SABOTAGES
from skerry.sim.sabotages.sabotage import Sabotage
from skerry.sim.sabotages.trying import try_out


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda s: s.name)
def test_a_sabotage_is_noticed(sabotage: Sabotage, book: Book) -> None:
    outcome = try_out(sabotage, book)
    assert outcome.caught_by is not None, f"nobody noticed it in {outcome.worlds} worlds; they found {outcome.others}"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("shape", list(dict.fromkeys(s.shape for s in SABOTAGES)))
def test_the_same_worlds_without_a_sabotage_hold(shape, book: Book) -> None:
    for seed in (0, 1):
        verdict = run_world(shape(draw_options(seed, SAFETY_MS, LIVENESS_MS)), book)
        assert verdict.violation is None, "\n".join((*verdict.last, f"seed {seed}: {verdict.violation}"))
