"""Fixtures for the example's programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.harness import Directory, Shop, shop_in


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path) as one:
        yield one


@pytest.fixture
def directory() -> Iterator[Directory]:
    one = Directory()
    yield one
    one.close()
