"""What is said, and what is kept, of a lab that did not come about or did not hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skerry.lab import building, networks
from skerry.lab.state import LabError


def test_what_is_late_on_a_machine_without_time_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (31.4, 12.0, 8.0))
    assert building.busy() == " (31 processes want the 2 processors here: try again when there is less to do)"
    monkeypatch.setattr(os, "getloadavg", lambda: (3.9, 12.0, 8.0))
    assert building.busy() == "", "then it is something else, and the log is where to look"


def test_what_agents_wrote_of_themselves_outlives_their_disks(tmp_path: Path) -> None:
    inputs = tmp_path / networks.DISKS / "n1" / "agent" / "inputs"
    inputs.mkdir(parents=True)
    (inputs / "0000000001.inputs").write_bytes(b"what it was told")
    networks.keep_records(tmp_path, ["n1", "n2"])
    assert (tmp_path / "n1.inputs" / "0000000001.inputs").read_bytes() == b"what it was told"
    assert not (tmp_path / "n2.inputs").exists(), "it never ran"


def test_what_cannot_be_kept_of_a_node_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / networks.DISKS / "n1" / "agent" / "inputs").mkdir(parents=True)
    (tmp_path / "n1.inputs").write_text("in the way")
    with pytest.raises(LabError, match="cannot be kept"):
        networks.keep_records(tmp_path, ["n1"])
