"""P5: what a node says against another from what it has seen of it, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.stages.monitoring.experience import Experience
from skerry.core.stages.monitoring.model import EXPERIENCE_FOR_MS, EXPERIENCE_MAX, EXPERIENCE_NEEDED


def after(*figures: int, every_ms: int = 1_000) -> Experience:
    """Somebody was measured so often; the last time at `(len(figures) - 1) * every_ms`."""
    found = Experience()
    for number, figure in enumerate(figures):
        found.add("b stack", figure, f"a/1#{number}", number * every_ms)
    return found


@pytest.mark.parametrize(
    ("figures", "says_no"),
    [((0, 0, 0, 0), False), ((0, 0, 999, 2_000, 2_000), True), ((0, 0, 1_000, 2_000, 2_000), False)],
)
def test_p5_a_no_needs_five_figures_and_a_median_under_the_floor(figures, says_no) -> None:
    assert bool(after(*figures).against(5_000)) == says_no


def test_p5_a_no_ends_an_hour_after_its_last_figure() -> None:
    bad = after(500, 500, 500, 500, 500)
    last_ms = 4_000
    assert bad.against(last_ms + EXPERIENCE_FOR_MS - 1)["b stack"].evidence == "a/1#4"
    assert bad.against(last_ms + EXPERIENCE_FOR_MS) == {}


def test_p5_after_that_hour_it_takes_five_bad_figures_again() -> None:
    bad, again_ms = after(500, 500, 500, 500, 500), 4_000 + EXPERIENCE_FOR_MS
    for number in range(EXPERIENCE_NEEDED):
        assert bad.against(again_ms + number) == {}
        bad.add("b stack", 500, "a/1#9", again_ms + number)
    assert list(bad.against(again_ms + EXPERIENCE_NEEDED)) == ["b stack"]


def test_p5_who_is_measured_now_and_then_does_not_get_away_with_it() -> None:
    half_ms = EXPERIENCE_FOR_MS // 2
    assert after(500, 500, 500, 500, 500, 500, every_ms=half_ms).against(5 * half_ms)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2 * EXPERIENCE_FOR_MS)), max_size=60))
def test_p5_no_more_is_kept_than_was_measured_within_the_hour(measured: list[tuple[int, int]]) -> None:
    found, at_ms, last_ms = Experience(), 0, dict[str, int]()
    for node, after_ms in measured:
        at_ms += after_ms
        last_ms[f"{node} stack"] = at_ms
        found.add(f"{node} stack", 500, "a/1#1", at_ms)
        assert set(found._known) == {key for key, heard_ms in last_ms.items() if at_ms - heard_ms < EXPERIENCE_FOR_MS}
        assert all(len(known.figures) <= EXPERIENCE_MAX for known in found._known.values())
