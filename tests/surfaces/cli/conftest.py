"""The command line against a real manager, started by the command line itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.command import Verbs
from tests.support.office import REPOSITORY, RunningManager, with_two_sites


class ByCommand(RunningManager):
    """The manager that `skerry manager run` runs."""

    def begin(self) -> subprocess.Popen[str]:
        """Start it."""
        words = ("manager", "run", "--folder", self.folder, "--name", "hq")
        addresses = ("--api", self.api_address, "--uplink", self.uplink_address)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "skerry", *map(str, words), *addresses],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder.parent,
        )
        return self.process


@pytest.fixture(autouse=True)
def nobody_named(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the tester's own variables nor a lab in the working folder decide whom a verb asks."""
    for name in ("SKERRY_LAB", "SKERRY_SERVER", "SKERRY_IDENTITY", "SKERRY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningManager]:
    """Running, with the example's catalogue, the site `shop` and a second site `depot`."""
    with with_two_sites(ByCommand(tmp_path_factory.mktemp("manager") / "hq")) as running:
        yield running


@pytest.fixture
def verbs(manager: RunningManager) -> Verbs:
    """The verbs, pointed at that manager as its first operator."""
    return Verbs(manager)
