"""Fixtures for the example's programs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.lab.profiles import MEMORY_DISK
from tests.examples.harness import Directory, Shop, shop_in


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """On a memory disk where there is one: an intake gives a store 0.6 s, and whoever else writes to this disk may hold
    up an `fsync` for longer."""
    above = MEMORY_DISK if os.access(MEMORY_DISK, os.W_OK | os.X_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="skerry-shop-", dir=above) as folder, shop_in(Path(folder)) as one:
        yield one


@pytest.fixture
def directory() -> Iterator[Directory]:
    one = Directory()
    yield one
    one.close()
