"""Slowing workloads down by a factor, on a machine that is late itself."""

from __future__ import annotations

import pytest

from skerry.lab.slow import PAUSE_S_MAX, PERIOD_S, Duty


def share(duty: Duty, late_s: float, periods: int = 400) -> float:
    """What part of the time the workloads run if whoever stops them comes so much too late each time."""
    ran = paused = 0.0
    for _ in range(periods):
        pause_s, run_s = duty.pause_s, duty.run_s + late_s
        assert pause_s <= PAUSE_S_MAX
        duty.account(paused_s=pause_s, ran_s=run_s)
        ran, paused = ran + run_s, paused + pause_s
    return ran / (ran + paused)


@pytest.mark.parametrize("factor", [2.0, 20.0, 200.0])
def test_on_an_idle_machine_they_run_their_share_of_each_short_period(factor: float) -> None:
    duty = Duty(factor)
    assert duty.run_s + duty.pause_s == pytest.approx(PERIOD_S)
    assert share(duty, 0.0) == pytest.approx(1 / factor, rel=0.05)


def test_whoever_is_late_lets_them_stand_still_for_the_longer() -> None:
    assert share(Duty(20.0), 0.003) == pytest.approx(1 / 20, rel=0.1)


def test_what_cannot_be_made_up_for_stays_as_slow_as_it_gets() -> None:
    assert share(Duty(200.0), 0.005) == pytest.approx(0.00575 / (0.00575 + PAUSE_S_MAX), rel=0.1)
