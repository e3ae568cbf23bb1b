"""`skerry sim scale`: many sites on one clock, each with a plan of its own."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from skerry.cli.sim import app, example_book
from skerry.sim.fleet import Extent, run_fleet


def test_every_site_has_one_plan_and_the_last_line_says_how_soon() -> None:
    ran = CliRunner().invoke(
        app, ["scale", "--sites", "3", "--nodes", "2", "--managers", "2", "--seconds", "8", "--jobs", "2", "--json"]
    )
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.output.splitlines()[-1])
    assert (found["sites"], found["nodes"], found["planned"], found["violation"]) == (3, 6, 3, None)
    times = found["to_one_plan"]
    assert 0 < times["min_ms"] <= times["median_ms"] <= times["p95_ms"] <= times["p99_ms"] <= times["max_ms"] < 8_000
    assert found["memory_bytes"] > 0 and found["steps"] > 0


def test_a_site_that_has_no_plan_yet_is_not_counted() -> None:
    found = run_fleet(Extent(sites=2, nodes=2, managers=1, seconds=1), example_book)
    assert (found.planned, found.to_one_plan, found.violation) == (0, None, None)


def test_sites_that_have_lost_their_manager_before_their_first_boot_decide_all_the_same() -> None:
    found = run_fleet(Extent(sites=1, nodes=2, managers=0, seconds=8), example_book)
    assert (found.planned, found.violation) == (1, None)


def test_what_becomes_of_a_site_does_not_depend_on_who_shares_its_process() -> None:
    extent = Extent(sites=3, nodes=1, managers=2, seconds=6)
    alone, shared = run_fleet(extent, example_book), run_fleet(extent, example_book, jobs=2)
    assert alone.planned == 3
    assert (shared.steps, shared.planned, shared.to_one_plan) == (alone.steps, alone.planned, alone.to_one_plan)
