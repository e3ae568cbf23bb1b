"""Who measures whom, and what figures amount to (D24)."""

from __future__ import annotations

from statistics import median_high

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.kernel.ids import IntentId
from skerry.core.stages.monitoring.rules import configured, intent_of, measurer, median
from tests.core.things import SHOP, STACK, A, B, C, configuration, element, instance, ir, running


@pytest.mark.parametrize(
    ("holder", "validators", "reporters", "who"),
    [
        (A, (B,), (C,), B),
        (B, (B,), (C,), C),
        (B, (A, B), (C,), A),
        (A, (), (C,), C),
        (A, (A,), (), A),
        (A, (A,), (A,), A),
        (A, (), (), None),
    ],
)
def test_d24_the_validator_measures_and_what_it_holds_itself_the_reporter(holder, validators, reporters, who) -> None:
    assert measurer(holder, validators, reporters) == who


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_of_an_even_number_of_figures_it_takes_more_than_half_to_count_against(figures) -> None:
    assert median(figures) == median_high(figures)


def test_an_instance_is_named_after_its_intent() -> None:
    assert intent_of(instance("store", 2)) == SHOP


def test_what_an_instance_runs_is_found_by_its_digest_in_the_set_that_has_it() -> None:
    later = configuration("later", "2")
    cache, store = element("cache", configuration("cache")), element("store", configuration("plain"), STACK)
    wish = ir(cache, store, isolated=(element("store", later),))
    irs = {IntentId("hq/other"): ir(intent=IntentId("hq/other")), SHOP: wish}
    assert configured(running(), irs) == (wish, store, STACK)
    assert configured(running(of=later), irs) == (wish, wish.sets["isolated"].elements["store"], later)
    assert configured(running(of=configuration("stack", "9")), irs) is None, "of another version"
    assert configured(running("else"), irs) is None
    assert configured(running(), {}) is None
