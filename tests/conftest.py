"""What every test shares: the marks, Hypothesis's settings, and a check that no process outlives the run.

Every process that a test starts inherits `SKERRY_TEST_RUN`; Skerry hands variables of that prefix on to guards and
workloads too. At the end nothing that carries this run's value may be alive: what is, is ended and fails the run.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from skerry.lab import wires

MARKER = "SKERRY_TEST_RUN"
SETTLE_S = 5.0

# No deadline: a test machine is busy at times, and a slow example is not a wrong one.
settings.register_profile("skerry", deadline=None, print_blob=True)
settings.load_profile("skerry")


why_no_namespaces = cache(wires.why_not)

MEASURED_MS = "_ms"
"""How the name of a figure ends that a test records (`record_property`), to be shown whatever the run comes to."""


def pytest_configure() -> None:
    """Hand SIGINT on to what tests start as it is at a terminal: a shell starts what it does not wait for with it
    ignored, that is inherited, and a command that is to end by Ctrl-C would go on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    figures = {name: value for report in reports for name, value in report.user_properties}
    shown = {name: value for name, value in figures.items() if name.endswith(MEASURED_MS)}
    if shown:
        terminalreporter.section("measured, in milliseconds")
    for name, value in shown.items():
        terminalreporter.write_line(f"{name}: {value}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what this machine cannot run, saying why."""
    if item.get_closest_marker("netns") is not None:
        reason = why_no_namespaces()
        if reason is not None:
            pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fail the run if a process that it started is still there at its end."""
    value = secrets.token_hex(8)
    os.environ[MARKER] = value
    yield
    needle = f"{MARKER}={value}".encode()
    until = time.monotonic() + SETTLE_S
    while (left := _carriers(needle)) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, "processes outlived the tests: " + "; ".join(f"{pid} {line}" for pid, line in left.items())


def _carriers(needle: bytes) -> dict[int, str]:
    """Every living process but this one that carries the marker, with its command line."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it ended while we looked, or belongs to someone else
            continue
        # A zombie has no command line; whoever started it has yet to take note. Python's own helper ends with us.
        if needle in environment and int(folder.name) != os.getpid() and line and "resource_tracker" not in line:
            found[int(folder.name)] = line[:200]
    return found
