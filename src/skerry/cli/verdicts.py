"""What `skerry sim run` says of a seed that failed, and of them all; and how a shrunk world is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
import typer

from skerry.cli.origin import origin
from skerry.sim.book import Book
from skerry.sim.faults.driver import Happened
from skerry.sim.options import Shape, draw_options
from skerry.sim.runner import LIVENESS_MS, SAFETY_MS, Tally, Verdict
from skerry.sim.shrinking import Shrunk, shrink
from skerry.sim.twice import Twins

SHOWN = ("seed", "nodes", "virtual_ms", "steps", "real_ms", "cpu_ms", "violation", "property_id")
NO_FAULTS = "none"


def shrunk(verdict: Verdict, book: Book, shape: Shape, within_s: int) -> Shrunk | None:
    """The smallest world of a seed that failed; None if it held, or if there is no time for it."""
    if verdict.violation is None or not within_s:
        return None
    return shrink(draw_options(verdict.seed, SAFETY_MS, LIVENESS_MS), book, shape, verdict, within_s)


def in_a_line(verdict: Verdict, small: Shrunk | None, shape: Shape) -> dict[str, Any]:
    """For programs."""
    line = {name: value for name, value in msgspec.structs.asdict(verdict).items() if name in SHOWN}
    if verdict.violation is not None:
        line |= {"origin": origin(), "replay": command(verdict.seed, shape), "last": verdict.last}
    if small is not None:
        found = small.verdict
        line["shrunk"] = {
            "replay": command(found.seed, small.shape),
            "nodes": found.nodes,
            "virtual_ms": found.virtual_ms,
            "steps": found.steps,
            "faults": [msgspec.to_builtins(fault) for fault in found.faults],
            "violation": found.violation,
        }
    return line


def told(verdict: Verdict, small: Shrunk | None, shape: Shape) -> str:
    """For people: the last transitions, one a line and a column a node, of the smallest world that is known; what broke
    there; and how to see it again."""
    found = small.verdict if small is not None else verdict
    lines = [*found.last, "", f"seed {verdict.seed}, {origin()}: {verdict.violation}"]
    lines.append(f"  {_size(verdict)}; with every transition: {command(verdict.seed, shape)}")
    if small is not None and small.worlds:
        lines.append(f"shrunk, above: {_size(found)}; {command(found.seed, small.shape)}")
        lines += [f"  {_in_words(fault)}" for fault in found.faults]
        if found.violation != verdict.violation:
            lines.append(f"  {found.violation}")
    return "\n".join(lines)


def command(seed: int, shape: Shape) -> str:
    """What reproduces a seed under a shape."""
    words = ["skerry sim replay", str(seed)]
    words += ["--calm"] if shape.calm else []
    words += [f"--nodes {shape.nodes}"] if shape.nodes is not None else []
    words += [f"--seconds {shape.safety_ms // 1_000}"] if shape.safety_ms is not None else []
    if shape.only_faults is not None:
        words.append(f"--faults {','.join(map(str, sorted(shape.only_faults))) or NO_FAULTS}")
    words += [f"--without {name}" for name in shape.without]
    return " ".join(words)


def numbers(text: str | None) -> frozenset[int] | None:
    """The numbers of faults that `command` wrote. Raises `typer.BadParameter`."""
    if text is None:
        return None
    try:
        return frozenset(int(number) for number in text.split(",")) if text != NO_FAULTS else frozenset()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} are no numbers of faults, such as 3,9, nor {NO_FAULTS!r}") from error


def summary(tally: Tally, twins: Twins | None) -> dict[str, Any]:
    """The last line for programs."""
    return {
        "seeds": tally.seeds,
        "virtual_hours": round(tally.virtual_ms / 3_600_000, 2),
        "virtual_ms": tally.virtual_ms,
        "steps": tally.steps,
        "cpu_ms": tally.cpu_ms,
        "speedup": tally.speedup,
        "violations": len(tally.violations),
        "deterministic": twins.deterministic if twins is not None else None,
        "run_twice": len(twins.seeds) if twins is not None else 0,
        "origin": origin(),
    }


def sum_in_words(tally: Tally, twins: Twins | None) -> str:
    """The last line for people."""
    return (
        f"{tally.seeds} seeds, {tally.virtual_ms // 1000} s of virtual time in {tally.real_ms / 1000:.1f} s, "
        f"{tally.speedup} virtual seconds per CPU second, {tally.steps} transitions, {len(tally.violations)} violations"
        f"{_twins_in_words(twins)}"
    )


def _twins_in_words(twins: Twins | None) -> str:
    if twins is None:
        return ""
    if twins.hashed_alike:
        return "\nnothing is known of determinism: both processes hashed alike"
    if twins.differing:
        return f"\nnot deterministic: under another hash seed another run of {', '.join(map(str, twins.differing))}"
    if not twins.deterministic:
        return f"\nnot deterministic: {len(twins.seeds)} seeds are only {twins.distinct} worlds"
    return f"\ndeterministic: {len(twins.seeds)} seeds run twice under different hash seeds, each the same both times"


def _size(verdict: Verdict) -> str:
    return (
        f"{verdict.nodes} nodes, {len(verdict.faults)} faults, {verdict.virtual_ms / 1000:.1f} s, "
        f"{verdict.steps} transitions"
    )


def _in_words(fault: Happened) -> str:
    return f"fault {fault.number}: {fault.kind} at {fault.from_ms / 1000:.3f} s, for {fault.length_ms / 1000:.3f} s"


def counted(counts: Mapping[str, int], absent: Sequence[str]) -> str:
    """What happened how often, and what did not, in groups."""
    rows = sorted({**counts, **dict.fromkeys(absent, 0)}.items(), key=lambda row: (row[0].split(".")[0], row[0]))
    lines: list[str] = []
    for group, inside in groupby(rows, key=lambda row: row[0].split(".")[0]):
        lines.append(f"{group}:")
        lines += [
            f"{times:9d}  {name.removeprefix(group + '.')}{'' if times else '   NEVER'}" for name, times in inside
        ]
    return "\n".join(lines)
