"""What a switch of sets does to work that both sets want (U3, M5)."""

from __future__ import annotations

from tests.core.things import HQ, element, instance, ir
from tests.scenarios.world import World


def test_u3_who_does_the_work_when_the_link_drops_goes_on_doing_it() -> None:
    """Isolated work asks for more headroom of a newcomer than a has, and b would have it."""
    world = World("ab", ir(element(), isolated=(element(headroom_permille=2_200),)))
    world.start("a")
    world.run(4_000)
    world.start("b")
    world.run(4_000)
    ran = {node.name: {i: w.pid for i, w in node.workloads.items()} for node in world.nodes.values()}
    assert {name: list(found) for name, found in ran.items()} == {"a": [instance()], "b": []}
    world.part_from_manager()
    world.run(10_000)
    agents = [node.agent for node in world.nodes.values()]
    assert all(agent is not None and agent.uplink.mode(HQ) == "isolated" for agent in agents)
    assert {node.name: {i: w.pid for i, w in node.workloads.items()} for node in world.nodes.values()} == ran
