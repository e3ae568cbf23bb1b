"""An agent that dies after any of its steps, before anything of that step has left, and starts on the disk as it is.

The same for the leader, which negotiates, and for the holder, which subscribes; with the workloads that went on, and
with a machine that lost them too. Nothing is decided again, nothing goes back (I10), nothing runs without a
subscription (I4, checked by the world after every step), nothing exclusive runs twice (I2), the site settles (I12).
"""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.actors.picture import Picture
from skerry.core.group.election.wire import Follow
from skerry.core.kernel.effects import Effects, Put
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.negotiation.model import Plan
from tests.core.things import SHOP, element, instance, ir
from tests.scenarios.world import Node, World

DB = instance("db")
WISH = ir(
    element("store"), element("db", key=f"{SHOP}/db"), isolated=(element("store"), element("db", key=f"{SHOP}/db"))
)
RUN_MS, SETTLE_MS = 4_500, 9_000
LEADER, HOLDER = "a", "c"


class Referee:
    """Looks at every step of every agent."""

    def __init__(self) -> None:
        self.persisting: dict[str, int] = {}
        self.followed: dict[str, int] = {}
        self.held: dict[str, tuple[int, str, int]] = {}
        self.plans: dict[str, bytes] = {}
        self.world: World

    def __call__(self, node: Node, given: Input[Any], effects: Effects) -> None:
        """After each step, before its effects."""
        self.persisting[node.name] = self.persisting.get(node.name, 0) + bool(effects.persist)
        for put in effects.persist:
            if isinstance(put, Put) and put.key == "election/followed":
                self._follow(node, decode(put.value, Follow).term)
            if isinstance(put, Put) and put.key == "document/plan":
                self._plan(node, put.value)
        twice = [n.name for n in self.world.nodes.values() if DB in n.workloads]
        assert len(twice) <= 1, f"I2: {DB} runs on {twice}"

    def _follow(self, node: Node, term: int) -> None:
        assert term > self.followed.get(node.name, 0), f"I10: {node.name} follows in term {term} again"
        self.followed[node.name] = term

    def _plan(self, node: Node, raw: bytes) -> None:
        plan = decode(decode(decode(raw, Sealed).statement, Statement).body, Plan)
        place = (plan.id.term, str(plan.id.leader), plan.id.number)
        assert place > self.held.get(node.name, (0, "", 0)), f"I10: the plan of {node.name} goes back to {plan.id}"
        self.held[node.name] = place
        known = self.plans.setdefault(str(plan.id), decode(decode(raw, Sealed).statement, Statement).body)
        assert known == decode(decode(raw, Sealed).statement, Statement).body, f"P1: {plan.id} was decided twice"


def play(victim: str, crash_after: int | None, *, machine: bool = False) -> Referee:
    """A site starts; this node dies after so many steps that persist, is off for 300 ms, and starts again."""
    referee = Referee()
    world = World("abc", WISH, watch=referee)
    referee.world = world
    world.crash_after = (victim, crash_after) if crash_after is not None else None
    world.start("a", "b", "c")
    world.run(RUN_MS)
    if crash_after is not None:
        assert world.nodes[victim].agent is None, "it was not interrupted"
        _restart(world, victim, machine=machine)
        world.run(SETTLE_MS)
        _settled(world)
    return referee


def _restart(world: World, victim: str, *, machine: bool) -> None:
    if machine:
        world.nodes[victim].workloads.clear()
    world.crash_after = None
    world.run(300)
    world.start(victim)


def _settled(world: World) -> None:
    agents = [n.agent for n in world.nodes.values() if n.agent is not None]
    assert len(agents) == len(world.nodes), "the victim is not back"
    assert len({a.election.leadership.leader for a in agents}) == 1, "I12: more than one leader"
    plans = {str(p.id) for a in agents if (p := a.picture.plan()) is not None}
    assert len(plans) == 1, f"I12: more than one plan: {plans}"
    where = sorted(i for n in world.nodes.values() for i in n.workloads)
    assert where == [DB, instance("store")], f"I12: what runs is {where}"


STEPS = {victim: play(victim, None).persisting[victim] for victim in (LEADER, HOLDER)}
"""How many steps of each persist something; each is a place to die."""


def places(victim: str) -> list[int]:
    """Every place of the first two dozen, in which all is decided, and then every fifth."""
    return [n for n in range(1, STEPS[victim] + 1) if n <= 24 or n % 5 == 0]


def test_the_whole_plan_persists_often_enough_to_be_interrupted() -> None:
    assert STEPS[LEADER] > 10
    assert STEPS[HOLDER] > 10


@pytest.mark.parametrize("place", places(LEADER))
def test_a_leader_that_dies_after_any_step_decides_nothing_twice_and_the_site_settles(place: int) -> None:
    play(LEADER, place)


@pytest.mark.parametrize("place", places(HOLDER))
def test_a_holder_whose_agent_dies_after_any_step_takes_its_processes_over_and_the_site_settles(place: int) -> None:
    play(HOLDER, place)


@pytest.mark.parametrize("place", places(HOLDER)[::3])
def test_a_holder_that_loses_its_processes_as_well_starts_only_what_it_may(place: int) -> None:
    play(HOLDER, place, machine=True)


def picture(node: Node) -> Picture:
    """What a node's agent knows."""
    assert node.agent is not None
    return node.agent.picture


def plan_of(node: Node) -> Plan:
    """The plan that it holds."""
    plan = picture(node).plan()
    assert plan is not None
    return plan


def served_by(world: World, name: str) -> dict[str, int]:
    """What runs there, with its process."""
    return {str(i): w.pid for i, w in world.nodes[name].workloads.items()}


@pytest.mark.parametrize("victim", [LEADER, HOLDER])
def test_u12_an_agent_that_is_away_for_less_than_a_lease_finds_its_work_and_the_plan_as_they_were(victim: str) -> None:
    world = World("abc", WISH)
    world.start("a", "b", "c")
    world.run(RUN_MS)
    before = {name: served_by(world, name) for name in world.nodes}
    others = [n for n in world.nodes.values() if n.name != victim]
    plan = plan_of(others[0])
    world.kill(victim)
    for _ in range(15):
        world.run(100)
        for node in others:
            told = picture(node).everywhere().get(NodeId(victim), ())
            assert {str(i.instance) for i in told} >= {i for i in before[victim] if i != DB}, "a client finds nobody"
    world.start(victim)
    world.run(SETTLE_MS)
    _settled(world)
    for name in world.nodes:
        kept = {i: pid for i, pid in before[name].items() if i != DB}
        assert kept.items() <= served_by(world, name).items()
    assert plan_of(others[0]).sections[SHOP] == plan.sections[SHOP]


def test_u6_work_on_a_machine_that_is_gone_moves_without_waiting_for_it() -> None:
    world = World("abc", WISH)
    world.start("a", "b", "c")
    world.run(RUN_MS)
    world.kill(HOLDER, machine=True)
    world.run(1_000)
    assert any(instance("store") in n.workloads for n in world.nodes.values() if n.name != HOLDER)


def test_an_agent_that_does_not_come_back_loses_what_is_exclusive_with_its_lease_and_later_the_rest() -> None:
    world = World("abc", WISH)
    world.start("a", "b", "c")
    world.run(RUN_MS)
    assert {DB, instance("store")} <= set(world.nodes[HOLDER].workloads)
    world.kill(HOLDER)
    others = [n for n in world.nodes.values() if n.name != HOLDER]
    world.run(6_000)
    assert any(DB in n.workloads for n in others), "its guard has ended it, and its promises are over"
    assert not any(instance("store") in n.workloads for n in others), "it serves where it is"
    world.run(6_000)
    assert any(instance("store") in n.workloads for n in others)
