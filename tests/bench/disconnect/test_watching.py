"""What the benchmark sees of real processes and logs."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.disconnect import watching
from bench.disconnect.beside import Beside, StoppedLooking
from bench.disconnect.sightings import Kind, Record

SEEN_WITHIN_S = 20.0


def until(holds: Callable[[], bool]) -> None:
    over = time.monotonic() + SEEN_WITHIN_S
    while not holds():
        assert time.monotonic() < over
        time.sleep(0.01)


def kinds(record: Record) -> list[Kind]:
    return [one.kind for one in record.seen()]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


def test_a_copy_that_is_stopped_is_not_able_to_run_and_one_that_goes_on_is(sleeper) -> None:
    record = Record()
    with watching.Processes(record, lambda pid: ("n1", "role") if pid == sleeper.pid else None):
        until(lambda: kinds(record) == [Kind.BEGAN])
        sleeper.send_signal(signal.SIGSTOP)
        until(lambda: kinds(record) == [Kind.BEGAN, Kind.ENDED])
        sleeper.send_signal(signal.SIGCONT)
        until(lambda: len(record.seen()) == 3)
        sleeper.kill()
        sleeper.wait()
        until(lambda: len(record.seen()) == 4)
    assert kinds(record) == [Kind.BEGAN, Kind.ENDED] * 2
    assert {(one.by, one.about) for one in record.seen()} == {("n1", "role")}


def test_a_process_weighs_something_and_one_that_is_gone_nothing(sleeper) -> None:
    assert watching.pss_mib([sleeper.pid]) > 0
    sleeper.kill()
    sleeper.wait()
    assert watching.pss_mib([sleeper.pid]) == 0


def test_of_a_log_only_whole_lines_count_that_come_from_now_on(tmp_path: Path) -> None:
    log, record = tmp_path / "n2.log", Record()
    log.write_text("lost n9\n")
    with watching.Logs(record, {"n2": log}, lambda line: (Kind.LOST, line.split()[1].decode())), open(log, "a") as more:
        more.write("lost n1\nlost n")
        more.flush()
        until(lambda: len(record.seen()) == 1)
        more.write("3\n")
        more.flush()
        until(lambda: len(record.seen()) == 2)
    assert [(one.by, one.about) for one in record.seen()] == [("n2", "n1"), ("n2", "n3")]


def test_a_watcher_that_fails_fails_the_trial_and_is_no_figure_of_nothing_seen() -> None:
    def breaks() -> None:
        raise ValueError("no such file")

    with pytest.raises(StoppedLooking, match="no such file"), Beside(breaks):
        pass
