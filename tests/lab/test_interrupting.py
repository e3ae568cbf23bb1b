"""A signal is heard at any moment, once, and whoever cleans up after it is not disturbed by the next."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.lab import interrupting, processes, wires
from skerry.lab.interrupting import Interrupted, interruptible

WITHIN_S = 10.0


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_a_second_signal_does_not_disturb_the_cleaning_up_after_the_first() -> None:
    cleaned = False
    before = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(Interrupted), interruptible():
        try:
            send(signal.SIGINT)
        finally:
            send(signal.SIGTERM)
            send(signal.SIGINT)
            cleaned = True
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) is before
    assert not signal.sigpending() & interrupting.NUMBERS
    assert not interrupting.came()


def test_a_signal_that_the_interpreter_swallowed_is_heard_at_the_next_look() -> None:
    class Collected:
        def __del__(self) -> None:
            send(signal.SIGINT)

    swallowed: list[object] = []
    hook = sys.unraisablehook
    sys.unraisablehook = swallowed.append
    try:
        with interruptible():
            Collected()
            assert interrupting.came()
            with pytest.raises(Interrupted, match="SIGINT"):
                interrupting.heed()
    finally:
        sys.unraisablehook = hook
    assert len(swallowed) == 1


def test_what_must_not_be_left_half_done_is_done_before_the_signal_is_heard() -> None:
    done = []
    with contextlib.suppress(Interrupted), interruptible():
        with interrupting.at_once():
            send(signal.SIGTERM)
            done.append("written down")
        done.append("never")
    assert done == ["written down"]


def test_what_came_while_it_cleaned_up_is_forgotten() -> None:
    with interruptible():
        with interrupting.undisturbed():
            send(signal.SIGINT)
        assert not interrupting.came()


def test_whoever_was_started_to_outlive_its_terminal_does() -> None:
    program = (
        "import os, signal\n"
        "from skerry.lab.interrupting import interruptible\n"
        "with interruptible():\n    os.kill(os.getpid(), signal.SIGHUP)\n    print('goes on')\n"
    )
    said = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$0" -c "$1"', sys.executable, program],
        capture_output=True, text=True, timeout=WITHIN_S, check=True,
        env={**os.environ, "PYTHONPATH": processes.home()},
    )  # fmt: skip
    assert said.stdout == "goes on\n"


def test_a_command_of_the_wires_is_done_before_a_signal_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is raised while `subprocess` holds its lock on a child would have it wait for itself for ever: `skerry lab
    chaos`, interrupted while a namespace was made, stood still."""
    program, done = tmp_path / "ip", tmp_path / "done"
    program.write_text(f"#!/bin/sh\nkill -INT {os.getpid()}\nsleep 0.2\ntouch {done}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Interrupted), interruptible():
        wires.ip("netns", "add", "any")
    assert done.exists()
