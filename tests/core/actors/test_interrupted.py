"""An agent that dies after any of its steps, before anything of that step has left, and starts on the disk as it is.

The same for the leader, which negotiates, and for the holder, which subscribes; with the workloads that went on, and
with a machine that lost them too. Nothing is decided again, nothing goes back (I10), nothing runs without a
subscription (I4, checked by the world after every step), nothing exclusive runs twice (I2), the site settles (I12).
"""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.group.election.wire import Follow
from skerry.core.kernel.effects import Effects, Put
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
