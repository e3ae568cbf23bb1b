"""Who does a role badly: others are asked, and it goes on until one of them has agreed (P5, interleaving 51)."""

from __future__ import annotations

import msgspec

from skerry.core.stages.negotiation.model import No
from skerry.core.stages.negotiation.rounds import REFUSAL_HOLDS_MS
from tests.core.stages.negotiation.test_machine import STORE, ballot, chair, holders, known, proposed
from tests.core.things import A, B, C, assigned, element, ir, measured, plan, slot
from tests.support.conversation import anything, at, heard, sees


def test_a_role_measured_under_its_floor_goes_to_another_and_stays_if_nobody_does_better() -> None:
    failing = {STORE.instance: A}
    t = chair(plan=plan(assigned(A)), failing=failing)
    assert proposed(t) == {STORE: B}
    alone = chair(
        plan=plan(assigned(A)), failing=failing, known=known(b=measured(failure="x"), c=measured(failure="x"))
    )
    assert proposed(alone) is None
    assert holders(alone.view.plan) == {STORE: A}


def test_two_that_fail_at_places_of_one_role_do_not_change_places() -> None:
    """Each would be ended and begun anew, on a node that has just failed at the same."""
    present = plan(assigned(A), assigned(B, number=2))
    failing = {slot(number=1).instance: A, slot(number=2).instance: B}
    wish = ir(element(instances=2))
    assert proposed(chair(wish, plan=present, failing=failing)) == {slot(number=1): C}, "whoever is left takes one"
    alone = chair(wish, plan=present, failing=failing, known=known(c=measured(failure="x")))
    assert proposed(alone) is None
    assert holders(alone.view.plan) == {slot(number=1): A, slot(number=2): B}


def test_a_role_does_not_go_back_to_who_has_just_failed_at_it() -> None:
    """Of who takes over something bad may be remembered, too: the role would change hands with each measurement."""
    t = chair(plan=plan(assigned(A)), failing={STORE.instance: A})
    assert t >> heard(B, ballot(1, STORE)) << anything
    assert holders(t.view.plan) == {STORE: B}
    bad = msgspec.structs.replace(t.view.survey, failing={STORE.instance: B})
    assert t >> sees(survey=bad, stamp=("B is bad, too",)) << anything
    assert proposed(t) == {STORE: C}
    assert t >> heard(C, ballot(2, no={str(STORE): No(reason="not enough free")})) << anything
    assert (proposed(t), holders(t.view.plan)) == (None, {STORE: B})
    assert t >> at(REFUSAL_HOLDS_MS) << anything
    assert proposed(t) == {STORE: A}


def test_whoever_fails_keeps_the_role_until_somebody_agrees_to_take_it_and_is_not_asked_again() -> None:
    full = No(reason="not enough free")
    t = chair(plan=plan(assigned(A)), failing={STORE.instance: A})
    assert t >> heard(B, ballot(1, no={str(STORE): full})) << anything
    assert proposed(t) == {STORE: C}
    assert holders(t.view.plan) == {STORE: A}
    assert t >> heard(C, ballot(2, no={str(STORE): full})) << anything
    assert (proposed(t), holders(t.view.plan)) == (None, {STORE: A})
    assert t >> at(REFUSAL_HOLDS_MS) << anything
    assert proposed(t) == {STORE: B}
