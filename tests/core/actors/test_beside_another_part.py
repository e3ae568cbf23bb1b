"""Two leaders that do not hear each other, while nodes in between hear both (L5, P4)."""

from __future__ import annotations

import msgspec

from skerry.core.actors.agent import Agent
from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.stages.negotiation.model import Plan
from tests.core.actors.test_changing_leaders import settled_site


def higher_plan(agent: Agent, by: Agent) -> Plan:
    """The plan in force, as another leader would have committed it later."""
    plan = agent.picture.plan()
    assert plan is not None
    return msgspec.structs.replace(plan, id=PlanId(term=99, leader=by.identity.node, number=1))


def test_p4_a_leader_goes_on_from_no_plan_that_nobody_in_its_part_holds() -> None:
    """Neighbours of both hand on the plan of the other; each would call a term above it, commit, and be outdone."""
    world = settled_site()
    a, b = world.nodes["a"].agent, world.nodes["b"].agent
    assert a is not None and b is not None and a.election.leadership.leads(NodeId("a"))
    said = b._sealed(higher_plan(a, by=b))
    assert not a._take_document(said).persist

    carried = msgspec.structs.replace(a.picture.carried(NodeId("b")), plan=said.body.id)
    a.picture.facets.carried[NodeId("b")] = carried
    assert a._take_document(said).persist, "a member of its part holds it"
