"""P5: a voter says no to a node of which it has measured that it does worse than it claims, and to nobody else.

The site of three runs `store`; its validator measures it from another node. Then a second intent comes, for which the
holder of `store`, with the best fit of all, is the first candidate again.
"""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.ids import IntentId
from skerry.core.kernel.inputs import Input
from skerry.core.stages.ir.model import AssentClause, Governance, ManagementRole, ManagementRow, SiteDocument
from skerry.core.stages.monitoring import experience
from skerry.core.stages.monitoring.model import EXPERIENCE_NEEDED
from skerry.core.stages.negotiation.wire import Ballot
from tests.core.things import STACK, element, ir
from tests.scenarios.world import Node, World

NOTES = IntentId("hq/notes")
OFFICES = {
    "leader": ManagementRole(name="leader", does=("leader",)),
    "validator": ManagementRole(name="validator", does=("validator",), apart_from=("leader",)),
}
GOVERNANCE = Governance(
    name="watched", management=(ManagementRow(roles=OFFICES),), assent=(AssentClause(by="unanimous"),)
)
FLOOR_OPS = 60


class Listener:
    """Keeps every no that a ballot bears."""

    def __init__(self) -> None:
        self.noes: list[tuple[str, str, str]] = []

    def __call__(self, node: Node, given: Input[Any], effects: Effects) -> None:
        """After each step, before its effects."""
        for send in effects.send:
            if isinstance(send.message, Ballot):
                self.noes += [(node.name, no.reason, no.evidence) for no in send.message.no.values()]


def noes_when_the_holder_serves(ops: int, until_asked_ms: int = 0) -> tuple[World, list[tuple[str, str, str]]]:
    """What voters refuse, from the first start until the second intent is agreed. Whoever is asked a while later serves
    well again."""
    listener = Listener()
    world = World("abc", ir(element("store"), governance=GOVERNANCE), watch=listener)
    world.issue(SiteDocument(name="shop", generation=2, governance=GOVERNANCE))
    world.start("a", "b", "c")
    world.run(4_000)
    holder = next(node for node in world.nodes.values() if node.workloads)
    assert holder.name == "c", "the best fit"
    holder.serves_ops = ops
    world.run(30_000)
    if until_asked_ms:
        holder.serves_ops = FLOOR_OPS * 2
        world.run(until_asked_ms)
        listener.noes.clear()
    world.issue(ir(element("store"), intent=NOTES, governance=GOVERNANCE))
    world.run(10_000)
    return world, listener.noes


def holder_of(world: World, intent: str) -> str:
    (found,) = [n.name for n in world.nodes.values() for i in n.workloads if i.startswith(intent)]
    return found


def test_five_measurements_under_the_floor_are_a_no_with_its_evidence_and_the_role_goes_to_the_next() -> None:
    world, noes = noes_when_the_holder_serves(FLOOR_OPS // 2)
    assert noes
    assert {who for who, _, _ in noes} == {"b"}, "the validator, and nobody without experience"
    assert all("median fit 0.50 of the floor" in reason and evidence for _, reason, evidence in noes)
    assert holder_of(world, NOTES) != "c"


def test_without_a_slowed_workload_there_is_no_no() -> None:
    world, noes = noes_when_the_holder_serves(FLOOR_OPS + 1)
    assert noes == []
    assert holder_of(world, NOTES) == "c"
    assert all(STACK.digest == w.digest for n in world.nodes.values() for w in n.workloads.values())


@pytest.mark.parametrize(("after_ms", "refused"), [(20_000, True), (150_000, False)])
def test_who_did_badly_for_a_while_is_refused_for_a_while(monkeypatch, after_ms: int, refused: bool) -> None:
    monkeypatch.setattr(experience, "EXPERIENCE_FOR_MS", 120_000)  # an hour here is two minutes
    world, noes = noes_when_the_holder_serves(FLOOR_OPS // 2, after_ms)
    assert bool(noes) == refused
    assert (holder_of(world, NOTES) != "c") == refused


def test_nobody_is_refused_for_old_figures_who_does_well_now_by_those_of_whoever_measures_it() -> None:
    """A member whose own link was slow for a while found all others slow."""
    listener = Listener()
    world = World("abc", ir(element("store"), governance=GOVERNANCE), watch=listener)
    world.issue(SiteDocument(name="shop", generation=2, governance=GOVERNANCE))
    world.start("a", "b", "c")
    world.run(10_000)
    assert holder_of(world, "hq/shop") == "c"
    agent = world.nodes["a"].agent
    assert agent is not None
    for number in range(EXPERIENCE_NEEDED):
        agent.monitoring._experience.add(f"c {STACK.digest}", 100, f"a/1#{number}", world.now_ms)
    assert agent.monitoring.experience(world.now_ms)
    world.issue(ir(element("store"), intent=NOTES, governance=GOVERNANCE))
    world.run(10_000)
    assert listener.noes == []
    assert holder_of(world, NOTES) == "c"
