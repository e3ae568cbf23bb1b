"""The runner of `make bench`: one subject that fails does not cost the others."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import ballots, demo, run, simulator
from bench.figures import Figure, at_most
from skerry.lab.state import LabError


def test_a_subject_that_fails_is_said_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails() -> list[Figure]:
        raise LabError("no ports are free")

    monkeypatch.setattr(ballots, "measure", fails)
    monkeypatch.setattr(simulator, "measure", lambda: [Figure("speed", (5,), at_most(9))])
    written = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "ballots,simulator", "--json", str(written)])
    assert run.main() == 1
    assert "no ports are free" in capsys.readouterr().err
    assert [(row["figure"], row["reached"]) for row in json.loads(written.read_text())] == [
        ("ballots", False),
        ("speed", True),
    ]


def test_an_unknown_subject_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "measure", lambda seeds: [])
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "demo,weather"])
    assert run.main() == 2
