"""`make bench`: the demonstration's figures over five seeds, median and worst, as a table and as JSON.

    python bench/run.py [--seeds 5] [--first-seed 1] [--json FILE]

Exits with 0 if every run reached every figure. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RUN_WITHIN_S = 400.0


def played(seed: int) -> dict[str, Any]:
    """The last line of one demonstration."""
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "demo", "--seed", str(seed), "--json"],
        capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    if not lines:
        return {"ok": False, "seed": seed, "failed": done.stderr.strip()[-500:]}
    last: dict[str, Any] = json.loads(lines[-1])
    return last


def summary(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """By figure the median and the worst of what was seen."""
    names = sorted({name for run in runs for name, value in run.items() if type(value) is int and name != "seed"})
    found = {}
    for name in names:
        values = [run[name] for run in runs if type(run.get(name)) is int]
        found[name] = {"median": statistics.median(values), "worst": max(values), "runs": len(values)}
    return found


def main() -> int:
    """Run them one after the other, and show what came of it."""
    parser = argparse.ArgumentParser(description="the demonstration's figures over several seeds")
    parser.add_argument("--seeds", type=int, default=5, help="how many (default: 5)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    options = parser.parse_args()
    console = Console()
    runs = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        with console.status(f"seed {seed}"):
            runs.append(played(seed))
        last = runs[-1]
        why = last.get("failed") or ", ".join(last.get("missed", []))
        console.print(f"seed {seed}: {'every figure reached' if last['ok'] else 'not reached: ' + why}")
    found = summary(runs)
    table = Table("figure", "median", "worst", "runs", box=None, pad_edge=False)
    for name, row in found.items():
        table.add_row(name, f"{row['median']:g}", f"{row['worst']:g}", str(row["runs"]))
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps({"runs": runs, "figures": found}, indent=1) + "\n")
    return 0 if all(run["ok"] for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
