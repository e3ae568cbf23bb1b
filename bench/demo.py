"""The demonstration's figures over several seeds, at the timers that it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from bench.figures import Figure, Goal, over_runs
from skerry.lab.demo.figures import Reach, client, cut, losses, reconnection
from skerry.lab.demo.script import timers

RUN_WITHIN_S = 400.0
NO_FIGURES = ("seed", "nodes")


def measure(seeds: range) -> list[Figure]:
    """Play it once a seed, one after the other."""
    runs = [played(seed) for seed in seeds]
    kept = [{name: value for name, value in run.items() if name not in NO_FIGURES} for run in runs]
    failed = sum(1 for run in runs if not run.get("ok"))
    return [
        Figure("demo_runs_that_missed_a_figure", (failed,), Goal("0", lambda value: value == 0)),
        *over_runs(kept, {name: _goal(reach) for name, reach in goals().items()}),
    ]


def goals() -> Mapping[str, Reach]:
    """What a run is judged by."""
    set_to = timers()
    return {**client(), **cut(set_to), **losses(set_to), **reconnection()}


def played(seed: int) -> dict[str, Any]:
    """The last line of one demonstration."""
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "demo", "--seed", str(seed), "--json"],
        capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    last: dict[str, Any] = json.loads(lines[-1]) if lines else {"ok": False, "failed": done.stderr.strip()[-500:]}
    if not last["ok"]:
        why = last.get("failed") or ", ".join(last.get("missed", []))
        sys.stderr.write(f"demo --seed {seed}: not reached: {why}\n")
    return last


def _goal(reach: Reach) -> Goal:
    return Goal(reach.text, reach.holds)
