"""P1: what shows a node that it committed plans which its disk has no more."""

from __future__ import annotations

import pytest

from skerry.core.actors.dealings import Dealings, Stock
from skerry.core.actors.forgotten import forgotten_term, is_misjudged
from skerry.core.group.custody.model import Version
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict
from tests.core.things import SHOP, A, B, assigned, plan


def manager_with(version: Version | None) -> Dealings:
    return Dealings(theirs=Stock(versions={"plan": version} if version is not None else {}))


def test_a_later_plan_of_mine_that_a_manager_holds_is_one_that_i_forgot() -> None:
    mine = plan(assigned(A), number=2)
    assert forgotten_term(A, mine, [manager_with((1, "a", 3))]) == 1
    assert forgotten_term(A, mine, [manager_with((1, "a", 3)), manager_with((4, "a", 1))]) == 4


@pytest.mark.parametrize("told", [(1, "a", 2), (1, "a", 1), (5, "b", 1), None])
def test_the_same_or_an_earlier_one_and_those_of_others_are_not(told: Version | None) -> None:
    assert forgotten_term(A, plan(assigned(A), number=2), [manager_with(told), Dealings()]) == 0


def test_who_has_no_plan_at_all_may_have_forgotten_one() -> None:
    assert forgotten_term(A, None, [manager_with((2, "a", 1))]) == 2


def verdict_on(plan: Plan) -> Verdict:
    return Verdict(
        intent=SHOP,
        generation=1,
        plan=plan.id,
        digest="",
        word="final",
        reason="",
        temporary=False,
        number=1,
        wall_ms=0,
    )


def test_a_word_on_my_plan_that_names_other_sections_shows_that_there_was_another_of_its_name() -> None:
    mine = plan(assigned(A))
    assert is_misjudged(A, mine, [verdict_on(mine)], apply=())
    assert not is_misjudged(A, mine, [verdict_on(mine)], apply={SHOP: "a word that names its sections"})


def test_a_word_on_another_plan_or_on_one_that_another_made_shows_nothing() -> None:
    mine, earlier, theirs = plan(assigned(A), number=2), plan(assigned(A)), plan(assigned(B), leader=B)
    assert not is_misjudged(A, mine, [verdict_on(earlier)], apply=())
    assert not is_misjudged(A, theirs, [verdict_on(theirs)], apply=())
    assert not is_misjudged(A, None, [verdict_on(mine)], apply=())
