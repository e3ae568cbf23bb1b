"""With everything and without a part: which figures got worse, in one table."""

from __future__ import annotations

from typing import Any

from skerry.lab.demo import figures
from skerry.lab.demo.comparing import Outcome, show, worse
from skerry.lab.demo.figures import Timers

REACHES = {**figures.client(), **figures.cut(Timers(grace_ms=2_000, settling_ms=3_000))}
GOOD = {
    "client_requests": 600, "client_failures": 6, "client_failures_without_fault": 0, "client_wrong_answers": 0,
    "client_acked_lost": 0, "late_answers": 3, "client_longest_gap_ms": 3_000, "run_once_overlap_ms": 0,
    "healthy_restarts": 0, "uplink_leaks": 0, "agent_pss_mib_max": 40, "cut_to_isolated_plan_ms": 2_000,
    "switched_ms": 200, "switched_without_start_up_ms": 50,
}  # fmt: skip


class Listener:
    """Remembers what is shown."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.rows: list[list[Any]] = []
        self.last: dict[str, Any] = {}

    def say(self, text: str) -> None:
        self.said.append(text)

    def table(self, title: str, columns: list[str], rows: list[list[Any]]) -> None:
        self.rows = [columns, *rows]

    def line(self, value: dict[str, Any]) -> None:
        self.last = value


def outcome(failed: str = "", **changed: Any) -> Outcome:
    return Outcome({**GOOD, **changed}, {} if failed else REACHES, failed)


def test_a_figure_is_worse_if_it_is_not_reached_any_more_or_grew_by_more_than_chance() -> None:
    assert worse(outcome(), outcome(client_acked_lost=1)) == ["client_acked_lost"]
    assert worse(outcome(), outcome(run_once_overlap_ms=25_000)) == ["run_once_overlap_ms"]
    assert worse(outcome(), outcome(cut_to_isolated_plan_ms=3_400)) == ["cut_to_isolated_plan_ms"]
    assert worse(outcome(), outcome(client_failures=30)) == ["client_failures"]
    assert worse(outcome(), outcome(client_failures=8, client_longest_gap_ms=3_600, client_requests=510)) == []
    assert worse(outcome(client_requests=9), outcome(client_requests=8)) == [], "it was not reached before either"


def test_all_of_it_stands_in_one_table_with_a_sentence_for_each_part() -> None:
    heard = Listener()
    others = {"copies": outcome(client_acked_lost=40), "fence": outcome(), "contingency": outcome("no leader")}
    show(heard, {"seed": 7}, outcome(), others)
    assert heard.rows[0] == [
        "figure", "to reach", "with everything", "without copies", "without fence", "without contingency",
    ]  # fmt: skip
    assert ["client_acked_lost", "0", 0, "40 (worse)", "0", "0"] in heard.rows
    assert heard.said == [
        "without copies these got worse: client_acked_lost 40 instead of 0",
        "without fence no figure got worse this time",
        "without contingency it did not come to its end: no leader",
    ]
    assert (heard.last["ok"], heard.last["seed"]) == (True, 7)
    assert heard.last["without"]["copies"]["worse"] == ["client_acked_lost"]
    assert heard.last["without"]["contingency"]["failed"] == "no leader"
