"""R4: what an operator holds at any node stays held, whatever plan and manager want, until somebody lifts it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.core.actors import report
from skerry.core.conversation import DeclareDeadAsked
from skerry.core.group.custody.machine import stored_key
from skerry.core.group.election.model import INELIGIBLE_FOR_MS
from skerry.core.group.granting.model import DeclaredDead
from skerry.core.kernel.ids import NodeId
from skerry.core.stages.intent.holds import Hold, HoldAsked
from skerry.core.stages.ir.model import IntermediateRepresentation
from tests.core.things import HQ, SHOP, element, instance, ir
from tests.scenarios.world import RIGHTS, World

STORE, DB = instance("store"), instance("db")
WISH = ir(
    element("store"), element("db", key=f"{SHOP}/db"), isolated=(element("store"), element("db", key=f"{SHOP}/db"))
)
SETTLED_MS = 6_000
TOLD_MS = 500
LEASE_MS = 3_000


def site(*names: str) -> World:
    world = World("".join(names) or "abc", WISH)
    world.start(*(names or "abc"))
    world.run(SETTLED_MS)
    return world


def says(world: World, at: str, subject: str, **fields: Any) -> Hold:
    """An operator's word is handed in at a node."""
    what = "drain" if subject in world.nodes else "pause"
    hold = Hold(**{"what": what, "subject": subject, "place": at, "number": 1, "why": "hands in it", **fields})
    world.step(world.nodes[at], HoldAsked(request="r", said=world.word(hold)))
    return hold


def lifts(world: World, at: str, hold: Hold) -> None:
    lifted = msgspec.structs.replace(hold, lifted=True)
    world.step(world.nodes[at], HoldAsked(request="r", said=world.word(lifted)))


def where(world: World, name: str = "store") -> list[str]:
    """The nodes on which it runs."""
    return [n for n, node in world.nodes.items() if instance(name) in node.workloads]


def know(world: World, drained: str) -> list[str]:
    """The nodes that have heard of it."""
    return [n for n, node in world.nodes.items() if node.agent is not None and drained in node.agent.picture.drained()]


def paused_at(world: World) -> list[str]:
    """The nodes for which something is paused."""
    return [n for n, node in world.nodes.items() if node.agent is not None and node.agent.picture.paused()]


# --- pause ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [SHOP, f"{SHOP}/store"], ids=["an intent", "a role"])
@pytest.mark.parametrize("at", "abc")
def test_r4_what_is_paused_anywhere_stops_everywhere_and_what_is_lifted_anywhere_goes_on(at, subject) -> None:
    world = site()
    (holder,) = where(world)
    hold = says(world, at, subject)
    world.run(TOLD_MS)
    assert where(world) == []
    assert bool(where(world, "db")) == (subject != SHOP)
    world.run(SETTLED_MS)
    assert where(world) == []

    lifts(world, "a" if at != "a" else "b", hold)
    world.run(TOLD_MS)
    assert where(world) == [holder], "its plan never changed"
    world.run(SETTLED_MS)
    assert len(where(world, "db")) == 1


def test_r4_a_pause_changes_no_plan() -> None:
    world = site()
    agreed = [n.agent.picture.plan() for n in world.nodes.values() if n.agent is not None]
    says(world, "b", SHOP)
    world.run(SETTLED_MS)
    assert [n.agent.picture.plan() for n in world.nodes.values() if n.agent is not None] == agreed


def test_r4_what_is_paused_stays_so_while_cut_off_and_when_a_newer_intent_comes_with_the_link() -> None:
    """Interleaving 46: the technician has their hands in the machine."""
    world = site()
    world.part_from_manager()
    world.run(SETTLED_MS)
    says(world, "c", f"{SHOP}/store")
    world.issue(newer(WISH))
    world.run(TOLD_MS)
    world.heal()
    world.run(2 * SETTLED_MS)
    assert generations(world) == {2}
    assert where(world) == []
    assert len(where(world, "db")) == 1


def test_r4_what_is_paused_stays_so_when_its_node_starts_again() -> None:
    world = site()
    (holder,) = where(world)
    says(world, holder, f"{SHOP}/store")
    world.run(TOLD_MS)
    world.kill(holder, machine=True)
    world.start(holder)
    world.run(SETTLED_MS)
    assert where(world) == []


def test_r4_an_agent_that_was_away_stops_what_was_paused_meanwhile() -> None:
    world = site()
    (holder,) = where(world)
    world.kill(holder)
    says(world, "a" if holder != "a" else "b", f"{SHOP}/store")
    world.run(TOLD_MS)
    assert where(world) == [holder], "its work goes on without it"
    world.start(holder)
    world.run(SETTLED_MS)
    assert where(world) == []


def test_i9_a_withdrawn_intent_is_not_brought_back_by_lifting_its_hold() -> None:
    world = site()
    hold = says(world, "a", SHOP)
    world.issue(msgspec.structs.replace(newer(WISH), withdrawn=True))
    world.run(SETTLED_MS)
    lifts(world, "b", hold)
    world.run(SETTLED_MS)
    assert where(world) == where(world, "db") == []


def test_r4_an_old_copy_sets_nothing_again() -> None:
    world = site()
    hold = says(world, "a", f"{SHOP}/store")
    world.run(TOLD_MS)
    world.part("c", "ab")
    world.run(SETTLED_MS)
    lifts(world, "a", hold)
    world.run(TOLD_MS)
    assert paused_at(world) == ["c"]
    world.heal()
    world.run(2 * SETTLED_MS)
    assert paused_at(world) == []
    assert len(where(world)) == 1


# --- drain ------------------------------------------------------------------------------------------------------------


def test_r4_what_a_drained_node_holds_moves_without_a_gap_and_exclusive_work_by_grants() -> None:
    world = site()
    (holder,) = where(world, "db")
    gaps: list[int] = []
    doubles: list[int] = []

    def look() -> None:
        if not where(world):
            gaps.append(world.now_ms)
        if len(where(world, "db")) > 1:
            doubles.append(world.now_ms)
        world.after(5, look)

    look()
    for node in {holder, *where(world)}:
        says(world, "a", node)
        world.run(SETTLED_MS + LEASE_MS)
        assert world.nodes[node].workloads == {}
    assert (gaps, doubles) == ([], [])
    assert len(where(world)) == len(where(world, "db")) == 1


def test_r4_a_drained_leader_hands_over_and_stands_for_no_office() -> None:
    world = site()
    (leader,) = {n.agent.election.leadership.leader for n in world.nodes.values() if n.agent is not None}
    hold = says(world, "c", str(leader))
    world.run(INELIGIBLE_FOR_MS + SETTLED_MS)
    (successor,) = {n.agent.election.leadership.leader for n in world.nodes.values() if n.agent is not None}
    assert successor != leader
    lifts(world, str(leader), hold)
    world.run(SETTLED_MS)
    assert {n.agent.election.leadership.leader for n in world.nodes.values() if n.agent is not None} == {successor}


def test_r4_what_nobody_else_can_take_goes_on_where_it_is_and_nothing_new_comes() -> None:
    world = site("a")
    says(world, "a", "a")
    world.run(SETTLED_MS)
    assert (where(world), where(world, "db")) == (["a"], ["a"])
    world.issue(newer(WISH, element("store"), element("db", key=f"{SHOP}/db"), element("cache")))
    world.run(SETTLED_MS)
    assert generations(world) == {2}
    assert (where(world), where(world, "cache")) == (["a"], [])


def test_r4_a_node_that_was_drained_gets_work_again_once_that_is_lifted() -> None:
    world = site()
    holds = [says(world, "a", node) for node in "ab"]
    world.run(SETTLED_MS + LEASE_MS)
    assert (where(world), where(world, "db")) == (["c"], ["c"])
    for hold in holds:
        lifts(world, "b", hold)
    world.run(SETTLED_MS)
    assert (where(world), where(world, "db")) == (["c"], ["c"]), "healthy work is not moved back"
    world.kill("c", machine=True)
    world.run(SETTLED_MS + LEASE_MS)
    assert set(where(world)) <= {"a", "b"}
    assert len(where(world)) == len(where(world, "db")) == 1


def test_r4_a_part_of_the_site_that_is_cut_off_obeys_what_was_said_in_it_and_the_rest_when_they_meet() -> None:
    world = site()
    world.part("c", "ab")
    world.run(SETTLED_MS)
    says(world, "c", "a")
    world.run(SETTLED_MS)
    assert know(world, "a") == ["c"]
    world.heal()
    world.run(2 * SETTLED_MS)
    assert know(world, "a") == ["a", "b", "c"]
    assert world.nodes["a"].workloads == {}


# --- what is told -----------------------------------------------------------------------------------------------------


def test_r4_status_and_explain_say_who_where_and_why() -> None:
    world = site()
    says(world, "b", f"{SHOP}/store")
    says(world, "b", "a", why="new disk")
    world.run(SETTLED_MS)
    agent = world.nodes["c"].agent
    assert agent is not None
    found = report.status(agent, world.now_ms)
    assert [(h["what"], h["subject"], h["by"], h["place"], h["why"]) for h in found["holds"]] == [
        ("drain", "a", "ann", "b", "new disk"),
        ("pause", f"{SHOP}/store", "ann", "b", "hands in it"),
    ]
    (row,) = found["functionalities"]
    assert row["paused"] == {f"{SHOP}/store": "paused by ann at b: hands in it"}
    explained = report.explain(agent, STORE)
    assert explained["paused"] == "paused by ann at b: hands in it"
    assert explained["drained"] == {"a": "drained by ann at b: new disk"}


def test_r4_the_journal_keeps_the_operators_own_word() -> None:
    world = site()
    hold = says(world, "b", SHOP)
    lifts(world, "b", hold)
    world.run(TOLD_MS)
    agent = world.nodes["a"].agent
    assert agent is not None
    told = [e for e in report.journal_page(agent.journal, 0)["entries"] if e["kind"] == "operator"]
    assert [(e["what"], e["about"], e["data"]["operator"]) for e in told] == [
        ("hold.set", SHOP, "ann"),
        ("hold.lifted", SHOP, "ann"),
    ]


def test_r4_who_may_not_changes_nothing() -> None:
    world = site()
    world.renew_roster(operators=world.rights())
    world.run(SETTLED_MS)
    says(world, "b", SHOP)
    world.run(TOLD_MS)
    assert len(where(world)) == 1
    agent = world.nodes["b"].agent
    assert agent is not None
    assert report.status(agent, world.now_ms)["holds"] == []


def test_r4_what_somebody_holds_ends_with_their_right_for_those_who_never_heard_of_it_too() -> None:
    """Whoever was away takes it from nobody any more: kept, it would be offered to them for ever."""
    world = site()
    world.part("c", "ab")
    world.run(SETTLED_MS)
    hold = says(world, "a", SHOP)
    world.run(TOLD_MS)
    assert paused_at(world) == ["a", "b"]
    world.renew_roster(operators=world.rights())
    world.run(SETTLED_MS)
    world.heal()
    world.run(2 * SETTLED_MS)
    assert paused_at(world) == []
    assert len(where(world)) == 1
    known = [n.agent.picture.custody.versions() for n in world.nodes.values() if n.agent is not None]
    assert hold.document not in known[0] and known[1:] == known[:1] * 2
    assert [n.name for n in world.nodes.values() if stored_key(hold.document) in n.disk] == []


def test_r4_what_has_lapsed_does_not_come_back_with_the_right_from_who_was_away() -> None:
    world = site()
    hold = says(world, "a", SHOP)
    world.run(TOLD_MS)
    assert paused_at(world) == ["a", "b", "c"]
    world.part("c", "ab")
    world.renew_roster(operators=world.rights())
    world.mend("a", HQ)
    world.run(SETTLED_MS)
    world.renew_roster(operators=world.rights(*RIGHTS))
    world.run(SETTLED_MS)
    assert paused_at(world) == ["c"]
    world.heal()
    world.run(2 * SETTLED_MS)
    assert paused_at(world) == []
    assert [n.name for n in world.nodes.values() if stored_key(hold.document) in n.disk] == []

    says(world, "b", SHOP, roster=world.roster.version)
    world.run(TOLD_MS)
    assert paused_at(world) == ["a", "b", "c"]


def test_x8_a_word_that_a_node_is_off_ends_with_its_authors_right_too() -> None:
    """Who has the roster takes it from nobody: the node, once it is back, would never be told, and never answer."""
    world = site()
    world.kill("c")
    world.run(SETTLED_MS)
    word = DeclaredDead(node=NodeId("c"), generation=1)
    world.step(world.nodes["a"], DeclareDeadAsked(request="r", said=world.word(word)))
    world.run(TOLD_MS)
    assert taken_for_dead(world) == {"a": {"c"}, "b": {"c"}}
    world.renew_roster(operators=world.rights("hold"))
    world.run(SETTLED_MS)
    assert taken_for_dead(world) == {"a": set(), "b": set()}
    world.start("c")
    world.run(SETTLED_MS)
    assert taken_for_dead(world) == {"a": set(), "b": set(), "c": set()}
    assert [n.name for n in world.nodes.values() if stored_key("dead/c") in n.disk] == []


def taken_for_dead(world: World) -> dict[str, set[str]]:
    agents = {name: node.agent for name, node in world.nodes.items()}
    return {name: set(agent.picture.declared_dead()) for name, agent in agents.items() if agent is not None}


def newer(wish: IntermediateRepresentation, *elements: Any) -> IntermediateRepresentation:
    """The next generation, with these roles if any are given."""
    made = ir(*elements, isolated=elements) if elements else wish
    return msgspec.structs.replace(made, generation=wish.generation + 1)


def generations(world: World) -> set[int]:
    return {n.agent.picture.irs()[SHOP].generation for n in world.nodes.values() if n.agent is not None}
