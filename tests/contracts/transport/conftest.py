"""The two worlds that the transport suites run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.transport.world import MemoryWorld, Papers, World, ZenohWorld


@pytest.fixture(params=["memory", "zenoh"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return MemoryWorld() if request.param == "memory" else ZenohWorld(Papers(tmp_path))
