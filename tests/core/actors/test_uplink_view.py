"""Whose sessions with a manager count for a node: those of its own part."""

from __future__ import annotations

from skerry.core.actors.views import uplink_view
from skerry.core.group.election.model import Leadership
from skerry.core.kernel.ids import NodeId
from tests.core.actors.test_changing_leaders import settled_site


def test_m3_what_another_part_is_answered_is_no_answer_to_this_one() -> None:
    """Else a part that hears a member of another one never opens a session of its own, and stays isolated."""
    agent = settled_site().nodes["b"].agent
    assert agent is not None
    assert set(uplink_view(agent.picture).reports) == {"a", "c"}
    agent.election.leadership = Leadership(term=9, leader=NodeId("b"), part=frozenset({NodeId("b")}))
    assert uplink_view(agent.picture).reports == {}
    agent.election.leadership = Leadership(term=9)
    assert set(uplink_view(agent.picture).reports) == {"a", "c"}
