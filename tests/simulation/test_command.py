"""`skerry sim`: what a person and a program get to know of runs, of failures, and of rules that were taken out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skerry.cli.sim import app
from skerry.sim.sabotages.sabotage import Patch
from skerry.sim.sabotages.trying import chosen

pytestmark = pytest.mark.timeout(300)

ONE_CALM_WORLD = ["run", "--seeds", "1", "--calm", "--nodes", "2", "--seconds", "1"]
NOBODY_KEEPS_HIS_VOTE = """
'''L1: a vote is not persisted, from outside
'''
import msgspec
from skerry.core.group.election.machine import Election

NOTICED_BY = ("I1",)
BUDGET = 3

def plant(patch):
    persist = Election._persist_follow
    forgetful = lambda self, follow: msgspec.structs.replace(persist(self, follow), persist=())
    patch.setattr(Election, "_persist_follow", forgetful)
"""


def test_a_program_is_told_the_speed_with_the_sum_and_whether_a_seed_is_a_world() -> None:
    ran = CliRunner().invoke(app, [*ONE_CALM_WORLD, "--twice", "1", "--json"])
    assert ran.exit_code == 0, ran.output
    seed, total = (json.loads(line) for line in ran.output.splitlines())
    assert (seed["seed"], seed["nodes"], seed["violation"]) == (0, 2, None)
    assert total["violations"] == 0 and total["virtual_ms"] == seed["virtual_ms"]
    assert total["speedup"] == round(total["virtual_ms"] / total["cpu_ms"], 1) > 0
    assert (total["deterministic"], total["run_twice"]) == (True, 1)
    assert total["virtual_hours"] == round(total["virtual_ms"] / 3_600_000, 2)


def test_a_person_is_told_it_in_words() -> None:
    ran = CliRunner().invoke(app, [*ONE_CALM_WORLD, "--twice", "0"])
    assert ran.exit_code == 0, ran.output
    assert "virtual seconds per CPU second" in ran.output and "0 violations" in ran.output


def test_a_seed_that_fails_is_told_with_its_code_its_property_and_the_smallest_world_in_which_it_fails() -> None:
    words = ["run", "--seeds", "1", "--twice", "0", "--shrink-seconds", "60"]
    (sabotage,) = chosen("L1: a vote is not persisted", None)
    with Patch() as patch:
        sabotage.plant(patch)
        ran = CliRunner().invoke(app, words)
        as_json = CliRunner().invoke(app, [*words, "--json"])
        told = json.loads(as_json.output.splitlines()[0])
        again = CliRunner().invoke(app, told["shrunk"]["replay"].split()[2:])
    assert ran.exit_code == as_json.exit_code == again.exit_code == 1
    assert "seed 0, commit " in ran.output or "seed 0, version " in ran.output
    assert "I1 (a node follows one leader a term" in ran.output
    assert "skerry sim replay 0 --" in ran.output
    assert told["shrunk"]["steps"] < told["steps"]
    assert told["shrunk"]["violation"] in again.output


def test_a_replay_of_what_no_world_has_is_wrong_use() -> None:
    assert CliRunner().invoke(app, ["replay", "1", "--without", "rain"]).exit_code == 2
    assert CliRunner().invoke(app, ["replay", "1", "--faults", "three"]).exit_code == 2


def test_an_outsiders_sabotage_is_planted_caught_and_taken_out_again(tmp_path: Path) -> None:
    file = tmp_path / "votes.py"
    file.write_text(NOBODY_KEEPS_HIS_VOTE)
    ran = CliRunner().invoke(app, ["sabotage", "--sabotage", str(file), "--json"])
    assert ran.exit_code == 0, ran.output
    caught = json.loads(ran.output)
    assert (caught["name"], caught["caught_by"]) == ("L1: a vote is not persisted, from outside", "I1")
    assert caught["seed"] is not None and caught["steps"] > 0
    assert CliRunner().invoke(app, [*ONE_CALM_WORLD, "--twice", "0"]).exit_code == 0


def test_a_sabotage_that_nobody_notices_fails_the_command(tmp_path: Path) -> None:
    file = tmp_path / "nothing.py"
    file.write_text("BUDGET = 1\ndef plant(patch): pass\n")
    ran = CliRunner().invoke(app, ["sabotage", "--sabotage", str(file)])
    assert ran.exit_code == 1 and "nothing: not caught in 1 worlds" in ran.output


def test_a_file_that_is_no_sabotage_is_wrong_use(tmp_path: Path) -> None:
    for text, why in (
        ("plant = 1", "no function plant(patch)"),
        ("def plant(patch): pass\nNOTICED_BY = ('I99',)", "names I99"),
        ("1 / 0", "ZeroDivisionError"),
    ):
        file = tmp_path / "wrong.py"
        file.write_text(text)
        ran = CliRunner().invoke(app, ["sabotage", "--sabotage", str(file)])
        assert ran.exit_code == 2 and why in ran.output
