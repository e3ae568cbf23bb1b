"""The short form of `make chaos`: a site of three is split and cut off, and everything that was at stake held."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skerry.lab import processes, state, wires
from skerry.lab.site import Lab

pytestmark = [pytest.mark.netns, pytest.mark.slow]

SEED = "10"
"""Cuts the site off, and its operator hands something in; then splits the holder of what may not be double from the
others."""


def chaos(*words: str, within_s: float) -> tuple[int, dict[str, Any]]:
    """Run it; returns its exit code and the last line."""
    argv = [sys.executable, "-m", "skerry", "lab", "chaos", "--json", *words]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=within_s, check=False,
        env={**os.environ, "PYTHONPATH": processes.home()},
    )  # fmt: skip
    assert done.stdout, done.stderr
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, last


@pytest.mark.timeout(600)
def test_a_site_that_is_split_and_cut_off_keeps_what_it_promises() -> None:
    faults = ("--fault", "cut", "--fault", "split", "--rounds", "2")
    code, last = chaos("--nodes", "3", "--seed", SEED, *faults, within_s=580)
    assert last["violations"] == []
    assert code == 0, last
    at_stake = {name for name, verdict in last["judged"].items() if verdict["times"]}
    assert {"I2", "I4", "I6", "I7", "U3", "U4"} <= at_stake
    assert last["cuts"] == 2
    assert last["decisions"] > 0, "the workload noted what it decided, by which fence"


@pytest.mark.timeout(180)
def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "skerry", "lab", "chaos", "--nodes", "2", "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": processes.home(), "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    while not (found := [path for path in tmp_path.glob("skerry-chaos-*/lab") if (path / state.STATE_FILE).exists()]):
        assert running.poll() is None
    network = str(Lab(found[0]).state.network)
    while f"{network}-n2" not in os.listdir(wires.NAMED):
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    assert [name for name in os.listdir(wires.NAMED) if name.startswith(network)] == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_without_fences_the_client_sees_two_at_once() -> None:
    """The judge is able to fail on a real site: work of a machine that stood still is believed when it goes on."""
    for seed in (2, 1, 3):
        faults = ("--fault", "freeze", "--rounds", "3", "--no-fence")
        _, last = chaos("--nodes", "3", "--seed", str(seed), *faults, within_s=280)
        if any(violation.startswith("I2: the client believed") for violation in last["violations"]):
            return
    pytest.fail("nobody believed a fence that was over")
