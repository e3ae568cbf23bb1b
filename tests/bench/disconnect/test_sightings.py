"""How times are worked out of what was seen."""

from __future__ import annotations

import pytest

from bench.disconnect.sightings import (
    Kind,
    Record,
    Sighting,
    both_answered_ms,
    double_ms,
    first_ms,
    served_again_ms,
)

CUT_MS = 10_000


def answers(side: str, *times_ms: int) -> list[Sighting]:
    return [Sighting(t_ms, Kind.ANSWERED, side, "writes") for t_ms in times_ms]


def copies(*changes: tuple[int, str, str]) -> list[Sighting]:
    """Each: when, `+` or `-`, and on which node a copy began or ended."""
    return [Sighting(t_ms, Kind.BEGAN if sign == "+" else Kind.ENDED, node, "role") for t_ms, sign, node in changes]


def test_a_record_is_read_in_the_order_of_time() -> None:
    record = Record()
    record.add(20, Kind.LED, "n2", "n3")
    record.add(10, Kind.LOST, "n2", "n1")
    assert [one.t_ms for one in record.seen()] == [10, 20]


@pytest.mark.parametrize(
    ("by", "about", "expected"),
    [
        (None, None, 50),
        (["n2", "n3"], ["n1"], 300),
        (["n2", "n3"], ["n4"], None),
    ],
)
def test_the_first_word_counts_of_those_that_are_asked_and_of_what_is_asked_for(by, about, expected) -> None:
    seen = [
        Sighting(CUT_MS - 1, Kind.LOST, "n2", "n1"),
        Sighting(CUT_MS + 50, Kind.LOST, "n1", "n2"),
        Sighting(CUT_MS + 100, Kind.LED, "n2", "n1"),
        Sighting(CUT_MS + 300, Kind.LOST, "n2", "n1"),
    ]
    assert first_ms(seen, Kind.LOST, CUT_MS, by=by, about=about) == expected


def test_a_role_is_served_again_at_the_end_of_the_longest_silence_and_not_at_the_first_answer() -> None:
    seen = answers("outside", 9_980, 10_003, 12_500, 12_520, 12_700)
    assert served_again_ms(seen, "writes", "outside", CUT_MS, 20_000) == 2_500


def test_a_role_that_is_never_silent_was_not_hit() -> None:
    seen = answers("outside", *range(9_000, 13_000, 20))
    assert served_again_ms(seen, "writes", "outside", CUT_MS, 20_000) is None


def test_a_silence_that_has_not_ended_has_no_length_yet() -> None:
    assert served_again_ms(answers("outside", 9_980, 10_003), "writes", "outside", CUT_MS, 20_000) is None


def test_answers_of_the_other_side_end_no_silence() -> None:
    seen = sorted([*answers("outside", 9_980, 12_500), *answers("inside", 10_500, 11_000)])
    assert served_again_ms(seen, "writes", "outside", CUT_MS, 20_000) == 2_500


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(0, "+", "n1"), (12_000, "-", "n1"), (12_500, "+", "n2")], 0),
        ([(0, "+", "n1"), (12_000, "+", "n2"), (12_500, "-", "n1")], 500),
        ([(0, "+", "n1"), (12_000, "+", "n2")], 8_000),
        ([(0, "+", "n1"), (12_000, "+", "n2"), (12_100, "+", "n3"), (12_500, "-", "n1"), (12_600, "-", "n2")], 600),
        ([(0, "+", "n1"), (12_000, "-", "n1"), (12_000, "+", "n2")], 0),
    ],
)
def test_two_copies_count_for_as_long_as_both_are_able_to_run(changes, expected) -> None:
    assert double_ms(copies(*changes), "role", 20_000) == expected


def test_both_sides_answered_from_the_end_of_the_silence_outside_to_the_last_answer_inside() -> None:
    outside = answers("outside", 9_980, 12_000, 12_020)
    for last_ms, expected in ((11_000, 0), (12_700, 700)):
        seen = sorted([*outside, *answers("inside", 9_990, last_ms)])
        assert both_answered_ms(seen, "writes", "outside", "inside", CUT_MS) == expected
