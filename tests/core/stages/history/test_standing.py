"""What of an intent is confirmed (D19): active at the holder that the plan names, and measured by somebody else."""

from __future__ import annotations

from typing import Any

from skerry.core.stages.history.model import Reading
from skerry.core.stages.history.standing import standing
from skerry.core.stages.negotiation.model import Assignment
from tests.core.things import SHOP, STACK, A, B, assigned, element, fit, instance, ir, plan


def said(what: str, node: str, at_ms: int, name: str = "store", **data: Any) -> Reading:
    about = instance(name)
    return Reading(node=node, life="1", number=at_ms, what=what, about=about, data=data, wall_ms=at_ms)


def measured(by: str, at_ms: int, name: str = "store", fit_permille: int = 1_200, **data: Any) -> Reading:
    found = {"holder": A, "digest": STACK.digest, "fit_of_floor_permille": fit_permille, **data}
    return said("validated", by, at_ms, name, **found)


def state(*readings: Reading, assignments: tuple[Assignment, ...] | None = None, **fields: Any) -> dict[str, Any]:
    given = assignments if assignments is not None else (assigned(A), assigned(A, "extra"))
    wanted = ir(element(), element("extra", essential=False), **fields)
    return standing(wanted, plan(*given).sections[SHOP], 3, readings, {A: fit(A)})


ALL = (said("role.active", A, 1), said("role.active", A, 1, "extra"), measured(B, 2), measured(B, 2, "extra"))


def test_a_functionality_is_satisfied_when_every_role_is_active_and_measured_within_its_standards() -> None:
    assert state(*ALL)["state"] == "satisfied"


def test_a_role_that_nobody_else_has_measured_is_not_confirmed() -> None:
    assert state(*ALL[:2])["state"] == "degraded"


def test_one_that_is_not_essential_degrades_when_it_is_gone_and_an_essential_one_takes_all_away() -> None:
    assert state(*ALL, said("role.stopped", A, 3, "extra"))["state"] == "degraded"
    assert state(*ALL, said("role.stopped", A, 3))["state"] == "not provided"


def test_the_word_of_another_than_the_holder_makes_nothing_active() -> None:
    assert state(said("role.active", B, 1), *ALL[1:])["state"] == "not provided"


def test_a_measurement_of_another_holder_or_configuration_confirms_nothing() -> None:
    for other in (measured(B, 2, holder=B), measured(B, 2, digest="other"), measured(B, 2, fit_permille=999)):
        assert state(*ALL[:2], other, ALL[3])["state"] == "degraded"


def test_a_role_that_is_not_assigned_is_not_provided() -> None:
    assert state(*ALL, assignments=(assigned(A, "extra"),))["state"] == "not provided"


def test_a_withdrawn_intent_is_that_and_nothing_else() -> None:
    assert state(*ALL, withdrawn=True)["state"] == "withdrawn"


def test_a_confirmation_bears_its_limitations() -> None:
    found = state(*ALL, assignments=(assigned(A, lowered=True), assigned(A, "extra")))
    assert found["roles"][0]["confirmed"] == {instance(): {"standards": "lowered to their floor"}}


def test_the_set_in_force_is_that_of_the_newest_measurement() -> None:
    assert state(*ALL)["mode"] == "connected"
    assert state(*ALL, measured(B, 9, mode="isolated"))["mode"] == "isolated"
