"""One book for all of these tests: reading the example and trying its expressions takes a while."""

from __future__ import annotations

import pytest

from skerry.cli.sim import example_book
from skerry.sim.book import Book


@pytest.fixture(scope="session")
def book() -> Book:
    return example_book()
