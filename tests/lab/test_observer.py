"""The observer is one file, on its own, and its figures follow from what it saw."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from skerry.lab import observer
from skerry.lab.observer import Figures

LINES_MAX = 300
SETTINGS = {"faulty_after_ms": 10_000, "nodes": {"n1": "", "n2": "", "n3": ""}}


def test_it_has_at_most_so_many_lines_and_imports_the_standard_library_alone() -> None:
    text = Path(observer.__file__).read_text()
    assert len(text.splitlines()) <= LINES_MAX
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported <= set(sys.stdlib_module_names)


def _event(t_ms: int, node: str, what: str, about: str = "", **data: Any) -> dict[str, Any]:
    return {"t_ms": t_ms, "kind": "event", "node": node, "what": what, "about": about, "data": data}


def _mark(t_ms: int, name: str, **more: Any) -> dict[str, Any]:
    return {"t_ms": t_ms, "kind": "mark", "name": name, **more}


def _op(t_ms: int, ok: bool, fence: int | None = None, error: str = "") -> dict[str, Any]:
    return {"t_ms": t_ms, "kind": "op", "ok": ok, "fence": fence, "error": error}


def _figures(*records: dict[str, Any]) -> dict[str, Any]:
    return Figures(sorted(records, key=lambda r: int(r["t_ms"])), SETTINGS).all()


def test_a_gap_runs_from_the_last_answer_to_the_next_and_failures_are_excused_after_a_fault_only() -> None:
    found = _figures(
        _op(1_000, True), _mark(1_500, "cut", fault=True), _op(2_000, False), _op(4_000, True), _op(15_000, False)
    )
    assert found["client_longest_gap_ms"] == 3_000
    assert found["client_failures"] == 2
    assert found["client_failures_without_fault"] == 1


def test_an_answer_under_a_lower_fence_after_a_higher_one_is_an_overlap() -> None:
    assert _figures(_op(1, True, 1), _op(2, True, 2), _op(3, True, 2))["run_once_overlap_ms"] == 0
    assert _figures(_op(100, True, 1), _op(200, True, 2), _op(350, True, 1))["run_once_overlap_ms"] == 150


def test_the_switch_ends_with_the_last_process_that_was_ordered() -> None:
    found = _figures(
        _mark(1_000, "cut", fault=True),
        _event(3_100, "n1", "mode.isolated"),
        _event(3_110, "n2", "role.starting", "a#2"),
        _event(3_120, "n3", "role.stopping", "b#1"),
        _event(3_200, "n3", "role.stopped", "b#1"),
        _event(3_500, "n2", "role.active", "a#2"),
    )
    assert (found["cut_to_isolated_plan_ms"], found["switched_ms"], found["switched_without_start_up_ms"]) == (
        2_500,
        400,
        20,
    )


def test_a_new_leader_stands_when_every_healthy_node_follows_the_same_one() -> None:
    found = _figures(
        _mark(1_000, "leader_frozen", fault=True, node="n1"),
        _event(1_900, "n2", "leader.followed", "n2"),
        _event(2_000, "n3", "leader.followed", "n3"),
        _event(2_150, "n3", "leader.followed", "n2"),
    )
    assert found["leader_lost_to_new_leader_ms"] == 1_150


def test_where_no_leader_was_lost_there_is_no_time_until_the_next() -> None:
    follows = [_event(900, node, "leader.followed", "n2", term=2) for node in ("n1", "n2", "n3")]
    assert _figures(*follows)["leader_lost_to_new_leader_ms"] is None


def test_a_role_is_lost_until_it_is_active_elsewhere_and_exclusive_ones_are_counted_apart() -> None:
    found = _figures(
        _event(100, "n1", "role.active", "a#1", fence=None),
        _event(100, "n1", "role.active", "p#1", fence=3),
        {"t_ms": 90, "kind": "start", "pid": 7, "node": "n1", "run": "a#1"},
        {"t_ms": 90, "kind": "start", "pid": 8, "node": "n1", "run": "p#1"},
        _mark(1_000, "leader_frozen", fault=True, node="n1"),
        _event(2_200, "n2", "role.active", "a#1", fence=None),
        _event(4_100, "n3", "role.active", "p#1", fence=4),
    )
    assert found["node_lost_to_role_active_ms"] == 1_200
    assert found["run_once_lost_to_active_ms"] == 3_100


@pytest.mark.parametrize(
    ("word", "node", "restarts"),
    [("role.stopping", "n2", 0), ("role.active", "n2", 1), ("role.active", "n1", 0)],
)
def test_a_process_that_ends_unasked_where_no_fault_hit_is_a_restart(word: str, node: str, restarts: int) -> None:
    found = _figures(
        _mark(500, "leader_frozen", fault=True, node="n1"),
        _event(900, node, word, "a#1", fence=None),
        {"t_ms": 1_000, "kind": "end", "pid": 7, "node": node, "run": "a#1"},
    )
    assert found["healthy_restarts"] == restarts


def test_both_sides_agree_when_every_node_in_contact_has_the_managers_first_word() -> None:
    words = (
        _mark(1_000, "healed", nodes=["n1", "n2"]),
        _event(1_500, "", "manager.says", "verdict/hq/a/n1", version=[4]),
        _event(1_700, "n1", "document.taken", "verdict/hq/a/n1", version=[4]),
    )
    assert _figures(*words)["healed_to_agreed_ms"] > 10_000
    assert (
        _figures(*words, _event(1_900, "n2", "document.taken", "verdict/hq/a/n1", version=[5]))["healed_to_agreed_ms"]
        == 900
    )
