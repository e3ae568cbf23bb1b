"""What makes a plan another plan: a slot that stays open for another kind of reason does, another figure does not. And
when the same is said again: to who joins with exclusive work that is somebody else's (X8)."""

from __future__ import annotations

import pytest

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.negotiation.model import MEASURING, NEGOTIATED, NO_ANSWER, Section
from skerry.core.stages.negotiation.rounds import is_news, substance
from skerry.core.stages.negotiation.survey import Survey
from skerry.core.stages.proposal.model import NOT_MEASURED
from tests.core.things import SHOP, A, B, C, assigned, plan, running

LACKS = "n1: fit 0.82, 1.00 wanted; n2: memory: 256Mi needed, 132Mi free"


def open_for(why: str) -> object:
    section = Section(intent=SHOP, generation=1, unfilled={"hq/shop/store#1 (connected)": why})
    return substance({SHOP: section})


@pytest.mark.parametrize(
    "passing",
    [
        f"{MEASURING}: n2",
        NEGOTIATED,
        f"n1: fit 0.82, 1.00 wanted; n2: {NO_ANSWER} n2",
        f"n1: fit 0.82, 1.00 wanted; n2: hello: {NOT_MEASURED}",
    ],
)
def test_a_reason_that_held_for_the_moment_gives_way_to_one_that_lasts(passing: str) -> None:
    assert open_for(passing) != open_for(LACKS)


def test_other_figures_in_a_reason_make_no_other_plan() -> None:
    assert open_for(LACKS) == open_for(LACKS.replace("132Mi", "100Mi"))


@pytest.mark.parametrize(
    ("surrendered", "newcomers", "told"),
    [(True, {C}, True), (False, {C}, False), (True, set(), False), (True, {B}, False)],
    ids=["it has no quorum", "it has one", "the plan in force counts it", "another has joined"],
)
def test_x8_who_joins_with_exclusive_work_that_is_somebody_elses_is_told_the_same_plan_again(
    surrendered: bool, newcomers: set[NodeId], told: bool
) -> None:
    survey = Survey(
        leader=A,
        members={},
        irs={},
        present=frozenset({B, C}),
        running={B: (running(surrendered=True),), C: (running(surrendered=surrendered),)},
        management={},
        offices={},
        newcomers=frozenset(newcomers),
    )
    old = plan(assigned(B))
    assert is_news(old.sections, old, survey) is told
