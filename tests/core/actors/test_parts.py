"""R3: a site is split, both parts reach head office, and each has a temporary plan (interleaving 24)."""

from __future__ import annotations

import msgspec
import pytest

from skerry.core.conversation import Exchange
from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.negotiation.model import SITE, Plan
from skerry.core.stages.ratification.model import Verdict
from tests.core.actors.office import Site, temporary
from tests.core.things import A, B, C, assigned, element, ir, plan

WHOLE = temporary(plan(assigned(A), term=5, leader=A))
OURS = temporary(plan(assigned(A), term=5, leader=A, number=2, members=(A, B)))
THEIRS = temporary(plan(assigned(C), term=6, leader=C, members=(C,)))
"""The same instance runs in both parts: a double."""
JOINED = temporary(plan(assigned(A), term=7, leader=A, members=(A, B, C)))


@pytest.fixture
def site() -> Site:
    made = Site()
    made.wants(ir(element()))
    return made


def tells(site: Site, node: NodeId, made: Plan) -> Exchange:
    """A part hands over its plan with the evidence, by the node that has the session; what it is answered."""
    site.hears(node, made)
    site.reads(node, site.entry(made.id.leader, "plan.committed", about=str(made.id)))
    return site.asks(node)


def words(site: Site) -> list[tuple[str, str]]:
    return [(str(v.plan), v.word) for v in site.manager.verdicts]


def brought(exchange: Exchange) -> list[tuple[str, str]]:
    said = [decode(item.statement, Statement) for item in exchange.items]
    found = [decode(s.body, Verdict) for s in said if s.kind == "verdict"]
    return [(str(v.plan), v.word) for v in found]


def test_r3_each_part_is_ratified_for_its_own_nodes_and_no_double_is_stopped(site: Site) -> None:
    assert ("5.a.2", "final") in brought(tells(site, A, OURS))
    assert ("6.c.1", "final") in brought(tells(site, C, THEIRS))
    assert words(site) == [("5.a.2", "final"), ("6.c.1", "final")]
    assert [str(p.id) for p in site.manager.plans()] == ["6.c.1", "5.a.2"]


def test_r3_a_part_with_the_lower_plan_is_heard_after_the_one_with_the_higher(site: Site) -> None:
    tells(site, C, THEIRS)
    assert ("5.a.2", "final") in brought(tells(site, A, OURS))


def test_r3_both_ask_on_and_nothing_is_said_again(site: Site) -> None:
    tells(site, A, OURS)
    tells(site, C, THEIRS)
    for _ in range(3):
        site.asks(A)
        site.asks(C)
    assert len(words(site)) == 2
    site.restart()
    site.asks(A)
    site.asks(C)
    assert len(words(site)) == 2
    assert [str(p.id) for p in site.manager.plans()] == ["6.c.1", "5.a.2"]


def test_r3_a_newer_intent_replaces_each_parts_plan_by_itself(site: Site) -> None:
    tells(site, A, OURS)
    tells(site, C, THEIRS)
    site.wants(ir(element(), generation=2))
    site.asks(C)
    assert words(site)[2:] == [("6.c.1", "replaced")]
    site.asks(A)
    assert words(site)[2:] == [("6.c.1", "replaced"), ("5.a.2", "replaced")]


def test_r3_what_a_part_decides_next_is_judged_whatever_the_other_has_decided(site: Site) -> None:
    tells(site, C, THEIRS)
    tells(site, A, OURS)
    following = temporary(plan(assigned(B), term=5, leader=A, number=3, members=(A, B)))
    assert ("5.a.3", "final") in brought(tells(site, A, following))
    assert words(site)[2:] == [("5.a.3", "final")]


def test_r3_a_part_that_went_on_under_the_plan_of_before_keeps_its_word(site: Site) -> None:
    """The other part's leader made a further one, whose word would take its place."""
    tells(site, A, WHOLE)
    site.hears(B, WHOLE)
    tells(site, A, OURS)
    assert words(site) == [("5.a.1", "final"), ("5.a.2", "final")]
    assert all(plan != "5.a.2" for plan, _ in brought(site.asks(B))), "what the part of b decided is 5.a.1"
    for number in (1, 2):  # each has its own word, and says so
        site.asks(A, **{"verdict_hq/shop_a": (2,)})
        site.asks(B, **{"verdict_hq/shop_a": (1,)})
        assert len(words(site)) == 2, number


def test_r3_once_they_have_met_there_is_one_plan_and_one_word(site: Site) -> None:
    tells(site, A, OURS)
    tells(site, C, THEIRS)
    assert ("7.a.1", "final") in brought(tells(site, A, JOINED))
    assert [str(p.id) for p in site.manager.plans()] == ["7.a.1"]
    site.hears(C, JOINED)
    site.asks(C)
    assert words(site)[2:] == [("7.a.1", "final")]


def test_r1_a_word_that_did_not_arrive_is_said_again_though_the_next_plan_has_no_section_for_it(site: Site) -> None:
    """The intent was withdrawn meanwhile: no other word comes that would take its place."""
    tells(site, A, OURS)
    without = {intent: section for intent, section in OURS.sections.items() if intent == SITE}
    gone = msgspec.structs.replace(OURS, id=PlanId(term=5, leader=A, number=3), sections=without)
    assert brought(tells(site, A, gone)) == [("5.a.2", "final")]
    assert brought(site.asks(A, **{"verdict_hq/shop_a": (1,)})) == []


def test_r3_a_word_on_the_plan_of_before_is_not_said_to_who_waits_for_one_on_the_next(site: Site) -> None:
    tells(site, A, OURS)
    site.hears(A, msgspec.structs.replace(OURS, id=PlanId(term=5, leader=A, number=3)))
    assert brought(site.asks(A)) == [], "its evidence has not come"
