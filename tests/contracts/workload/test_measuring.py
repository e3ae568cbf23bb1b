"""X7, D9: trials and measurements really run, and what a probe prints is believed only after a check."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

import pytest

from skerry.adapters.workload import turns
from skerry.adapters.workload.process import ProcessWorkloads
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.fit.model import fit_permille
from skerry.core.stages.ir.model import Configuration, Standard
from skerry.ports.workload import Figures, WorkloadError
from tests.contracts.workload.conftest import FIGURES, STORE, Node, alive, configuration, fetch, start

GOOD = ("program", "say", "${endpoint.main}", FIGURES)


async def _try(workloads: ProcessWorkloads, what: Configuration) -> Figures:
    return await workloads.trial(STORE, what, resources=Resources(), with_={})


def test_a_trial_gives_figures_beside_the_running_instance_and_leaves_nothing(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        what = configuration("serve", "${port.main}", "${dir.data}", probe=GOOD)
        running = await start(workloads, what)
        figures = await _try(workloads, what)
        assert figures.figures_milli == {"putRate": 123_400}
        assert (figures.operations, figures.seconds_milli, figures.disturbed) == (124, 1_005, False)
        assert (await fetch(running.ports["main"]))["pid"] == running.pid
        with node.guard() as guard:
            assert [listed["pid"] for listed in guard.ask("list")["workloads"]] == [running.pid]
        assert len(os.listdir(node.folder / "workloads")) == 1

    node.play(story)


def test_a_program_that_is_slower_has_a_fit_that_is_lower_by_about_as_much(node: Node) -> None:
    """D9: nothing but the program under the probe differs."""
    standard = Standard(metric="requestRate", at_least_milli=10_000)
    fits: dict[int, int] = {}

    async def story(workloads: ProcessWorkloads) -> None:
        for takes_ms in (20, 80):
            server = ("serve", "${port.main}", f"takes-ms={takes_ms}")
            what = configuration(*server, probe=("program", "rate", "${port.main}", "1"), probe_for_ms=1_000)
            figures = await _try(workloads, what)
            fits[takes_ms] = fit_permille([standard], figures.figures_milli)

    node.play(story)
    assert 3_000 < fits[20] <= 5_000, "fifty a second at most, ten wanted"
    assert fits[20] / fits[80] == pytest.approx(4, rel=0.3)


def test_measuring_an_instance_fills_in_its_endpoint(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        probe = ("program", "say", "", '{"figures": {"port": ${port.main}}, "operations": 1, "seconds": 1}')
        assert (await workloads.measure(probe, "10.0.0.9:4711", 100)).figures_milli == {"port": 4_711_000}
        with pytest.raises(WorkloadError, match=r"\$\{dir.data\} is not known here"):
            await workloads.measure(("program", "${dir.data}"), "10.0.0.9:4711", 100)

    node.play(story)


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ((), "it has no probe"),
        (("program", "say", "", ""), "no line of figures"),
        (("program", "fail"), r"(?s)the probe failed \(exit 2\).*no such host"),
        (("absent",), "'absent' is allowed here but was not found"),
        (("program", "say", "", '{"figures": {}, "operations": 1, "seconds": 1}'), "printed no figure"),
        (("program", "say", "", '{"figures": {"a": -1}, "operations": 1, "seconds": 1}'), "a = -1"),
    ],
)
def test_a_probe_without_a_proper_figure_fails_the_trial(node: Node, probe: tuple[str, ...], expected: str) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        with pytest.raises(WorkloadError, match=expected):
            await _try(workloads, configuration(probe=probe))
        with node.guard() as guard:
            assert guard.ask("list")["workloads"] == []

    node.play(story)


def test_a_probe_that_does_not_end_is_ended(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.adapters.workload.process._PROBE_EXTRA_MS", 300)

    async def story(workloads: ProcessWorkloads) -> None:
        with pytest.raises(WorkloadError, match="was not done within 400 ms"):
            await _try(workloads, configuration(probe=("program", "sleep")))

    node.play(story)


def test_an_abandoned_trial_is_stopped(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await _try(workloads, configuration(probe=("program", "sleep")))
        with node.guard() as guard:
            assert guard.ask("list")["workloads"] == []

    node.play(story)


def test_a_trial_that_lost_its_agent_does_not_go_on(node: Node) -> None:
    async def story(workloads: ProcessWorkloads) -> None:
        with node.guard() as guard:
            order = {"name": "trial:x", "argv": ["sleep", "60"], "env": {"PATH": os.environ["PATH"]}}
            pid = guard.ask("start", cwd="/", log=str(node.folder / "log"), without_agent_ms=60_000, **order)["pid"]
        await workloads.close()
        next_agent = node.workloads()
        assert await next_agent.open() == []
        assert not alive(pid)
        await next_agent.close()

    node.play(story)


def test_nodes_of_one_machine_probe_one_after_the_other(node: Node, tmp_path: Path) -> None:
    lock = tmp_path / "turn"

    async def story(workloads: ProcessWorkloads) -> None:
        with lock.open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            trial = asyncio.get_running_loop().create_task(_try(workloads, configuration(probe=GOOD)))
            done, _ = await asyncio.wait((trial,), timeout=1.5)
            assert not done
            released = time.monotonic()
        figures = await trial
        assert not figures.disturbed
        assert time.monotonic() - released < 5

    node.play(story, turn_lock=lock)


def test_who_waited_too_long_measures_all_the_same_and_says_so(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WAIT_MS", 200)
    lock = tmp_path / "turn"

    async def story(workloads: ProcessWorkloads) -> None:
        with lock.open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert (await _try(workloads, configuration(probe=GOOD))).disturbed

    node.play(story, turn_lock=lock)
