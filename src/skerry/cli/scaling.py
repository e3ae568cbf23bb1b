"""`skerry sim scale`: how large a fleet may grow, and how soon each of its sites has one plan."""

from __future__ import annotations

import msgspec
import typer

from skerry.sim.fleet import Extent, Scale, run_fleet
from skerry.sim.runner import Publisher

MIB = 1 << 20


def scale(publisher: Publisher, extent: Extent, *, jobs: int, json: bool) -> None:
    """Run the fleet, tell what became of it, and exit 1 if a site has no plan or a property was broken."""
    found = run_fleet(extent, publisher, jobs=jobs)
    typer.echo(msgspec.json.encode(found).decode() if json else _in_words(found))
    raise typer.Exit(1 if found.violation is not None or found.planned < found.sites else 0)


def _in_words(found: Scale) -> str:
    of_what = f"{found.nodes} nodes in {found.sites} sites with {found.managers} managers"
    spent = f"{found.cpu_ms / 1_000:.1f} CPU seconds, {found.memory_bytes // MIB} MiB"
    lines = [
        f"{of_what}: {found.virtual_ms // 1_000} s of virtual time in {spent}, {found.steps} transitions",
        f"{found.planned} sites have one plan",
    ]
    if found.to_one_plan is not None:
        times = found.to_one_plan
        lines.append(
            f"ms to one plan: min {times.min_ms}, median {times.median_ms}, p95 {times.p95_ms}, p99 {times.p99_ms}, "
            f"max {times.max_ms}"
        )
    return "\n".join([*lines, *([found.violation] if found.violation is not None else [])])
