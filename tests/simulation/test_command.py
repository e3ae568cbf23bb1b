"""`skerry sim run`: what a person and a program get to know of a run."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from skerry.cli.sim import app

ONE_CALM_WORLD = ["run", "--seeds", "1", "--calm", "--nodes", "2", "--seconds", "1"]


def test_a_program_is_told_the_speed_with_the_sum() -> None:
    ran = CliRunner().invoke(app, [*ONE_CALM_WORLD, "--json"])
    assert ran.exit_code == 0, ran.output
    seed, total = (json.loads(line) for line in ran.output.splitlines())
    assert (seed["seed"], seed["nodes"], seed["violation"]) == (0, 2, None)
    assert total["violations"] == 0 and total["virtual_ms"] == seed["virtual_ms"]
    assert total["speedup"] == round(total["virtual_ms"] / total["cpu_ms"], 1) > 0


def test_a_person_is_told_it_in_words() -> None:
    ran = CliRunner().invoke(app, ONE_CALM_WORLD)
    assert ran.exit_code == 0, ran.output
    assert "virtual seconds per CPU second" in ran.output and "0 violations" in ran.output
