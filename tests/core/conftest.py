"""A conversation that was written and never asserted is a test that tests nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.conversation import unasserted


@pytest.fixture(autouse=True)
def every_conversation_is_asserted() -> Iterator[None]:
    """Fail a test that leaves a script unrun."""
    unasserted.clear()
    yield
    left = len(unasserted)
    unasserted.clear()
    assert left == 0, f"{left} conversation(s) were scripted and never asserted"
