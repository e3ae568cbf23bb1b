"""`make regressions`: does each seed that once failed still fail in the commit before its mend, and hold in the mend?

    python -m tests.simulation.regressions [--only 68,283]

A regression that never failed proves nothing. Each commit is checked out into a temporary folder and runs the seed with
its own code, simulator and checkers, in today's environment. What no commit shows (a bug that was mended before it was
committed) says so in seeds.txt, and is listed here as not shown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.simulation.known import Known, known_seeds

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 900
NEWER_OPTIONS = ("--twice", "--shrink-seconds")
"""Options that cost time here and that older commits do not have; with 0 they are off."""


def main() -> int:
    """One line for each seed; 1 if one is not as it should be."""
    options = _options()
    wrong = 0
    for known in known_seeds():
        if options.only and known.seed not in options.only:
            continue
        said, good = _judge(known)
        wrong += not good
        sys.stdout.write(f"{known.seed:5d}  {known.property_id:4s} {'ok   ' if good else 'WRONG'}  {said}\n")
        sys.stdout.flush()
    return 1 if wrong else 0


def _judge(known: Known) -> tuple[str, bool]:
    if known.not_shown is not None:
        return f"not shown: {known.not_shown}", True
    if known.mended_by is None:
        return "seeds.txt does not say which commit mended it", False
    mends = _commits_called(known.mended_by)
    if len(mends) != 1:
        return f"{len(mends)} commits of this history are called {known.mended_by!r}", False
    before, after = _violation(f"{mends[0]}^", known.seed), _violation(mends[0], known.seed)
    where = f"at {mends[0][:9]}, {known.mended_by!r}"
    if before is None:
        return f"holds already before the mend {where}", False
    if not before.startswith(f"{known.property_id} "):
        return f"before the mend {where} breaks another property: {before}", False
    if after is not None:
        return f"still fails {where}: {after}", False
    return f"fails before the mend {where}, and holds there", True


def _commits_called(subject: str) -> list[str]:
    log = _git("log", "--format=%H %s")
    return [line.split()[0] for line in log.splitlines() if line.split(maxsplit=1)[1:] == [subject]]


def _violation(commit: str, seed: int) -> str | None:
    """What the seed breaks in the code of a commit; None if it holds there."""
    with tempfile.TemporaryDirectory(prefix="skerry-regression-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            return _run(tree, seed)
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _run(tree: Path, seed: int) -> str | None:
    known_options = _skerry(tree, "run", "--help")
    off = [word for option in NEWER_OPTIONS if option in known_options for word in (option, "0")]
    lines = _skerry(tree, "run", "--first-seed", str(seed), "--seeds", "1", "-o", "json", *off).splitlines()
    verdicts = [json.loads(line) for line in lines if line.startswith('{"seed":')]
    if len(verdicts) != 1:
        raise SystemExit(f"seed {seed} in {tree}: no verdict in {lines[-3:]}")
    violation: str | None = verdicts[0]["violation"]
    return violation


def _skerry(tree: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "sim", *words],
        cwd=tree, env={**os.environ, "PYTHONPATH": str(tree / "src")},
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise SystemExit(f"skerry sim {' '.join(words)} in {tree}: {done.stderr[-500:]}")
    return done.stdout


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="does each seed that once failed still fail before its mend?")
    parser.add_argument(
        "--only", type=lambda text: [int(seed) for seed in text.split(",")], default=[], metavar="SEED,..."
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
