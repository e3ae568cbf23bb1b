"""L6, D4: a leader whose criterion fails hands over to another; nothing that was agreed changes by that."""

from __future__ import annotations

import msgspec
import pytest

from skerry.core.group.election.model import INELIGIBLE_FOR_MS
from skerry.core.group.election.wire import HandOverAsked, HandOverWanted
from skerry.core.kernel.ids import NodeId
from skerry.core.stages.ir.model import AssentClause, Governance, ManagementRole, ManagementRow, SiteDocument
from skerry.core.stages.negotiation.model import Plan
from tests.core.things import SHOP, element, instance, ir
from tests.scenarios.world import World

SURE = ManagementRole(name="leader", does=("leader",), criteria="node.assurance >= 0.5", weights={"assurance": 1})
GOVERNANCE = Governance(name="sure", management=(ManagementRow(roles={"leader": SURE}),), assent=(AssentClause(),))
SETTLED_MS = 6_000
HANDED_OVER_MS = INELIGIBLE_FOR_MS + 3_000


def settled_site(governance: Governance = GOVERNANCE) -> World:
    world = World("abc", ir(element("store"), element("db", key=f"{SHOP}/db")))
    world.issue(SiteDocument(name="shop", generation=2, governance=governance))
    world.start("a", "b", "c")
    world.run(SETTLED_MS)
    return world


def leaders(world: World) -> set[str]:
    return {str(n.agent.election.leadership.leader) for n in world.nodes.values() if n.agent is not None}


def plans(world: World) -> list[Plan | None]:
    return [n.agent.picture.plan() for n in world.nodes.values() if n.agent is not None]


def pids(world: World) -> dict[str, int]:
    return {str(i): w.pid for node in world.nodes.values() for i, w in node.workloads.items()}


def test_a_leader_that_runs_on_its_battery_hands_over_and_no_plan_changes() -> None:
    world = settled_site()
    assert leaders(world) == {"a"}
    agreed, processes = plans(world), pids(world)
    assert set(processes) == {str(instance("store")), str(instance("db"))}

    world.finds("a", assurance_permille=300)
    world.run(INELIGIBLE_FOR_MS - 500)
    assert leaders(world) == {"a"}, "not yet"
    world.run(HANDED_OVER_MS)
    (successor,) = leaders(world)
    assert successor in ("b", "c")
    assert plans(world) == agreed
    assert pids(world) == processes


def wants(world: World, at: str, to: str | None = None) -> None:
    """An operator says at a node who is to lead."""
    agent = world.nodes[at].agent
    assert agent is not None
    term = agent.election.leadership.term
    word = HandOverWanted(term=term, to=NodeId(to) if to is not None else None)
    world.step(world.nodes[at], HandOverAsked(request="r", said=world.word(word)))


@pytest.mark.parametrize(("at", "to"), [("a", "c"), ("b", "b"), ("b", "c"), ("c", None)])
def test_l6_an_operator_has_another_lead_and_no_plan_and_no_role_changes(at: str, to: str | None) -> None:
    world = settled_site()
    agreed, processes = plans(world), pids(world)
    wants(world, at, to)
    world.run(SETTLED_MS)
    (successor,) = leaders(world)
    assert successor == (to or "b")
    assert plans(world) == agreed
    assert pids(world) == processes
    world.run(HANDED_OVER_MS)
    assert leaders(world) == {successor}, "and nobody takes it back"


def test_l6_who_may_not_changes_nothing() -> None:
    world = settled_site()
    world.renew_roster(operators=world.rights("hold"))
    world.run(SETTLED_MS)
    wants(world, "a", "c")
    world.run(SETTLED_MS)
    assert leaders(world) == {"a"}


def test_a_leader_whose_criterion_holds_leads_on() -> None:
    world = settled_site()
    world.finds("a", assurance_permille=1_000)
    world.run(HANDED_OVER_MS)
    assert leaders(world) == {"a"}


def test_a_criterion_that_fails_on_every_node_leaves_a_site_that_is_led_all_the_same() -> None:
    """It held on the sample that it was tried on when it was applied; these nodes have two cores."""
    failing = msgspec.structs.replace(SURE, criteria="1 / (node.cpu.cores - 2) >= 0")
    world = settled_site(msgspec.structs.replace(GOVERNANCE, management=(ManagementRow(roles={"leader": failing}),)))
    assert len(leaders(world)) == 1
    assert set(pids(world)) == {str(instance("store")), str(instance("db"))}
