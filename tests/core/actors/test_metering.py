"""What a holder writes of its own instances, in the order in which others get it (H1, H3)."""

from __future__ import annotations

import pytest

from skerry.core.actors.remembered import readings
from skerry.core.stages.history.model import Life, Reading
from skerry.core.stages.history.rules import compliance
from skerry.core.stages.subscription.events import WorkloadExited
from skerry.core.stages.subscription.machine import DEADLINE
from tests.core.actors.test_interrupted import DB, HOLDER, WISH
from tests.scenarios.world import World

EVERY_S = 10


@pytest.fixture(scope="module", params=["exit 1", DEADLINE])
def written(request: pytest.FixtureRequest) -> list[Reading]:
    """All that a holder wrote of an instance that ended by itself, or with its lease, between two readings."""
    world = World("abc", WISH)
    world.start("a", "b", "c")
    world.run(EVERY_S * 1_000 - 500)
    node = world.nodes[HOLDER]
    del node.workloads[DB]
    world.step(node, WorkloadExited(instance=DB, reason=request.param))
    assert node.agent is not None
    return [r for r in readings(node.agent.journal) if (r.node, r.about) == (HOLDER, DB)]


def test_h1_the_last_reading_is_written_before_the_end(written: list[Reading]) -> None:
    assert [r.what for r in written] == ["role.active", "instance.seconds", "role.stopped"]
    assert written[1].data["final"]


def test_h3_what_a_copy_of_it_lacks_is_known_to_be_missing(written: list[Reading]) -> None:
    began, ended = written[0], written[-1]
    for number in range(1, len(written) + 1):  # a copy is a prefix (J1), and its node may be lost for good
        life = Life(over_wall_ms=ended.wall_ms)
        rows = compliance(written[:number], {(ended.node, ended.life): life}, EVERY_S)
        told_s = sum(row["connected_s"] + row["isolated_s"] + row["unknown_s"] for row in rows)
        assert told_s >= (ended.wall_ms - began.wall_ms) // 1_000
