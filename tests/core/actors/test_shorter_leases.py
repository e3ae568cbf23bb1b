"""Head office shortens a site's lease while somebody still holds by the longer one (X2, X4, X5; decision 0026)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.group.succession.machine import OVER_KEY, Succession
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import decode
from tests.core.things import SHOP, element, instance, ir
from tests.scenarios.world import Node, World

DB = instance("db")
WISH = ir(element("db", key=f"{SHOP}/db"), isolated=(element("db", key=f"{SHOP}/db"),))
LONG_MS, SHORT_MS = 30_000, 3_000
REACHED_MS = 8_000
"""By when what head office says has reached who hears it, has been closed by a quorum, and is granted under."""


def test_x4_granters_that_start_again_wait_for_the_lease_that_they_granted_and_not_for_the_one_that_counts() -> None:
    world, _, others = held_by_one_that_is_alone()
    for name in others:
        world.kill(name)
    world.start(*others)
    world.run(LONG_MS + REACHED_MS)
    (now,) = where(world)
    assert now in others, "its lease is over"
    assert disk_says_over(world, now) == 3, "no later start has to wait as long again"


def test_x4_else_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Succession, "longest_lease_ms", lambda self, editions, through: editions[through].electorate.lease_ms
    )
    with pytest.raises(AssertionError, match="I2"):
        test_x4_granters_that_start_again_wait_for_the_lease_that_they_granted_and_not_for_the_one_that_counts()


def test_x2_who_hears_of_a_shorter_lease_has_it_at_once_and_its_work_goes_on() -> None:
    world, holder = held_by_the_long_lease()
    pid = world.nodes[holder].workloads[DB].pid
    assert left_ms(world, holder) > SHORT_MS
    world.renew_roster(run_once_lease_ms=SHORT_MS)
    world.run(REACHED_MS)
    assert 0 < left_ms(world, holder) <= SHORT_MS
    assert where(world) == [holder] and world.nodes[holder].workloads[DB].pid == pid


class OnlyOne:
    """Looks at every step of every agent."""

    world: World

    def __call__(self, node: Node, given: Input[Any], effects: Effects) -> None:
        """After each step, before its effects."""
        assert len(where(self.world)) <= 1, f"I2: {DB} runs on {where(self.world)}"


only_one = OnlyOne()


def where(world: World) -> list[str]:
    return [str(node.name) for node in world.nodes.values() if DB in node.workloads]


def disk_says_over(world: World, name: str) -> int:
    return decode(world.nodes[name].disk[OVER_KEY], int)


def left_ms(world: World, name: str) -> int:
    agent = world.nodes[name].agent
    assert agent is not None
    (held,) = agent.granting.held.values()
    return held.until_ms - world.now_ms


def held_by_the_long_lease() -> tuple[World, str]:
    world = World("abc", WISH, watch=only_one)
    only_one.world = world
    world.renew_roster(run_once_lease_ms=LONG_MS)
    world.start("a", "b", "c")
    world.run(LONG_MS + REACHED_MS)
    (holder,) = where(world)
    return world, holder


def held_by_one_that_is_alone() -> tuple[World, str, list[str]]:
    """Who holds it by the long lease was just cut off from two that have closed that roster for one with a short."""
    world, holder = held_by_the_long_lease()
    others = [name for name in "abc" if name != holder]
    world.part(holder, "".join(others))
    for name in others:
        world.mend(name, "hq")
    world.renew_roster(run_once_lease_ms=SHORT_MS)
    world.run(REACHED_MS)
    for name in others:
        agent = world.nodes[name].agent
        assert agent is not None and agent.succession.counting == 3
    assert where(world) == [holder], "it holds by the long lease yet"
    return world, holder, others
