"""What is run, what is left out, and what a run that was ended leaves to the next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from bench.disconnect import run
from bench.disconnect.sample import Case, read
from bench.disconnect.systems.base import Failed, Figures


class Thing:
    """A system that takes no time, and writes down what is done to it."""

    name: ClassVar[str] = "thing"
    packages: ClassVar[Mapping[str, str]] = {"sh": "dash"}
    settings: ClassVar[tuple[str, ...]] = ("defaults",)
    nodes: ClassVar[tuple[int, ...]] = (3, 5)
    afresh: ClassVar[bool] = False
    done: ClassVar[list[str]] = []
    fails: ClassVar[int] = 0

    def __init__(self, setting: str, nodes: int) -> None:
        self._nodes = nodes

    def up(self) -> None:
        self.done.append("up")

    def down(self) -> None:
        self.done.append("down")

    def version(self) -> str:
        return "1.0"

    def trial(self, wait_ms: int) -> Figures:
        assert 0 <= wait_ms < run.PHASE_MS
        self.done.append("trial")
        if len(self.done) <= self.fails:
            raise Failed("it does not settle")
        return {"once_served_ms": [1.0]}

    def rest(self, for_s: float) -> Figures:
        self.done.append("rest")
        return {"memory_mib": [1.0] * self._nodes}


class Afresh(Thing):
    afresh = True


class Missing(Thing):
    name = "missing"
    packages: ClassVar[Mapping[str, str]] = {"a-program-that-nobody-has": "its-package"}


@pytest.fixture(autouse=True)
def nothing_done_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thing, "done", [])
    monkeypatch.setattr(run, "SYSTEMS", (Thing, Missing))


def carried_out(out: Path, system: type[Thing], *words: str) -> list[str]:
    Thing.done.clear()
    options = run.options(["--out", str(out), "--rest-minutes", "0", "--resume", *words])
    run.Runner(system, Case(system.name, "defaults", 3), options).run()
    return Thing.done


def test_a_system_is_started_once_and_one_that_wants_it_for_each_trial(tmp_path: Path) -> None:
    assert carried_out(tmp_path / "1", Thing, "--repeats", "2") == ["up", "trial", "trial", "down"]
    assert carried_out(tmp_path / "2", Afresh, "--repeats", "2") == ["up", "trial", "down"] * 2


def test_what_is_there_already_is_not_made_again(tmp_path: Path) -> None:
    carried_out(tmp_path, Thing, "--repeats", "2")
    assert carried_out(tmp_path, Thing, "--repeats", "3").count("trial") == 1
    assert carried_out(tmp_path, Thing, "--repeats", "3") == []
    assert [one.repeat for one in read(tmp_path.glob("*"))] == [1, 2, 3]


def test_after_a_failure_it_is_started_anew_and_the_failure_is_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Thing, "fails", 2)
    assert carried_out(tmp_path, Thing, "--repeats", "1") == ["up", "trial", "down", "up", "trial", "down"]
    assert [one.failed for one in read(tmp_path.glob("*"))] == ["it does not settle", ""]


def test_what_fails_again_and_again_is_given_up(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Thing, "fails", 1_000)
    assert carried_out(tmp_path, Thing, "--repeats", "9").count("trial") == run.FAILURES_MAX


def test_at_rest_it_is_watched_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(run, "pause", lambda for_s: None)
    assert carried_out(tmp_path, Thing, "--repeats", "1", "--rest-minutes", "1") == ["up", "rest", "trial", "down"]


def test_what_is_not_installed_is_left_out_and_its_package_named(capsys) -> None:
    chosen = [case for _, case in run.cases(run.options(["--nodes", "3"]))]
    assert chosen == [Case("thing", "defaults", 3)]
    assert "missing is left out" in (told := capsys.readouterr().err) and "its-package" in told


def test_only_what_is_asked_for_is_run() -> None:
    assert [case for _, case in run.cases(run.options(["--only", "thing", "--nodes", "5"]))] == [
        Case("thing", "defaults", 5)
    ]
    assert list(run.cases(run.options(["--settings", "tuned"]))) == []
