"""A manager with the example's catalogue and site, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.office import RunningManager, with_two_sites


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningManager]:
    """Running, with catalogue and site `shop`, and a second site `depot`."""
    with with_two_sites(RunningManager(tmp_path_factory.mktemp("manager") / "hq")) as running:
        yield running


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[RunningManager]:
    """One that nobody has started yet."""
    running = RunningManager(tmp_path / "hq")
    yield running
    if running.process is not None:
        running.end()
