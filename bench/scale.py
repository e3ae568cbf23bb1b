"""How large a fleet the simulator holds: 10,000 nodes in 500 sites for a virtual minute, all invariants on."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.figures import Figure, at_least, at_most

SITES, NODES, MANAGERS, SECONDS, JOBS = 500, 20, 3, 60, 2
WITHIN_S = 600.0
MEMORY_MIB_MAX = 8_192.0
MIB = 1 << 20
RUN_WITHIN_S = 3_600.0
TIMES = ("min", "median", "p95", "p99", "max")


def measure() -> list[Figure]:
    """One run, in two processes. Raises `RuntimeError` if a property broke, or nothing came of it."""
    words = ("--sites", SITES, "--nodes", NODES, "--managers", MANAGERS, "--seconds", SECONDS, "--jobs", JOBS, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "sim", "scale", *map(str, words)],
        capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    if not lines:
        raise RuntimeError(f"skerry sim scale: {done.stderr[-500:]}")
    found = json.loads(lines[-1])
    if found["violation"] is not None:
        raise RuntimeError(f"skerry sim scale: {found['violation']}")
    times = found["to_one_plan"] or {}
    return [
        Figure("scale_real_seconds", (found["real_ms"] / 1_000,), at_most(WITHIN_S)),
        Figure("scale_cpu_seconds", (found["cpu_ms"] / 1_000,)),
        Figure("scale_memory_mib", (found["memory_bytes"] / MIB,), at_most(MEMORY_MIB_MAX)),
        Figure("scale_sites_with_one_plan", (found["planned"],), at_least(SITES)),
        *(Figure(f"scale_to_one_plan_{name}_ms", (times[f"{name}_ms"],)) for name in TIMES if times),
    ]
