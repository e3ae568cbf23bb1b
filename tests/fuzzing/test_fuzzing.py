"""Everything that comes from outside, broken in many ways: what was once found, and a short search for more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzzing.dice import Dice
from tests.fuzzing.run import DATA_BYTES_MAX, EXAMPLES, TARGET_NAMES
from tests.fuzzing.targets import TARGETS, judged

pytestmark = pytest.mark.timeout(180)

SLOW = {"wire", "uplink", "node", "use", "inputs"}
"""They have a whole agent or manager looked at for each piece of data."""
FEW, MANY = 40, 200

KEPT = sorted(EXAMPLES.glob("*/*.bin"))


def test_each_target_can_be_named() -> None:
    assert tuple(TARGETS) == TARGET_NAMES
    assert {path.parent.name for path in KEPT} <= set(TARGETS)


@pytest.mark.parametrize("path", KEPT, ids=[f"{path.parent.name}-{path.stem}" for path in KEPT])
def test_what_was_found_once_is_harmless(path: Path) -> None:
    judged(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("name", TARGET_NAMES)
def test_nothing_that_comes_from_outside_does_harm(name: str) -> None:
    """Explored anew in every run; what fails is shrunk and printed with how to try it again."""
    target = TARGETS[name]

    @settings(
        max_examples=FEW if name in SLOW else MANY,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
    @given(data=st.binary(min_size=1, max_size=DATA_BYTES_MAX))
    def search(data: bytes) -> None:
        judged(name, target.grow(Dice(data)))

    search()
