"""What a leader plans with is there at any moment, also between the loss of a member and the election's look at it."""

from __future__ import annotations

from skerry.core.actors.views import chair_view
from skerry.core.group.membership.model import FRESH_MS
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from tests.core.actors.test_changing_leaders import leaders, settled_site


def test_a_member_whose_beat_gets_old_as_the_chair_is_due_is_planned_without() -> None:
    """Both deadlines may pass in one step: who is there is looked at first, who leads whom only if that is due, too."""
    world = settled_site()
    assert leaders(world) == {"a"}
    agent = world.nodes["a"].agent
    assert agent is not None
    world.cut.add(frozenset("ab"))
    old_ms = agent.membership.contacts[NodeId("b")].heard_ms + FRESH_MS
    world.run(old_ms - 1 - world.now_ms)
    agent._run("membership", DeadlinePassed(), Input(id="x", at_ms=old_ms, wall_ms=0, draw=0, event=DeadlinePassed()))
    assert "b" not in agent.membership.contacts and "b" in agent.election.leadership.part
    survey = chair_view(agent.picture).survey
    assert survey is not None and "b" not in survey.members
