"""The long form: `python -m tests.fuzzing.run --minutes 10 --target wire`, guided by what the data reaches in the code.

Each target has a process of its own, for so many minutes of a processor: how many pieces of data that lets it try does
not hang on what else the machine does. What it finds is kept in `examples`, one file for each place that something dies
at, and from then on `make test` tries it. What was learned of the data lies in `build/fuzz` for the next time.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import subprocess
import sys
import time
import traceback
from hashlib import blake2b
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER / "examples"
LEARNED = FOLDER.parents[1] / "build" / "fuzz"
DATA_BYTES_MAX = 256
INSTRUMENTED = ["skerry.core", "skerry.adapters", "skerry.shell", "skerry.api", "skerry.inputlog"]
"""Whose paths count as reached."""
LEFT_OUT = ["skerry.sim", "skerry.cli"]
"""What targets are made with. The fuzzer takes all of a package of which a part was named."""
WALL_FACTOR, WALL_MORE_S = 30, 600
"""Whoever has not had its processor time by then is given up: it stands still, or the machine has none to spare."""
TARGET_NAMES = (
    *("wire", "uplink", "node", "manifest", "cel", "probe", "use"),
    *("state", "store", "sqlite", "inputs", "settings"),
)


def main() -> int:
    """Run the targets that are named, or all in turn; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of a processor, for each target")
    parser.add_argument("--target", action="append", choices=TARGET_NAMES, help="may be repeated; all if left out")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    seconds = int(words.minutes * 60)
    if words.here:
        _guided(words.target[0], seconds)
        return 0
    before = _kept()
    failed = [name for name in words.target or TARGET_NAMES if not _ended_well(name, seconds)]
    found = sorted(_kept() - before)
    sys.stdout.write("".join(f"found: {path}\n" for path in found) or "nothing found\n")
    return 1 if found or failed else 0


def _ended_well(name: str, seconds: int) -> bool:
    words = ("--here", "--target", name, "--minutes", str(seconds / 60))
    try:
        ended = subprocess.run(
            (sys.executable, "-m", "tests.fuzzing.run", *words),
            check=False,
            timeout=seconds * WALL_FACTOR + WALL_MORE_S,
        ).returncode
    except subprocess.TimeoutExpired as late:
        sys.stdout.write(f"{name}: given up after {late.timeout:.0f} s\n")
        return False
    if ended != 0:
        sys.stdout.write(f"{name}: ended with {ended}\n")
    sys.stdout.flush()
    return ended == 0


def _kept() -> set[Path]:
    return set(EXAMPLES.glob("*/*.bin"))


def _guided(name: str, seconds: int) -> None:
    """Never returns: the fuzzer ends the process."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.exit("make fuzz: atheris is not here; it comes for Linux on x86-64 with Python 3.11 to 3.13")
    with atheris.instrument_imports(include=INSTRUMENTED, exclude=LEFT_OUT):
        from tests.fuzzing.dice import Dice
        from tests.fuzzing.targets import TARGETS, judged
    target, met, tried = TARGETS[name], set[str](), 0
    corpus = LEARNED / name
    corpus.mkdir(parents=True, exist_ok=True)

    def one(data: bytes) -> None:
        nonlocal tried
        tried += 1
        raw = target.grow(Dice(data))
        try:
            judged(name, raw)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            place = _place(error)
            if place not in met:
                met.add(place)
                _keep(name, raw, place)
        if time.process_time() > seconds:
            learned = len(list(corpus.iterdir()))
            sys.stdout.write(f"{name}: {seconds} s, {tried} tried, {learned} learned, {len(met)} found\n")
            sys.stdout.flush()
            signal.raise_signal(signal.SIGUSR1)  # libFuzzer takes it for the wish that it end after this one

    one(b"")
    flags = [
        f"-max_len={DATA_BYTES_MAX}",
        "-rss_limit_mb=2048",
        "-len_control=0",
        f"-artifact_prefix={LEARNED}/{name}-",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], one)
    atheris.Fuzz()


def _place(error: Exception) -> str:
    """Where in Skerry it came up, so that one defect is kept once."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/src/skerry/" in f.filename]
    where = f"{frames[-1].filename.rpartition('/src/')[2]}:{frames[-1].lineno}" if frames else str(error)
    return f"{type(error).__name__} at {where}"


def _keep(name: str, raw: bytes, place: str) -> None:
    path = EXAMPLES / name / f"{blake2b(raw, digest_size=6).hexdigest()}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    sys.stdout.write(f"{name}: {place}: kept as {path}\n{traceback.format_exc()}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
