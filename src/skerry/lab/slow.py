"""Makes the workloads of one node slow, as a bad disk or a hot processor would: stops and continues them in turn.

    python slow.py --folder NODE --factor 4

The workloads run 1/factor of the time and stand still for the rest, as measured: where this process is itself late to
stop them, because the machine is busy, they stand still for the longer afterwards. Only what a plan started is touched,
never agent, guard, trials or probes. Ends on SIGTERM, leaving all of them running. Which processes those are it asks
the guard every few periods.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time

from skerry.guard import census
from skerry.guard.client import GuardClient, GuardError

PERIOD_S = 0.15
"""Short, so that a single request is slow and not lost: what it takes to answer one fits between two stops."""
PAUSE_S_MAX = 0.3
"""What is owed beyond it is stood still for later."""
LOOK_EVERY_PERIODS = 5
FACTOR_MIN, FACTOR_MAX = 1.1, 1_000.0


def _workloads(folder: str) -> list[int]:
    """Every process of every workload that a plan started."""
    try:
        with GuardClient(folder, timeout_s=2) as guard:
            listed = guard.ask("list")["workloads"]
    except GuardError:
        return []  # the agent starts another guard sooner or later
    everything = census.scan()
    children = census.children_of(everything)
    tops = [everything[w["pid"]] for w in listed if w["name"].startswith("run:") and w["pid"] in everything]
    return [process.pid for top in tops for process in census.with_descendants(top, children)]


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Duty:
    """How long to run and to stand still, so that it comes to the factor in time, however late this process is."""

    def __init__(self, factor: float) -> None:
        self.run_s = PERIOD_S / factor
        self._factor = factor
        self._owed_s = 0.0

    @property
    def pause_s(self) -> float:
        """How long to stand still now."""
        return min(max(self._owed_s, PERIOD_S - self.run_s), PAUSE_S_MAX)

    def account(self, *, paused_s: float, ran_s: float) -> None:
        """What it has been, as measured."""
        self._owed_s = max(0.0, self._owed_s - paused_s + ran_s * (self._factor - 1))


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def main() -> int:
    """Slow them down until a signal comes."""
    parser = argparse.ArgumentParser(description="slow down the workloads of one node")
    parser.add_argument("--folder", required=True, help="the node's folder")
    parser.add_argument("--factor", type=float, required=True, help="how many times slower")
    options = parser.parse_args()
    if not FACTOR_MIN <= options.factor <= FACTOR_MAX:
        parser.error(f"--factor {options.factor}: expected {FACTOR_MIN:g} to {FACTOR_MAX:g}")
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.append(1))
    duty = Duty(options.factor)
    pids: list[int] = []
    period = 0
    while not ended:
        if period % LOOK_EVERY_PERIODS == 0:
            pids = _workloads(options.folder)
        period += 1
        stopped_ns = _now_ns()
        _send(pids, signal.SIGSTOP)
        time.sleep(duty.pause_s)
        run_ns = _now_ns()
        _send(pids, signal.SIGCONT)
        time.sleep(duty.run_s)
        duty.account(paused_s=(run_ns - stopped_ns) / 1e9, ran_s=(_now_ns() - run_ns) / 1e9)
    return 0


if __name__ == "__main__":
    sys.exit(main())
