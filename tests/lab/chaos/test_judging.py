"""Every verdict can be "violated": each rule is shown a record that breaks it, beside one like it that does not."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

from skerry.lab.chaos import judging, record, witness
from skerry.lab.chaos.judging import RULES, judge, leaked
from tests.lab.chaos.watched import CASE, NOTES, QUIET, Watched

ELSEWHERE = {**{pid: work for pid, work in QUIET.items() if pid != "1"}, "11": ("n2", "hq/files/placement#1")}
"""Placement has moved to n2."""


def without(*pids: str) -> dict[str, tuple[str, str]]:
    return {pid: work for pid, work in QUIET.items() if pid not in pids}


@pytest.mark.parametrize("module", [judging, record, witness])
def test_judge_and_witness_import_nothing_of_what_they_judge(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names} <= {
        "skerry.lab.chaos.record"
    }


def test_of_a_quiet_site_nothing_is_violated_and_hardly_anything_was_at_stake() -> None:
    verdicts = judge(Watched().seen(), CASE)
    assert [verdict.name for verdict in verdicts] == [rule.__name__.upper() for rule in RULES]
    assert {verdict.name for verdict in verdicts if verdict.times} == {"I4", "I7"}
    assert not any(verdict.violations for verdict in verdicts)


# ---- I2 ----


def test_i2_two_processes_able_to_run_at_once() -> None:
    assert Watched().runs(10, without("1")).runs(14, ELSEWHERE).verdict("I2").said == "held"
    both = Watched().runs(10, {**QUIET, **ELSEWHERE}).runs(10.1, ELSEWHERE)
    assert "were able to run at once for 100 ms" in both.verdict("I2").violations[0]


def test_i2_excuses_a_machine_that_stood_still_for_as_long_as_it_finishes_one_request() -> None:
    def thawed(over_s: float) -> Watched:
        frozen = Watched().fault(10, "freeze", "n1").runs(10, without("1"), stopped={"1": QUIET["1"]})
        moved = frozen.runs(15, ELSEWHERE, stopped={"1": QUIET["1"]}).mark(30, "thawed", nodes=["n1"])
        return moved.runs(30, {**QUIET, **ELSEWHERE}).runs(30 + over_s, ELSEWHERE).healed(31)

    assert thawed(0.5).verdict("I2").said == "held"
    assert thawed(5).verdict("I2").said == "violated"


def test_i2_the_client_believes_a_fence_that_is_over() -> None:
    fine = Watched().op(10, 1).op(11, 2).op(12, 1, ok=False).op(13, 2)
    assert not fine.verdict("I2").violations
    assert "believed fence 1 2000 ms after it had seen 2" in fine.op(13, 1).verdict("I2").violations[0]


def test_i2_the_workload_notes_decisions_of_two_at_once() -> None:
    assert not Watched().note(10, 1, "n1").note(11, 2, "n2").verdict("I2").violations
    late = Watched().note(10, 1, "n1").note(11, 2, "n2").note(12, 1, "n1")
    assert "fence 1 decided 1000 ms after fence 2" in late.verdict("I2").violations[0]


# ---- I4 ----


def test_i4_more_runs_than_was_agreed() -> None:
    more = Watched().runs(10, {**QUIET, "5": ("n1", "hq/files/intake#3")})
    assert "{'intake': 1} too many" in more.verdict("I4").violations[0]


def test_i4_one_instance_runs_twice() -> None:
    twice = Watched().runs(10, {**QUIET, "5": ("n1", "hq/files/migrate#1")})
    assert "hq/files/migrate#1" in twice.verdict("I4").violations[0]


@pytest.mark.parametrize("apart", [("split", ("n1",)), ("link", ("n1",)), ("split", ("n2", "n3"))])
def test_i4_what_needs_a_quorum_outlives_it(apart: tuple[str, tuple[str, ...]]) -> None:
    kind, nodes = apart
    stays = Watched().fault(10, kind, *nodes).healed(40)
    assert "outlived its grants" in stays.verdict("I4").violations[0]
    moves = Watched().fault(10, kind, *nodes).runs(13, without("1")).runs(15, ELSEWHERE).healed(40)
    assert moves.verdict("I4").said == "held"


def test_i4_who_is_put_back_before_all_are_may_have_a_quorum_again() -> None:
    """A cable after the other is put back, which takes a busy machine of many nodes its time."""
    apart = Watched().fault(10, "link", "n1").runs(13, without("1")).runs(33, QUIET)
    assert apart.healed(40, mending_s=31).verdict("I4").said == "held"


def test_i4_nobody_has_it_again_before_any_cable_is_back() -> None:
    apart = Watched().fault(10, "link", "n1").runs(13, without("1")).runs(33, QUIET)
    assert "outlived its grants" in apart.healed(40, mending_s=35).verdict("I4").violations[0]


# ---- time to run ----


def test_a_site_is_starved_as_much_as_the_agent_that_waited_longest() -> None:
    watched = Watched().add(10, "waited", ms={"n1": 1_000, "n2": 0}).add(20, "waited", ms={"n1": 1_500, "n2": 3_000})
    assert watched.seen().starved_percent == 30, "whatever else of the machine had to wait"
    assert Watched().seen().starved_percent == 0


# ---- I6 ----


def test_i6_more_seconds_are_counted_than_were_lived() -> None:
    once = Watched().add(299, "claim", instance="hq/files/placement#1", counted_s=298)
    assert once.verdict("I6").said == "held"
    twice = Watched().add(299, "claim", instance="hq/files/placement#1", counted_s=400)
    assert twice.verdict("I6").violations == ["hq/files/placement#1: 400 s counted, 301 s lived"]


# ---- I7 ----


def test_i7_a_site_does_not_settle_or_not_in_time() -> None:
    assert Watched().fault(10, "cut").healed(40, 45).verdict("I7").said == "held"
    assert Watched().fault(10, "cut").healed(40, 140).verdict("I7").said == "violated"
    never = Watched().fault(10, "cut").mark(40, "healed").mark(140, "unsettled", why="two leaders")
    assert "two leaders" in never.verdict("I7").violations[0]


def test_i7_healthy_work_ends_while_all_is_quiet() -> None:
    assert "intake#1 on n2 (2) ended" in Watched().runs(20, without("2")).verdict("I7").violations[0]


# ---- I9 ----


def test_i9_what_was_withdrawn_runs_on() -> None:
    spoken = Watched().runs(1, {**QUIET, **NOTES}).fault(10, "cut").mark(20, "withdraw")
    assert spoken.healed(30).verdict("I9").said == "violated"
    assert spoken.runs(35, QUIET).verdict("I9").said == "held"


# ---- U1 to U7 ----


def blackout(back_s: float | None) -> Watched:
    dark = Watched().fault(10, "blackout").runs(10, {}).mark(20, "started", nodes=["n1", "n2", "n3"])
    return (dark if back_s is None else dark.runs(back_s, QUIET)).healed(100)


def test_u1_work_is_not_back_while_the_site_is_cut_off() -> None:
    assert blackout(30).verdict("U1").said == "held"
    assert blackout(None).verdict("U1").said == "violated"
    assert blackout(101).verdict("U1").said == "violated", "only when somebody could be asked again"


def test_u2_what_the_manager_was_told_meanwhile_does_not_come_about() -> None:
    told = Watched().fault(10, "cut").mark(20, "issue").healed(30)
    assert told.verdict("U2").said == "violated"
    assert told.runs(40, {**QUIET, **NOTES}).verdict("U2").said == "held"


def test_u3_healthy_work_is_restarted_because_the_link_dropped() -> None:
    assert Watched().fault(10, "cut").runs(12, without("4")).healed(30).verdict("U3").said == "held"
    restarted = Watched().fault(10, "flap").runs(12, without("2")).runs(13, {**QUIET, "2": QUIET["3"]})
    assert "intake#1 on n2 (2) ended" in restarted.healed(30).verdict("U3").violations[0]


def test_u4_what_is_handed_in_runs_only_once_the_link_is_back() -> None:
    handed = Watched().fault(10, "cut").mark(20, "hand_in").healed(60)
    assert handed.verdict("U4").said == "violated"
    assert handed.runs(70, {**QUIET, **NOTES}).verdict("U4").said == "violated"
    assert handed.runs(30, {**QUIET, **NOTES}).verdict("U4").said == "held"


def test_u5_the_last_survivor_stops_too() -> None:
    alone = Watched().fault(10, "kill", "n1", "n3").runs(10, {"2": QUIET["2"]})
    assert alone.mark(40, "started", nodes=["n1", "n3"]).healed(41).verdict("U5").said == "held"
    nothing = Watched().fault(10, "kill", "n1", "n3").runs(10, {})
    assert nothing.mark(40, "started", nodes=["n1", "n3"]).healed(41).verdict("U5").said == "violated"


def lost(*works: tuple[float, dict[str, tuple[str, str]]]) -> Watched:
    dead = Watched().fault(10, "kill", "n1").runs(10.2, without("1"))
    for at_s, able in works:
        dead.runs(at_s, able)
    return dead.mark(40, "started", nodes=["n1"]).healed(41)


def test_u6_the_work_of_a_dead_node_does_not_move() -> None:
    assert lost((15, ELSEWHERE)).verdict("U6").said == "held"
    assert lost((30, ELSEWHERE)).verdict("U6").said == "violated", "not in seconds"
    assert lost().verdict("U6").said == "violated"


def test_u6_a_client_is_sent_to_the_dead() -> None:
    sent = lost((15, ELSEWHERE)).op(35, 1, ok=False, node="n1")
    assert "sent to n1, which was dead" in sent.verdict("U6").violations[0]


def test_u7_a_node_whose_own_uplink_is_out_is_taken_for_dead() -> None:
    assert Watched().fault(10, "uplink", "n2").healed(40).verdict("U7").said == "held"
    taken = Watched().fault(10, "uplink", "n2").runs(15, {**without("2"), "22": ("n1", "hq/files/intake#1")})
    assert "intake#1 on n2 (2) was taken from a node that lived" in taken.healed(40).verdict("U7").violations[0]


def test_a_cable_that_carries_frames_though_it_is_out_is_no_fault() -> None:
    cut = Watched().fault(10, "cut").frames(11, manager_up=5).frames(30, manager_up=5).healed(40)
    assert leaked(cut.seen(), CASE) == []
    assert leaked(cut.frames(31, manager_up=6).seen(), CASE) == ["round 1: manager-up"]


def test_a_machine_may_take_its_time_over_putting_cables_back() -> None:
    def mended_from(at_s: float) -> Watched:
        cut = Watched().fault(10, "cut").frames(11, manager_up=5).frames(30, manager_up=5).frames(35, manager_up=900)
        return cut.healed(40, mending_s=at_s)

    assert leaked(mended_from(31).seen(), CASE) == []
    assert leaked(mended_from(36).seen(), CASE) == ["round 1: manager-up"]
