"""The whole agent, and what others may say to it: malformed, forged, replayed, stale - nothing changes (I8, N4, P1)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skerry.core.conversation import KINDS, AgentEvent, Carried, Heard, Refused, key_in, kind_of, opened
from skerry.core.group.custody.model import Carry
from skerry.core.group.election.model import Standing
from skerry.core.group.election.wire import FollowMe
from skerry.core.group.granting.wire import GrantAsk, GrantGive
from skerry.core.group.membership.wire import Beat
from skerry.core.group.uplink.wire import Answer
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.ids import GrantKey, LifeId, PlanId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import decode, digest, encode
from skerry.core.stages.ir.model import Roster, RosterEntry
from skerry.core.stages.negotiation.model import Plan
from skerry.inputlog.state import state_of
from tests.core.things import HQ, SHOP, A, B, C, assigned, element, fit, ir, plan
from tests.scenarios.world import Node, World

WISH = ir(element("store"), element("db", key=f"{SHOP}/db"))


def settled() -> World:
    """Three nodes that run what they were asked to; a leads."""
    world = World("abc", WISH)
    world.start("a", "b", "c")
    world.run(4_000)
    return world


def state(node: Node) -> bytes:
    """All that an agent knows and decided, but for its memory of what it has heard."""
    assert node.agent is not None
    return state_of({**node.agent.machines, "custody": node.agent.picture.custody})


def sealed(
    world: World, signer: str, body: Any, *, number: int = 10**6, life: str | None = None, by: str = ""
) -> Sealed:
    node = world.nodes.get(signer)
    living = node.agent.identity.life if node is not None and node.agent is not None else "hq"
    statement = Statement(
        kind=kind_of(body), site="shop", signer=signer, life=life or living, number=number, body=encode(body)
    )
    key = world.nodes[by].signer if by else world.nodes[signer].signer if node is not None else world.desks[HQ].signer
    return seal(key, statement)


def tell(world: World, name: str, *items: Sealed) -> Effects:
    """Hand these to an agent as its shell does; what it does about them."""
    node, done = world.nodes[name], Effects()
    assert node.agent is not None
    for item in items:
        try:
            statements = opened(item, "shop", lambda s: key_in(world.roster, s), world.verifier)
        except Refused:
            continue
        for number, said in enumerate(statements):
            event: AgentEvent = Heard(said=said)
            done = done + node.agent.step(Input(id=f"x{number}", at_ms=world.now_ms, wall_ms=0, draw=0, event=event))
            node.agent.check_invariants()
    return done


SITE = settled()
"""For tests that leave it as it is."""


@pytest.fixture(scope="module")
def heard_by_b() -> list[Sealed]:
    """Everything that reaches node b while a site settles."""
    found: list[Sealed] = []
    world = World("abc", WISH)
    carry = world._carry

    def overhear(node: Node, other: Node, sealed: Sealed) -> None:
        if other.name == "b":
            found.append(sealed)
        carry(node, other, sealed)

    world._carry = overhear  # type: ignore[method-assign] # the tap
    world.start("a", "b", "c")
    world.run(4_000)
    world.part("b", "ac")  # what b hears from here on is only what the test says
    for item in found:
        before = state(world.nodes["b"])
        done = tell(world, "b", item)
        assert state(world.nodes["b"]) == before, f"replayed: {decode(item.statement, Statement).kind}"
        assert not done.persist
        assert not done.act
    return found


def test_i8_a_replay_of_everything_that_was_ever_said_changes_nothing(heard_by_b) -> None:
    kinds = {decode(item.statement, Statement).kind for item in heard_by_b}
    assert {"beat", "follow_me", "proposal", "carry", "grant_ask"} <= kinds


def test_i8_a_replay_after_a_restart_makes_no_contact_and_moves_nothing(heard_by_b) -> None:
    world = World("abc", WISH)
    world.nodes["b"].lives = 7
    world.start("b")
    world.run(200)
    world.part("b", "ac")
    for item in heard_by_b:
        tell(world, "b", item)
    agent = world.nodes["b"].agent
    assert agent is not None
    assert agent.membership.contacts == {}
    assert agent.election.followed is None
    assert not world.nodes["b"].workloads


def test_i8_what_was_refused_for_its_life_is_refused_again_when_that_life_is_known() -> None:
    """It was heard once; who repeats it is not its author."""
    world = settled()
    early = sealed(world, "c", GrantAsk(number=1, roster_version=1, keys={GrantKey("k"): 0}), number=1, life="new")
    assert tell(world, "b", early).empty
    world.run(50)
    tell(
        world, "b", sealed(world, "c", Beat(number=1, hears={B: _life(world, "b")}, carried=b""), number=2, life="new")
    )
    done = tell(world, "b", early)
    assert not [s for s in done.send if isinstance(s.message, GrantGive)]


@pytest.mark.parametrize(
    "body",
    [
        FollowMe(term=99),
        Beat(number=10**6, hears={}, carried=b""),
        plan(assigned(B), term=99, leader=C),
        fit(C, version=99),
        msgspec.structs.replace(WISH, generation=99, withdrawn=True),
    ],
    ids=kind_of,
)
def test_i8_what_one_says_in_anothers_name_changes_nothing(body) -> None:
    before = state(SITE.nodes["b"])
    tell(SITE, "b", sealed(SITE, "c", body, by="a"))
    assert state(SITE.nodes["b"]) == before


@pytest.mark.parametrize(
    "body",
    [
        fit(B, version=99),
        msgspec.structs.replace(WISH, generation=99, withdrawn=True),
        msgspec.structs.replace(SITE.roster, version=2, predecessor=digest(SITE.roster), members={}),
        plan(assigned(B), term=99, leader=A),
    ],
    ids=kind_of,
)
def test_n4_p1_a_members_word_on_what_is_not_its_to_say_is_refused_and_noted(body) -> None:
    before = state(SITE.nodes["b"])
    done = tell(SITE, "b", sealed(SITE, "c", body))
    assert state(SITE.nodes["b"]) == before
    assert [n.what for n in done.note] == ["statement.refused"]
    assert done.persist == ()


def test_p1_a_plan_is_taken_only_if_my_leader_holds_it() -> None:
    stray = plan(assigned(B), term=99, leader=C)
    before = state(SITE.nodes["b"])
    tell(SITE, "b", sealed(SITE, "c", stray))
    assert state(SITE.nodes["b"]) == before
    later = Plan(id=PlanId(term=1, leader=A, number=99), members=(A, B, C), sections={})
    world = settled()
    assert "document/plan" in {p.key for p in tell(world, "b", sealed(world, "a", later)).persist}


def test_i10_an_older_plan_roster_or_generation_of_its_own_author_changes_nothing() -> None:
    before = state(SITE.nodes["b"])
    old = Plan(id=PlanId(term=1, leader=A, number=0), members=(A,), sections={})
    done = tell(SITE, "b", sealed(SITE, "a", old), sealed(SITE, "hq", WISH), sealed(SITE, "c", fit(C, version=0)))
    assert state(SITE.nodes["b"]) == before
    assert done.persist == ()


def test_n4_only_the_successor_of_the_roster_that_is_held_is_taken() -> None:
    world = settled()
    more = {**world.roster.members, "d": RosterEntry(node="d", public_key=b"d" * 32)}

    def offered(version: int, predecessor: str) -> Roster:
        return msgspec.structs.replace(world.roster, version=version, predecessor=predecessor, members=more)

    for wrong in (offered(3, digest(world.roster)), offered(2, "another"), offered(1, digest(world.roster))):
        assert tell(world, "b", sealed(world, "hq", wrong)).persist == ()
    taken = tell(world, "b", sealed(world, "hq", offered(2, digest(world.roster))))
    assert [p.key for p in taken.persist] == ["document/roster/000002"]


@given(kind=st.sampled_from(sorted(KINDS)), body=st.binary(max_size=60))
def test_i8_a_member_whose_program_is_broken_can_say_what_it_likes(kind, body) -> None:
    statement = Statement(kind=kind, site="shop", signer="c", life=str(SITE.nodes["c"].lives), number=10**7, body=body)
    before = state(SITE.nodes["b"])
    tell(SITE, "b", seal(SITE.nodes["c"].signer, statement))
    assert state(SITE.nodes["b"]) == before


odd = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def carrying(fields: dict[str, Any]) -> bytes:
    """What a beat carries, but for these fields."""
    names = Carried.__struct_fields__
    plain = decode(encode(Carried(standing=Standing())), list[Any])
    return encode([fields.get(name, value) for name, value in zip(names, plain, strict=True)])


@given(st.dictionaries(st.sampled_from(["standing", "uplinks", "modes", "plan", "running"]), odd))
def test_i8_a_beat_that_carries_nonsense_is_a_beat_that_says_nothing(fields) -> None:
    world = _BROKEN
    beat = Beat(number=next(_NUMBERS), hears={A: _life(world, "a"), B: _life(world, "b")}, carried=carrying(fields))
    tell(world, "b", sealed(world, "c", beat, number=beat.number))
    agent = world.nodes["b"].agent
    assert agent is not None
    assert agent.election.leadership.leader == A


@given(st.lists(st.one_of(st.integers(-5, 5), st.text(max_size=3)), max_size=4))
@example(["x"])
def test_i8_versions_of_another_shape_in_a_beat_crash_nobody(version) -> None:
    world = _BROKEN
    standing: list[Any] = [1, "a", 1, 0, 0]
    names = world.nodes["b"].agent.picture.custody.versions() if world.nodes["b"].agent is not None else {}
    holdings: list[Any] = ["x", "y", dict.fromkeys(names, version), {}]
    hears = {A: _life(world, "a"), B: _life(world, "b")}
    carried = carrying({"standing": standing})
    beat = Beat(number=next(_NUMBERS), hears=hears, carried=carried, holdings=encode(holdings))
    tell(world, "b", sealed(world, "c", beat, number=beat.number))


def test_i8_an_answer_that_carries_nonsense_is_none() -> None:
    before = state(SITE.nodes["a"])
    tell(SITE, "a", sealed(SITE, "hq", Answer(number=1, carried=b"\xa2\xff\xfe")))
    tell(SITE, "a", sealed(SITE, "hq", Answer(number=1, carried=encode([1, 2, 3]))))
    assert state(SITE.nodes["a"]) == before


def test_i8_a_carrier_of_carriers_is_not_unpacked_for_ever() -> None:
    before = state(SITE.nodes["b"])
    item = sealed(SITE, "c", fit(B, version=99), by="c")
    for number in range(50):
        item = sealed(SITE, "c", Carry(items=(item,)), number=10**8 + number)
    tell(SITE, "b", item)
    assert state(SITE.nodes["b"]) == before


def test_an_effect_names_the_input_that_caused_it() -> None:
    world = settled()
    agent = world.nodes["b"].agent
    assert agent is not None
    due = agent.next_deadline_ms()
    assert due is not None
    event: AgentEvent = DeadlinePassed()
    assert agent.step(Input(id="why", at_ms=due, wall_ms=0, draw=0, event=event)).cause == "why"


def _life(world: World, name: str) -> LifeId:
    agent = world.nodes[name].agent
    assert agent is not None
    return agent.identity.life


_BROKEN = settled()
"""A site in which c's program is broken; a and b are not."""
_NUMBERS = iter(range(10**6, 10**7))
