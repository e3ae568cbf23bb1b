"""What a lab started is found by its mark, whoever its parent is, and nothing of it outlives the end."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skerry.lab import processes

WITHIN_S = 10.0
SLEEPER = "import time; time.sleep(600)"
FORKS = (
    "import os, sys, time\n"
    "if os.fork():\n    os._exit(0)\n"
    "os.setsid()\nif os.fork():\n    os._exit(0)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def lab() -> str:
    return secrets.token_hex(8)


def _start(lab: str, folder: Path, code: str, node: str | None = None) -> subprocess.Popen[bytes]:
    return processes.start([sys.executable, "-c", code], lab=lab, cwd=folder, log=folder / "log", node=node)


def _until_found(lab: str, count: int) -> list[processes.Found]:
    until = time.monotonic() + WITHIN_S
    while len(found := processes.found(lab)) != count or any("-c" not in one.command for one in found):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def test_a_daemon_is_found_and_ended_though_it_left_session_and_parent(lab: str, tmp_path: Path) -> None:
    first = _start(lab, tmp_path, FORKS)
    first.wait(WITHIN_S)
    found = _until_found(lab, 1)
    assert found[0].pid != first.pid
    assert processes.end_all(lab) == []
    assert processes.found(lab) == []


def test_a_stopped_process_is_ended_too_and_only_of_the_node_that_was_meant(lab: str, tmp_path: Path) -> None:
    one, other = _start(lab, tmp_path, SLEEPER, "n1"), _start(lab, tmp_path, SLEEPER, "n2")
    _until_found(lab, 2)
    os.kill(one.pid, signal.SIGSTOP)
    assert processes.end_all(lab, "n1") == []
    assert [found.pid for found in processes.found(lab)] == [other.pid]
    assert processes.end_all(lab) == []
    assert (one.wait(WITHIN_S), other.wait(WITHIN_S)) == (-signal.SIGKILL, -signal.SIGKILL)


def test_whoever_ends_a_lab_has_taken_note_of_the_end_of_what_it_started(lab: str, tmp_path: Path) -> None:
    process = _start(lab, tmp_path, SLEEPER)
    _until_found(lab, 1)
    assert processes.end_all(lab) == []
    assert process.returncode == -signal.SIGKILL


def test_start_ticks_tell_a_process_from_a_later_one_of_the_same_number(lab: str, tmp_path: Path) -> None:
    process = _start(lab, tmp_path, SLEEPER)
    assert processes.start_ticks(process.pid) > 0
    processes.end_all(lab)
    process.wait(WITHIN_S)
    assert processes.start_ticks(process.pid) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_even_if_it_was_inherited_as_ignored(number: signal.Signals) -> None:
    program = (
        "import sys, time\n"
        "from skerry.lab.interrupting import Interrupted, interruptible\n"
        "try:\n    with interruptible():\n        print('ready', flush=True)\n        time.sleep(60)\n"
        "except Interrupted as interrupted:\n    print(interrupted)\n    sys.exit(7)\n"
    )
    ignoring = f'trap \'\' {number.name.removeprefix("SIG")}; exec "$0" -c "$1"'
    child = subprocess.Popen(
        ["sh", "-c", ignoring, sys.executable, program],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": processes.home()},
    )  # fmt: skip
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(number)
        assert child.stdout.readline() == f"{number.name}\n"
    assert child.wait(WITHIN_S) == 7
