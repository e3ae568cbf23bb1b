"""The demonstration as a whole: whenever it is interrupted nothing is left, and what is wrong with it is said."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import secrets
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from skerry.lab import processes
from skerry.lab.draws import draw

MARK = "SKERRY_TEST_MARK"
ACT_WITHIN_S = 240.0
ENDED_WITHIN_S = 60.0


class Play(NamedTuple):
    """A demonstration that is being played."""

    process: subprocess.Popen[str]
    folder: Path
    mark: str

    def lines(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def left(self) -> list[str]:
        """Every living process that has our mark in its environment, but for the demonstration itself."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
                if f"{MARK}={self.mark}".encode() in environment and state not in (b"Z", b"X"):
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found += [f"{pid} {command}"] if int(pid) != self.process.pid else []
            except OSError:
                continue
        return found

    def labs(self) -> set[str]:
        """The marks of the labs that it has up."""
        return {json.loads(path.read_bytes())["id"] for path in self.folder.glob("skerry-demo-*/lab/lab.json")}


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Any]:
    begun: list[Play] = []

    def begin(*words: str, ignored: str = "") -> Play:
        mark = secrets.token_hex(8)
        environment = {**os.environ, "PYTHONPATH": processes.home(), MARK: mark, "TMPDIR": str(tmp_path)}
        argv = [sys.executable, "-m", "skerry", "demo", "--json", *words]
        if ignored:
            argv = ["sh", "-c", f'trap "" {ignored}; exec "$@"', "sh", *argv]
        process = subprocess.Popen(
            argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        begun.append(Play(process, tmp_path, mark))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            one.process.wait(ENDED_WITHIN_S)
        if one.process.stdout is not None:
            one.process.stdout.close()


def interrupted(one: Play, act: int, number: signal.Signals, wait_ms: int, again_ms: int | None) -> None:
    """Interrupt it some time after an act has begun, perhaps once more while it tidies up; nothing may be left."""
    for line in one.lines():
        assert "ok" not in line, f"it ended before act {act}: {line}"
        if line.get("act") == act:
            break
    time.sleep(wait_ms / 1_000)
    labs = one.labs()
    one.process.send_signal(number)
    if again_ms is not None:
        time.sleep(again_ms / 1_000)
        one.process.send_signal(signal.SIGTERM)
    *_, last = one.lines()
    assert one.process.wait(ENDED_WITHIN_S) == 130
    assert last["said"] == f"interrupted by {number.name}; nothing is left running"
    assert one.left() == []
    assert [found for lab in labs for found in processes.found(lab)] == []
    assert list(one.folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("number", "ignored", "most_ms"),
    [(signal.SIGINT, "INT", 1_500), (signal.SIGTERM, "TERM", 4_000), (signal.SIGINT, "", 9_000)],
    ids=["at the start, inherited as ignored", "while nodes join, inherited as ignored", "while agents start"],
)
def test_wherever_it_is_interrupted_nothing_is_left(
    play: Any, number: signal.Signals, ignored: str, most_ms: int
) -> None:
    wait_ms = draw(number, ignored, most_ms, below=most_ms)
    interrupted(play(ignored=ignored), 1, number, wait_ms, again_ms=draw("again", most_ms, below=400))


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("act", range(1, 13))
def test_in_whatever_act_it_is_interrupted_nothing_is_left(play: Any, act: int) -> None:
    number = (signal.SIGINT, signal.SIGTERM)[act % 2]
    interrupted(play(), act, number, draw("wait", act, below=3_000), again_ms=draw("again", act, below=1_000))


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_head_office_refuses_a_plan_whose_journal_was_changed_and_the_site_goes_on(play: Any) -> None:
    one = play("--tamper")
    *said, last = one.lines()
    assert one.process.wait(ENDED_WITHIN_S) == 1
    assert (last["ok"], last["refused_plans"] >= 1) == (False, True)
    assert "the journal does not verify" in last["failed"]
    assert any("goes on by itself" in line.get("said", "") for line in said)
    assert one.left() == []


@pytest.mark.campaign
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("part", ["contingency", "fence", "copies"])
def test_what_a_part_buys_is_shown_beside_what_there_is_with_it(play: Any, part: str) -> None:
    one = play("--without", part)
    *_, last = one.lines()
    assert one.process.wait(ENDED_WITHIN_S) == 0
    assert set(last["without"]) == {part}
    # Whether anybody says anything late, so that a fence is needed, is chance: processes race as a machine wakes up.
    assert last["without"][part]["worse"] or part == "fence"
    assert one.left() == []


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_person_breaks_the_site_at_the_keyboard_and_the_terminal_is_as_it_was(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    environment = {**os.environ, "PYTHONPATH": processes.home(), "TMPDIR": str(tmp_path), "TERM": "xterm"}
    argv = [sys.executable, "-m", "skerry", "demo", "--live"]
    shown = b""
    with subprocess.Popen(argv, env=environment, stdin=terminal, stdout=terminal, stderr=terminal) as process:

        def until(text: str, within_s: float) -> None:
            nonlocal shown
            deadline = time.monotonic() + within_s
            while text.encode() not in shown:
                assert time.monotonic() < deadline and process.poll() is None, shown[-2_000:]
                if select.select([master], [], [], 0.2)[0]:
                    shown += os.read(master, 65_536)
            shown = shown.partition(text.encode())[2]

        until("q end", ACT_WITHIN_S)
        os.write(master, b"c")
        until("uplink is cut", 20)
        os.write(master, b"h2f")
        until("n2 falls silent", 20)
        os.write(master, b"q")
        until("n2 goes on", 30)
        until("acknowledged objects", 90)
        assert process.wait(ENDED_WITHIN_S) in (0, 1)
    assert termios.tcgetattr(terminal) == before
    assert list(tmp_path.iterdir()) == []
    os.close(master)
    os.close(terminal)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--without", "luck"], "expected one of contingency, fence, copies"),
        (["--cold", "--tamper"], "give it alone"),
        (["--tamper", "--without", "fence"], "give it alone"),
        (["--live"], "it needs a terminal"),
        (["--live", "--json"], "it is played by hand"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_starts(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skerry", "demo", *words],
        capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "PYTHONPATH": processes.home()},
    )  # fmt: skip
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
