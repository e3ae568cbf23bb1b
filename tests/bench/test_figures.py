"""What `make bench` makes of what it saw."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from bench.ballots import round_trips_ms
from bench.demo import goals
from bench.figures import Figure, at_least, at_most, over_runs, table


@pytest.mark.parametrize(
    ("values", "goal", "worst", "reached"),
    [
        ((3, 9, 4), at_most(9), 9, True),
        ((3, 9, 4), at_most(8), 9, False),
        ((3, 9, 4), at_least(5), 3, False),
        ((3, 9, 4), None, 9, None),
        ((), at_most(9), None, False),
    ],
)
def test_every_value_must_reach_the_goal_and_the_worst_is_shown(values, goal, worst, reached) -> None:
    figure = Figure("waited_ms", values, goal)
    assert (figure.worst, figure.reached) == (worst, reached)


def test_without_a_goal_it_is_said_which_way_is_worse() -> None:
    assert Figure("speed", (3, 9), more_is_better=True).worst == 3


def test_what_was_not_seen_in_any_run_is_said_and_not_reached() -> None:
    (missing,) = over_runs([{"seen": "words"}], {"switched_ms": at_most(100)})
    assert missing.row() == {
        "figure": "switched_ms",
        "median": None,
        "worst": None,
        "seen": 0,
        "to_reach": "≤ 100",
        "reached": False,
        "left_out": "not seen",
    }


def test_what_has_a_goal_comes_first_and_words_and_yes_or_no_are_no_figures() -> None:
    runs: list[dict[str, Any]] = [
        {"ok": True, "extra": 1, "cut_ms": 20, "why": "x"},
        {"ok": True, "extra": 3, "cut_ms": 30},
    ]
    found = over_runs(runs, {"cut_ms": at_most(25)})
    assert [(f.name, f.values, f.reached) for f in found] == [("cut_ms", (20, 30), False), ("extra", (1, 3), None)]


def test_the_table_shows_each_figure_with_its_goal() -> None:
    screen = io.StringIO()
    Console(file=screen, width=120).print(table([Figure("waited_ms", (2.5, 1_234), at_most(2_000))]))
    assert screen.getvalue().split()[-6:] == ["waited_ms", "618.25", "1,234", "≤", "2,000", "yes"]


def test_the_demonstration_is_judged_by_its_own_goals() -> None:
    assert {"agent_pss_mib_max", "leader_lost_to_new_leader_ms", "healed_to_agreed_ms"} <= set(goals())


def test_a_round_of_ballots_counts_if_it_went_through_at_once_and_all_had_a_say() -> None:
    def event(what: str, plan: str, at_ms: int, *members: str) -> dict[str, object]:
        return {"what": what, "about": plan, "atMs": at_ms, "data": {"members": list(members)}}

    said = [
        event("plan.proposed", "1.n1.1", 100),
        event("plan.committed", "1.n1.1", 112, "n1", "n2"),
        event("plan.proposed", "1.n1.2", 200),
        event("plan.proposed", "1.n1.2", 500),
        event("plan.committed", "1.n1.2", 512, "n1", "n2"),
        event("plan.proposed", "1.n1.3", 600),
        event("plan.committed", "1.n1.3", 604, "n1"),
    ]
    assert round_trips_ms(said, 2) == [12]
