"""`make bench-disconnect`: what a silent link costs, of Skerry and of others, in network namespaces of this machine.

    python -m bench.disconnect.run [--only skerry,etcd] [--settings defaults,tuned] [--nodes 3,5,24] [--repeats 20]
        [--rest-minutes 5] [--seed 1] [--out FOLDER] [--resume]
    python -m bench.disconnect.run --table [--out FOLDER]

Needs root and iproute2; a peer whose programs are not installed is left out, saying which package brings them. Samples
are written to FOLDER as they come, so a run that was ended goes on with `--resume`. Progress is told on standard error.
Ctrl-C ends it and leaves no process and no namespace.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.disconnect import tables
from bench.disconnect.beside import StoppedLooking
from bench.disconnect.sample import Case, Sample, append, done, read
from bench.disconnect.systems.base import Failed, Figures, System, pause, removed
from bench.disconnect.systems.etcd import Etcd
from bench.disconnect.systems.nats import Nats
from bench.disconnect.systems.pacemaker import Pacemaker
from bench.disconnect.systems.patroni import Patroni
from bench.disconnect.systems.serf import Serf
from bench.disconnect.systems.skerry import Skerry
from skerry.lab import wires
from skerry.lab.draws import draw
from skerry.lab.interrupting import Interrupted, interruptible
from skerry.lab.state import LabError
from skerry.shell.clock import wall_ms
from skerry.shell.settings import SettingsError

SYSTEMS: tuple[type[System], ...] = (Skerry, Etcd, Serf, Nats, Pacemaker, Patroni)
OUT = Path("build/bench-disconnect")
PHASE_MS = 5_000
"""A trial begins so much later at most, drawn from the seed: against timers that nobody set."""
REST_FIRST_S = 40.0
"""After a start, before anything is counted at rest."""
FAILURES = (Failed, StoppedLooking, LabError, SettingsError, wires.WiresError, OSError, subprocess.SubprocessError)
FAILURES_MAX = 3
"""In a row, after which a case is given up."""


def main() -> int:
    """Run it, or show what came of it; returns the exit code."""
    wanted = options(sys.argv[1:])
    if wanted.table:
        sys.stdout.write(tables.page(list(read(sorted(wanted.out.glob("*.jsonl"))))))
        return 0
    reason = wires.why_not()
    if reason is not None:
        sys.stderr.write(f"this benchmark cuts real links: {reason}\n")
        return 2
    try:
        with interruptible():
            for system, case in cases(wanted):
                Runner(system, case, wanted).run()
    except Interrupted as interrupted:
        sys.stderr.write(f"interrupted by {interrupted}; nothing is left running; --resume goes on\n")
        return 130
    return 0


def cases(wanted: argparse.Namespace) -> Iterator[tuple[type[System], Case]]:
    """What is to be run; says what is left out for want of a program."""
    for system in SYSTEMS:
        if wanted.only and system.name not in wanted.only:
            continue
        lacks = {program: package for program, package in system.packages.items() if shutil.which(program) is None}
        if lacks:
            named = ", ".join(f"{program} (Debian: apt install {package})" for program, package in lacks.items())
            _tell(f"{system.name} is left out: it needs {named}")
            continue
        for nodes in system.nodes:
            for setting in system.settings:
                if nodes in wanted.nodes and (not wanted.settings or setting in wanted.settings):
                    yield system, Case(system.name, setting, nodes)


class Runner:
    """Runs one case."""

    def __init__(self, system: type[System], case: Case, wanted: argparse.Namespace) -> None:
        self._system = system
        self._case = case
        self._wanted = wanted
        self._file = wanted.out / f"{case.system}.jsonl"
        self._kept = list(read([self._file])) if wanted.resume and self._file.exists() else []
        self._failed = 0
        self._version = ""

    def run(self) -> None:
        """All of its repeats that are not there yet."""
        rest = [0] if self._wanted.rest_minutes and 0 not in self._done("rest") else []
        left = [n for n in range(1, self._wanted.repeats + 1) if n not in self._done("trial")]
        while (rest or left) and self._failed < FAILURES_MAX:
            with removed(self._system(self._case.setting, self._case.nodes)) as system:
                if not self._tried("rest", 0, partial(self._up, system), keep=False):
                    continue
                if rest:
                    rest = []
                    self._tried("rest", 0, partial(self._rest, system))
                while left and self._failed < FAILURES_MAX:
                    wait_ms = draw(self._wanted.seed, self._case, left[0], "phase", below=PHASE_MS)
                    went_well = self._tried("trial", left[0], partial(system.trial, wait_ms))
                    if went_well:
                        left.pop(0)
                    if system.afresh or not went_well:
                        break

    def _up(self, system: System) -> Figures:
        system.up()
        self._version = system.version()
        return {}

    def _rest(self, system: System) -> Figures:
        for_s = self._wanted.rest_minutes * 60
        pause(min(REST_FIRST_S, for_s))
        return system.rest(for_s)

    def _done(self, part: str) -> set[int]:
        return done(self._kept, self._case, part)

    def _tried(self, part: str, repeat: int, do: Callable[[], Figures], *, keep: bool = True) -> bool:
        """Do it, tell of it and keep what came of it; returns whether it went well."""
        figures, failed = Figures(), ""
        try:
            figures = do()
        except FAILURES as error:
            failed = str(error)
        if failed:
            self._failed += 1
        elif keep:  # that it comes up says nothing yet
            self._failed = 0
        sample = Sample(
            case=self._case,
            version=self._version,
            part="rest" if part == "rest" else "trial",
            repeat=repeat,
            figures=figures,
            load=round(os.getloadavg()[0], 2),
            wall_ms=wall_ms(),
            failed=failed,
        )
        if keep or failed:
            append(self._file, sample)
            shown = failed or ", ".join(f"{name} {_shown(values)}" for name, values in figures.items())
            named = f"{self._case.system} {self._case.setting}, {self._case.nodes} nodes, {part} {repeat}"
            _tell(f"{named} (load {sample.load}): {shown}")
        return not failed


def _shown(values: list[float]) -> str:
    return "/".join(f"{value:,.0f}" for value in values[:3]) or "-"


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def options(words: list[str]) -> argparse.Namespace:
    """Of a command line."""
    parser = argparse.ArgumentParser(description="what a silent link costs, of Skerry and of others")
    parser.add_argument(
        "--only", type=_words, default=[], metavar="SYSTEM,...", help=", ".join(system.name for system in SYSTEMS)
    )
    parser.add_argument("--settings", type=_words, default=[], metavar="SETTING,...", help="defaults, tuned")
    parser.add_argument("--nodes", type=_numbers, default=[3, 5, 24], metavar="N,...", help="sizes (default: 3,5,24)")
    parser.add_argument("--repeats", type=int, default=20, help="trials of each case (default: 20)")
    parser.add_argument("--rest-minutes", type=float, default=5, help="how long to watch each at rest; 0: not at all")
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which links are cut")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help=f"of the samples (default: {OUT})")
    parser.add_argument("--resume", action="store_true", help="leave out what is there already")
    parser.add_argument("--table", action="store_true", help="measure nothing; print what the samples come to")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
