"""How much faster than real time the simulator is: one core, invariants on, a client at work; by CPU seconds."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.figures import Figure, at_least

SEEDS = 5
CALM = {5: 200, 20: 40}
"""To each size of a site what is to be reached where nothing breaks."""
CALM_SECONDS = 60
RUN_WITHIN_S = 900.0


def measure() -> list[Figure]:
    """Calm sites of two sizes, and sites of all sizes in which everything breaks."""
    calm = [
        Figure(
            f"simulator_times_real_time_at_{nodes}_nodes",
            speeds("--calm", "--nodes", str(nodes), "--seconds", str(CALM_SECONDS)),
            at_least(reach),
        )
        for nodes, reach in CALM.items()
    ]
    return [*calm, Figure("simulator_times_real_time_with_faults", speeds(), more_is_better=True)]


def speeds(*words: str) -> tuple[float, ...]:
    """Of each seed the virtual seconds per CPU second. Raises `RuntimeError` if a property broke."""
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "sim", "run", "--seeds", str(SEEDS), "--twice", "0", "--json", *words],
        capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"skerry sim run {' '.join(words)}: {(done.stdout + done.stderr)[-500:]}")
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    return tuple(run["virtual_ms"] / run["cpu_ms"] for run in runs if "seed" in run)
