"""The arithmetic of fit (D9)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skerry.core.stages.fit.model import FIT_MAX_PERMILLE, does, fit_permille, summary
from skerry.core.stages.ir.model import Standard
from tests.core.things import OPS, element, measured

QUICK = Standard(metric="ms", at_most_milli=20_000, floor_milli=40_000)


def test_120_of_100_is_a_fit_of_1_2() -> None:
    assert fit_permille([OPS], {"ops": 120_000}) == 1_200


def test_half_the_time_allowed_is_a_fit_of_2() -> None:
    assert fit_permille([QUICK], {"ms": 10_000}) == 2_000


def test_the_worst_standard_counts() -> None:
    assert fit_permille([OPS, QUICK], {"ops": 500_000, "ms": 25_000}) == 800


def test_what_was_not_shown_does_not_count() -> None:
    assert fit_permille([OPS, QUICK], {"ops": 500_000}) == 0


def test_where_nothing_is_asked_for_everything_does() -> None:
    assert fit_permille([], {}) == 1_000


def test_d14_lowered_standards_are_measured_by_their_floor_and_one_without_stays() -> None:
    assert fit_permille([OPS], {"ops": 60_000}, lowered=True) == 1_000
    assert fit_permille([QUICK], {"ms": 40_000}, lowered=True) == 1_000
    assert fit_permille([Standard(metric="ops", at_least_milli=100_000)], {"ops": 60_000}, lowered=True) == 600


@given(st.integers(0, 10**15), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_fit_is_bounded_and_more_is_never_worse(bound, figure, more) -> None:
    standard = Standard(metric="ops", at_least_milli=bound)
    low, high = (fit_permille([standard], {"ops": f}) for f in (figure, figure + more))
    assert 0 <= low <= high <= FIT_MAX_PERMILLE


def test_a_failed_measurement_never_does() -> None:
    assert not does(element(standards=()), measured(failure="it crashed"))
    assert does(element(standards=()), measured())


def test_d9_best_and_mean_are_of_what_could_be_measured() -> None:
    found = {"x": measured(ops=300), "y": measured(ops=100), "z": measured(failure="no")}
    assert summary(element(), found) == (3_000, 2_000)
    assert summary(element(), {"z": measured(failure="no")}) == (0, 0)
