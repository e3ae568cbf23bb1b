"""One site, as its manager knows it."""

from __future__ import annotations

import pytest

from tests.core.actors.office import Site
from tests.core.things import element, ir


@pytest.fixture
def site() -> Site:
    made = Site()
    made.wants(ir(element()))
    return made
