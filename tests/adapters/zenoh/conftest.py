"""Certificates for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.transport.world import Papers


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path)
