"""How much faster than real time the simulator is, invariants on: one core, seeds of all sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench.figures import Figure

SEEDS = 40
RUN_WITHIN_S = 900.0


def measure() -> list[Figure]:
    """One run over the first seeds; by CPU time, so that what else the machine does counts little."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "sim", "run", "--seeds", str(SEEDS), "-o", "json"],
        capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    after = os.times()
    if done.returncode:
        raise RuntimeError(f"skerry sim run: exit {done.returncode}: {(done.stdout + done.stderr)[-500:]}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    last = json.loads(done.stdout.splitlines()[-1])
    return [
        Figure("simulator_times_real_time_by_cpu", (last["virtual_ms"] / 1000 / cpu_s,)),
        Figure("simulator_times_real_time_as_it_says", (last["speedup"],)),
        Figure("simulator_seeds", (last["seeds"],)),
    ]
