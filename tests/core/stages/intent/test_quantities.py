"""Quantities as people write them, and every way of writing them wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.stages.intent.model import quantities


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("500m", "cpu", 500),
        ("2", "cpu", 2000),
        ("0.25", "cpu", 250),
        ("256Mi", "size", 256 << 20),
        ("1.5Gi", "size", 3 << 29),
        ("20G", "size", 20 * 10**9),
        ("200/s", "rate", 200_000),
        ("0.5/s", "rate", 500),
        ("60/min", "rate", 1000),
        ("36/h", "rate", 10),
        ("10s", "duration", 10_000),
        ("250ms", "duration", 250),
        ("5m", "duration", 300_000),
        ("365d", "duration", 365 * 86_400_000),
        ("20", "count", 20),
        ("1.5", "ratio", 1500),
        ("60%", "ratio", 600),
        ("66.6%", "ratio", 666),
    ],
)
def test_a_quantity_is_read_into_its_smallest_unit(text: str, kind: str, value: int) -> None:
    assert quantities.parse(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("10s", "rate", "expected a rate such as 200/s, found `10s`, a duration"),
        ("100", "rate", "found `100`, a bare number"),
        ("100/s", "count", "a rate"),
        ("40 EUR/month", "duration", "a money"),
        ("-5/s", "rate", "`-5/s` is below zero"),
        ("1.5", "count", "is not whole"),
        ("9" * 20 + "/s", "rate", "too large"),
        ("9" * 500, "count", "expected a whole number"),
        ("1e9", "count", "expected a whole number"),
        ("", "duration", "expected a duration"),
        ("ten", "cpu", "found `ten`"),
    ],
)
def test_a_wrong_quantity_is_told_with_what_was_expected_and_found(text: str, kind: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"expected|too large") as failure:
        quantities.parse(text, kind)
    assert told in str(failure.value)


def test_a_share_is_taken_of_the_whole_and_an_amount_never_exceeds_it() -> None:
    assert quantities.share_of("75%", "cpu", 4000) == 3000
    assert quantities.share_of("2Gi", "size", 8 << 30) == 2 << 30
    assert quantities.share_of("16Gi", "size", 8 << 30) == 8 << 30
    with pytest.raises(ValueError, match="more than the whole"):
        quantities.share_of("120%", "cpu", 4000)
    with pytest.raises(ValueError, match="or a share such as 75%"):
        quantities.share_of("many", "cpu", 4000)


@pytest.mark.parametrize("text", ["40 EUR/month", "12.50 USD", "1 CHF/year"])
def test_money_stays_text(text: str) -> None:
    quantities.check(text, "money")


@pytest.mark.parametrize("text", ["40", "EUR 40", "40 euro", "-1 EUR"])
def test_what_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an amount of money such as 40 EUR/month"):
        quantities.check(text, "money")


@pytest.mark.parametrize(
    ("text", "milli"),
    [
        ("200/s", (200_000, "rate")),
        ("20ms", (20_000, "duration")),
        ("1s", (1_000_000, "duration")),
        ("95%", (950, "ratio")),
        ("3", (3000, "number")),
    ],
)
def test_a_figure_is_in_thousandths_of_its_metrics_unit(text: str, milli: tuple[int, str]) -> None:
    assert quantities.figure(text) == milli


@given(st.text(max_size=80), st.sampled_from(["cpu", "size", "rate", "duration", "count", "ratio", "money", "figure"]))
def test_no_text_does_anything_but_pass_or_raise_value_error(text: str, kind: str) -> None:
    with suppress(ValueError):
        quantities.check(text, kind)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_whole_rate_keeps_its_value(rate: int) -> None:
    milli = quantities.limit_milli(f"{rate}/s", "rate")
    assert milli == rate * 1000
    assert quantities.limit_fact(milli, "rate") == rate
