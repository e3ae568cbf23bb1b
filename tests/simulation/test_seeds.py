"""Many worlds: no seed breaks a property, a run sees all that it is meant to see, and a seed is a world."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.cli.sim import example_book
from skerry.sim.book import Book
from skerry.sim.coverage import missing
from skerry.sim.runner import Verdict, run_many, run_seed

SEEDS = 200
ROOT = Path(__file__).parents[2]
KNOWN = [
    int(line.split()[0])
    for line in Path(__file__).with_name("seeds.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]


def told(verdict: Verdict) -> str:
    return "\n".join((*verdict.last, f"seed {verdict.seed}: {verdict.violation}"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_seed_breaks_a_property_and_everything_happened(capsys) -> None:
    tally = run_many(range(SEEDS), example_book, jobs=max(1, min(2, os.cpu_count() or 1)))
    with capsys.disabled():
        table = "".join(f"{times:9d}  {name}\n" for name, times in tally.counts.items())
        sys.stdout.write(
            f"\n{tally.seeds} seeds, {tally.virtual_ms // 1000} virtual s, {tally.speedup} virtual s per CPU s\n{table}"
        )
    assert not tally.violations, "\n\n".join(told(v) for v in tally.violations[:3])
    assert tally.seeds == SEEDS
    assert missing(tally.counts) == [], "these never happened in the whole run"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", KNOWN)
def test_a_seed_that_once_failed_holds(seed: int, book: Book) -> None:
    verdict = run_seed(seed, book)
    assert verdict.violation is None, told(verdict)


def digest_under(hash_seed: str, seed: int) -> str:
    """The digest of a seed's whole run, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", "from skerry.cli.sim import app; app()", "replay", str(seed)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    last = ran.stdout.splitlines()[-1]
    assert last.startswith(f"seed {seed}: digest "), last
    return last.split()[3]


@pytest.mark.timeout(300)
def test_a_seed_gives_the_same_inputs_effects_and_states_under_any_hash_seed() -> None:
    digests = {seed: {digest_under(hash_seed, seed) for hash_seed in ("0", "4711")} for seed in (10, 16, 22)}
    assert all(len(found) == 1 for found in digests.values()), digests
    assert len(set.union(*digests.values())) == len(digests), "two seeds are one world"
