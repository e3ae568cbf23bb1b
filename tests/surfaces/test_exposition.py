"""Prometheus' text format: what its reader takes for another sample, or for none."""

from __future__ import annotations

from skerry.api.exposition import exposition


def test_samples_of_one_name_stand_together_below_what_it_means_whatever_order_they_come_in() -> None:
    meaning = {"skerry_a": "First.", "skerry_b_total": "Second."}
    samples = [("skerry_b_total", {}, 1), ("skerry_a", {"of": "x"}, 0.5), ("skerry_b_total", {"of": "y"}, 2)]
    assert exposition(meaning, samples).splitlines() == [
        "# HELP skerry_a First.",
        "# TYPE skerry_a gauge",
        'skerry_a{of="x"} 0.5',
        "# HELP skerry_b_total Second.",
        "# TYPE skerry_b_total counter",
        "skerry_b_total 1",
        'skerry_b_total{of="y"} 2',
    ]


def test_a_label_ends_where_it_ends_whatever_is_in_it() -> None:
    (line,) = exposition({"skerry_a": "A."}, [("skerry_a", {"of": 'a"} 9\nskerry_b \\'}, 1)]).splitlines()[2:]
    assert line == 'skerry_a{of="a\\"} 9\\nskerry_b \\\\"} 1'


def test_large_figures_are_whole() -> None:
    assert exposition({"skerry_a": "A."}, [("skerry_a", {}, 123_456_789)]).splitlines()[-1] == "skerry_a 123456789"
