"""`make mutants`: which small changes of the core's rules does no test notice?

    python -m tests.mutation.mutants [--minutes 10] [--only voting,granting] [--json]

mutmut (in an environment of its own, build/mutants) changes one thing at a time in a copy of the checkout
(build/mutated), and trying.py runs those tests of tests/core that come by there. What was tried is kept between runs:
one goes on where the last stopped, and a function that was changed is tried anew. A survivor is killed by a new test,
or explained in explained.toml beside this file; one that is neither fails the run, and so does an explanation that
nothing needs. Functions with a decorator and constants of modules are not changed by mutmut: the simulator's sabotages
are for those.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutated"
PYTHON = ROOT / "build" / "mutants" / "bin" / "python"
"""Mutmut's."""
EXPLAINED = Path(__file__).with_name("explained.toml")
MUTATED = ("src/skerry/core/stages/*/rules.py", "src/skerry/core/group/*")
CONFIG = f"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = {json.dumps(MUTATED)}
"""
WIDTH_ELSEWHERE = 160
NOT_TRIED, SURVIVED = None, 0
"""Exit codes as mutmut notes them."""


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    name: str
    """As mutmut calls it."""
    where: str
    """Module and function."""
    change: str
    """The lines that went and came."""


def main() -> int:
    """Try mutants for so long, and report all that are known."""
    options = _options()
    _refresh()
    _mutate(options.minutes, options.only)
    codes = _codes(options.only)
    diffs: dict[str, str] = json.loads((COPY / "survivors.json").read_text())
    survivors = [_survivor(name, diff) for name, diff in diffs.items()]
    explained = tomllib.loads(EXPLAINED.read_text())["survivor"]
    reasons = {(one["where"], one["change"].strip()): one["why"] for one in explained}
    open_ones = [s for s in survivors if (s.where, s.change) not in reasons]
    known = {(s.where, s.change) for s in survivors}
    untried = any(code is NOT_TRIED for file in codes.values() for code in file.values())
    stale = [where for where, change in reasons if (where, change) not in known and not untried and not options.only]
    _tell(codes, open_ones, stale, options.json)
    if not codes:
        sys.stderr.write(f"no mutant's name contains {' or '.join(options.only)}\n")
        return 1
    if all(code is NOT_TRIED for file in codes.values() for code in file.values()):
        sys.stderr.write(f"none was tried: {options.minutes:g} minutes were over before; give more, with --minutes\n")
        return 1
    return 1 if open_ones or stale else 0


def _refresh() -> None:
    """Bring the copy up to date; mutmut's own folder in it stays.

    Whether a file has changed is told by its time there, and that must be when it was copied: what was written while
    the last run made its mutants is older than they are, and would pass for unchanged."""
    for name in ("src", "tests"):
        for old in (COPY / name).rglob("*"):
            if old.is_file() and not (ROOT / old.relative_to(COPY)).exists():
                old.unlink()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, COPY / name, copy_function=_copy_changed, ignore=ignored, dirs_exist_ok=True)
        shutil.rmtree(COPY / "mutants" / "tests", ignore_errors=True)
    (COPY / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + CONFIG)


def _copy_changed(here: str, there: str) -> None:
    if not Path(there).exists() or Path(there).read_bytes() != Path(here).read_bytes():
        shutil.copyfile(here, there)


def _mutate(minutes: float, only: list[str]) -> None:
    words = [str(PYTHON), "tests/mutation/trying.py", "--minutes", str(minutes)]
    words += ["--only", ",".join(only)] if only else []
    with (COPY / "trying.log").open("w") as log:
        process = subprocess.Popen(words, cwd=COPY, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            with Console(stderr=True).status(f"changing one thing at a time, for {minutes:g} minutes or little longer"):
                code = process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code != 0:
        raise SystemExit(f"trying.py ended with {code}; see {COPY / 'trying.log'}")


def _codes(only: list[str]) -> dict[str, dict[str, int | None]]:
    """To each file its mutants with the exit code of their tests."""
    found: dict[str, dict[str, int | None]] = {}
    for meta in sorted((COPY / "mutants").rglob("*.py.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
        chosen = {name: code for name, code in codes.items() if not only or any(o in name for o in only)}
        if chosen:
            found[str(meta.relative_to(COPY / "mutants")).removesuffix(".meta")] = chosen
    return found


def _survivor(name: str, diff: str) -> Survivor:
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    change = "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines if line[1:].strip())
    module, _, function = name.rpartition("__mutmut_")[0].rpartition(".")
    plain = function.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in function else function.removeprefix("x_")
    return Survivor(name, f"{module}.{plain}", change)


def _tell(codes: dict[str, dict[str, int | None]], open_ones: list[Survivor], stale: list[str], as_json: bool) -> None:
    rows = [_row(path, file, open_ones) for path, file in codes.items()]
    rows.append(_row("all", {name: code for file in codes.values() for name, code in file.items()}, open_ones))
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(row) + "\n")
        unexplained = [{"where": s.where, "change": s.change} for s in open_ones]
        sys.stdout.write(json.dumps({"unexplained": unexplained, "stale": stale}) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="left" if name == "file" else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_ELSEWHERE)
    console.print(table)
    for survivor in open_ones:
        console.print(f"\nsurvived: {survivor.where} ({survivor.name})\n{survivor.change}", soft_wrap=True)
    for where in stale:
        console.print(f"\nexplained in {EXPLAINED.name}, and no survivor any more: {where}", soft_wrap=True)


def _row(path: str, file: dict[str, int | None], open_ones: list[Survivor]) -> dict[str, Any]:
    counted = Counter(file.values())
    unexplained = sum(survivor.name in file for survivor in open_ones)
    return {
        "file": path.removeprefix("src/skerry/core/"),
        "mutants": len(file),
        "tried": len(file) - counted[NOT_TRIED],
        "killed": len(file) - counted[SURVIVED] - counted[NOT_TRIED],
        "explained": counted[SURVIVED] - unexplained,
        "open": unexplained,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="which small changes of the core's rules does no test notice?")
    parser.add_argument("--minutes", type=float, default=10, help="begin nothing new after so long (default: 10)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="TEXT,...", help="of these")
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
