"""A manager with the example's catalogue and site, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.office import EXAMPLE, RunningManager


@pytest.fixture(scope="session")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningManager]:
    """Running, with catalogue and site `shop`, and a second site `depot`."""
    running = RunningManager(tmp_path_factory.mktemp("manager") / "hq")
    running.start()
    try:
        shop = (EXAMPLE / "site.yaml").read_text()
        depot = shop.replace("name: shop", "name: depot").replace("type: shop", "type: depot")
        status, answer = running.apply((EXAMPLE / "catalogue.yaml").read_text(), shop, depot)
        assert status == 200, answer
        yield running
    finally:
        if running.process is not None:
            code, complained = running.end()
            assert (code, complained) == (0, "")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[RunningManager]:
    """One that nobody has started yet."""
    running = RunningManager(tmp_path / "hq")
    yield running
    if running.process is not None:
        running.end()
