"""What a site at rest says and does: beats, and nothing that their sameness does not call for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from skerry.core.actors.agent import Agent
from skerry.core.actors.facets import Facets
from skerry.core.actors.repairing import documents_lacking, entries_lacking
from skerry.core.conversation import KINDS
from skerry.core.group.custody.machine import Holdings
from skerry.core.group.custody.model import Carry
from skerry.core.group.journal.model import Entry
from skerry.core.group.membership.machine import Membership
from skerry.core.group.membership.wire import Beat
from skerry.core.kernel.events import Reconsider
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from tests.core.actors.test_agent import WISH
from tests.core.things import A, B, C
from tests.scenarios.world import Node, World

SETTLED_MS = 20_000
WATCHED_MS = 5_000


@pytest.fixture
def resting() -> World:
    """Three nodes that run what they were asked to, and write readings of it."""
    world = World("abc", WISH)
    world.start("a", "b", "c")
    world.run(SETTLED_MS)
    return world


def overheard(world: World, for_ms: int, drop: Any = lambda node, other, said: False) -> list[tuple[str, Any]]:
    """Everything that is said meanwhile, but for what is dropped: who, and what."""
    said: list[tuple[str, Any]] = []
    carry = world._carry

    def tap(node: Node, other: Node, sealed: Sealed) -> None:
        statement = decode(sealed.statement, Statement)
        body: Any = decode(statement.body, KINDS[statement.kind])
        said.append((node.name, body))
        if not drop(node.name, other.name, body):
            carry(node, other, sealed)

    world._carry = tap  # type: ignore[method-assign] # the tap
    world.run(for_ms)
    world._carry = carry  # type: ignore[method-assign] # and off again
    return said


def holdings(said: list[tuple[str, Any]]) -> list[Holdings]:
    return [decode(body.holdings, Holdings) for _, body in said if isinstance(body, Beat)]


def entries(world: World, name: str) -> dict[str, int]:
    agent = world.nodes[name].agent
    assert agent is not None
    return agent.journal.heads


def test_beats_of_a_site_at_rest_list_nothing_though_its_journal_grows(resting: World) -> None:
    before = sum(entries(resting, "a").values())
    found = holdings(overheard(resting, WATCHED_MS))
    assert sum(entries(resting, "a").values()) > before
    assert found
    assert [(one.versions, one.heads) for one in found if one.versions is not None or one.heads is not None] == []


def test_facets_are_what_the_latest_beats_say_however_often_members_come_and_go() -> None:
    world = World("abcd", WISH)
    world.start("a", "b", "c", "d")
    world.run(8_000)
    world.cut.add(frozenset("ab"))
    world.run(3_700)
    world.cut.clear()
    world.kill("c")
    world.run(2_300)
    world.start("c")
    for _ in range(40):
        world.run(90)
        for node in world.nodes.values():
            if node.agent is not None:
                assert_facets_are_as_heard(node.agent)


def assert_facets_are_as_heard(agent: Agent) -> None:
    anew = Facets()
    whole = Membership(me=agent.identity.node, life=agent.identity.life, contacts=agent.membership.contacts)
    whole.changed = list(whole.contacts)
    anew.follow(whole)
    kept = agent.picture.facets
    assert (kept.carried, kept.holdings, kept.answered) == (anew.carried, anew.holdings, anew.answered)
    for name, side in anew.sides.items():
        assert kept.sides[name].said == side.said, name


def test_a_fit_that_was_just_told_hurries_no_beat_and_any_other_document_does(resting: World) -> None:
    agent = resting.nodes["b"].agent
    assert agent is not None
    custody, before = agent.picture.custody, agent.picture.beat_stamp()
    custody.keep(custody.kept["fit/a"])
    assert agent.picture.beat_stamp() == before
    custody.keep(custody.kept["site"])
    assert agent.picture.beat_stamp() != before


def test_c2_entries_that_were_lost_on_their_way_are_copied_all_the_same(resting: World) -> None:
    lost = overheard(resting, WATCHED_MS, lambda node, other, body: other == "a" and isinstance(body, Carry | Entry))
    assert any(isinstance(body, Entry) for _, body in lost)
    assert entries(resting, "c") != entries(resting, "a")
    listed = holdings(overheard(resting, WATCHED_MS))
    assert any(one.heads is not None for one in listed)
    assert entries(resting, "a") == entries(resting, "c")


def test_c2_the_leader_gets_what_it_lacks_from_whoever_holds_it_by_the_least_name(resting: World) -> None:
    """Not from the least name of all, which may lack it too, if the author told only one and is gone."""
    c = resting.nodes["c"].agent
    assert c is not None and c.picture.agent.election.leadership.leader == "a"
    lacks = entries_lacking(c.picture, A, {}, A, c.journal)
    assert {decode(entry.statement, Statement).signer for entry in lacks} > {"c"}

    c.picture.facets.holdings[B] = Holdings(heads=c.journal.heads)
    lacks = entries_lacking(c.picture, A, {}, A, c.journal)
    assert {decode(entry.statement, Statement).signer for entry in lacks} <= {"c"}, "its own it tells itself"


def test_c2_what_its_author_cannot_tell_somebody_is_told_by_whoever_sees_that_it_is_lacked(resting: World) -> None:
    """Where not everybody hears everybody: each leaves it to the author only if author and peer are in contact."""
    c = resting.nodes["c"].agent
    assert c is not None
    picture = c.picture
    picture.facets.holdings[B] = Holdings(versions=picture.custody.versions())
    assert {"fit/b", "fit/c"} & told(documents_lacking(picture, A, {}, None)) == {"fit/c"}
    contact = picture.contacts()[B]
    deaf = msgspec.structs.replace(contact.beat, hears={C: c.identity.life})
    picture.contacts()[B] = msgspec.structs.replace(contact, beat=deaf)
    assert {"fit/b", "fit/c"} <= told(documents_lacking(picture, A, {}, None))


def told(items: list[Sealed]) -> set[str]:
    """The fits among them."""
    statements = [decode(item.statement, Statement) for item in items]
    return {f"fit/{said.signer}" for said in statements if said.kind == "role_fit"}


def test_a_beat_that_says_what_the_one_before_said_makes_no_machine_look_again(resting: World) -> None:
    agent = resting.nodes["b"].agent
    assert agent is not None
    ran: Counter[str] = Counter()
    run = agent._run

    def count(name: str, event: Any, given: Any) -> Any:
        if isinstance(event, Reconsider):
            ran[name] += 1
        return run(name, event, given)

    agent._run = count  # type: ignore[method-assign] # counts, and goes on
    beats = [1 for _, body in overheard(resting, WATCHED_MS) if isinstance(body, Beat)]
    assert len(beats) > WATCHED_MS // 1_000
    assert {name: times for name, times in ran.items() if name not in ("uplink", "membership")} == {}
