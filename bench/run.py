"""`make bench`: what the product reaches, as a table and as JSON.

    python -m bench.run [--only demo,idle,ballots,simulator,scale] [--seeds 5] [--idle-minutes 10] [--json FILE]

Takes about half an hour, and leaves nothing behind. Exits with 0 if every figure with a goal reached it. The machine
should have nothing else to do: what it does is in the times, and most of it in the CPU seconds too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench import ballots, demo, idle, scale, simulator
from bench.figures import Figure, Goal, table
from skerry.lab.asking import Unanswered
from skerry.lab.state import LabError
from skerry.shell.settings import SettingsError

FAILURES = (LabError, Unanswered, SettingsError, OSError, RuntimeError, ValueError, subprocess.SubprocessError)


def main() -> int:
    """Measure one subject after the other, and show what came of it."""
    options = _options()
    first = options.first_seed
    subjects: dict[str, Callable[[], list[Figure]]] = {
        "demo": lambda: demo.measure(range(first, first + options.seeds)),
        "idle": lambda: idle.measure(options.idle_minutes),
        "ballots": ballots.measure,
        "simulator": simulator.measure,
        "scale": scale.measure,
    }
    unknown = set(options.only) - set(subjects)
    if unknown:
        sys.stderr.write(f"--only {','.join(sorted(unknown))}: expected some of {','.join(subjects)}\n")
        return 2
    console = Console(stderr=True)
    found: list[Figure] = []
    for name, measure in subjects.items():
        if not options.only or name in options.only:
            with console.status(f"measuring: {name}"):
                found += _measured(name, measure)
            if options.json:  # after each, so that nothing is lost if a later one is interrupted
                options.json.write_text(json.dumps([figure.row() for figure in found], indent=1) + "\n")
    Console().print(table(found))
    return 1 if any(figure.reached is False for figure in found) else 0


def _measured(name: str, measure: Callable[[], list[Figure]]) -> list[Figure]:
    """What came of one subject; one that could not be measured is said, and the others go on."""
    try:
        return measure()
    except FAILURES as error:
        sys.stderr.write(f"{name}: {error}\n")
        return [Figure(name, (), Goal("measured", lambda _: True), left_out="it failed")]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what the product reaches")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="SUBJECT,...")
    parser.add_argument("--seeds", type=int, default=5, help="demonstrations (default: 5)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--idle-minutes", type=float, default=10, help="how long to watch a site at rest (default: 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
