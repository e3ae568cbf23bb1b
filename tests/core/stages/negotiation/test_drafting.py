"""What of a plan still holds, and which slots are open (P3, P4, D14, D16)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.kernel.ids import IntentId, NodeId
from skerry.core.stages.ir.model import ManagementRole
from skerry.core.stages.negotiation.drafting import (
    Draft,
    begin,
    candidates_for,
    is_measured,
    office,
    out_of_question,
    reserved,
    stands,
    still_measuring,
)
from skerry.core.stages.negotiation.model import Slot
from skerry.core.stages.negotiation.survey import Survey
from skerry.core.stages.proposal.model import Member
from tests.core.things import (
    SHOP,
    STACK,
    A,
    B,
    C,
    D,
    assigned,
    configuration,
    element,
    fit,
    instance,
    ir,
    measured,
    mib,
    plan,
    running,
    slot,
)

NOTES = IntentId("hq/notes")


def members(free: int = 1_000, **ops: int) -> dict[NodeId, Member]:
    return {n: Member(fit=fit(n, {"store": (measured(ops=ops.get(n, 200)),)}), free=mib(free)) for n in (A, B, C)}


def survey(*irs, **fields: Any) -> Survey:
    given: dict[str, Any] = {
        "leader": A,
        "members": members(),
        "present": frozenset({B, C}),
        "running": {},
        "management": {},
        "offices": {},
        **fields,
    }
    return Survey(irs={i.intent: i for i in irs}, **given)


def kept(draft: Draft) -> dict[str, str]:
    return {
        str(Slot(set=name, instance=i)): a.holder
        for sets in draft.sections.values()
        for name, assignments in sets.items()
        for i, a in assignments.items()
    }


def opened(draft: Draft) -> list[str]:
    return [str(w.slot) for w in draft.open]


# --- healthy work -----------------------------------------------------------------------------------------------------


def test_healthy_work_is_not_moved_though_another_would_be_better() -> None:
    draft = begin(survey(ir(element()), members=members(a=900, b=110)), plan(assigned(B)))
    assert kept(draft) == {str(slot()): B}
    assert draft.open == []


def test_what_runs_needs_no_headroom_that_a_newcomer_would_need() -> None:
    draft = begin(survey(ir(element(headroom_permille=1_500)), members=members(b=110)), plan(assigned(B)))
    assert draft.open == []


def test_a_limit_raised_above_what_one_holder_measured_opens_that_slot_alone() -> None:
    two = ir(element(instances=2))
    old = plan(assigned(A), assigned(B, number=2))
    raised = survey(two, members=members(a=90, b=110))
    assert opened(begin(raised, old)) == [str(slot())]
    assert kept(begin(raised, old)) == {str(slot(number=2)): B}


def test_d14_what_was_agreed_with_lowered_standards_stands_down_to_the_floor() -> None:
    lowered = plan(assigned(B, lowered=True))
    assert begin(survey(ir(element()), members=members(b=61)), lowered).open == []
    assert opened(begin(survey(ir(element()), members=members(b=59)), lowered)) == [str(slot())]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"members": {A: members()[A]}, "present": frozenset()}, "its holder is gone"),
        ({"running": {B: (running(phase="failed"),)}}, "it failed too often"),
        ({"failing": {instance(): B}}, "the validator found it under its floor"),
        ({"refused": frozenset({SHOP})}, "its manager refused the section"),
        ({"inherited": True, "running": {C: (running(),)}}, "after a merge it runs elsewhere"),
        ({"newcomers": frozenset({C}), "running": {C: (running(),)}}, "who has just joined runs it"),
        (
            {"running": {B: (running(surrendered=True),), C: (running(),)}},
            "it goes on without a quorum, and another with one (X8)",
        ),
        ({"drained": {B: "drained by ann"}}, "its holder is drained, and has not begun"),
        ({"drained": {B: "drained by ann"}, "running": {B: (running(),)}}, "its holder is drained"),
    ],
    ids=lambda p: p.replace(" ", "_") if isinstance(p, str) else "",
)
def test_an_assignment_does_not_stand_when(fields, why) -> None:
    assert opened(begin(survey(ir(element()), **fields), plan(assigned(B)))) == [str(slot())], why


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"members": {A: members()[A]}, "present": frozenset({B})}, "its holder is about to join"),
        ({"running": {B: (running(phase="waiting"),)}}, "it waits"),
        ({"failing": {instance(): C}}, "another was found under its floor"),
        ({"running": {C: (running(),)}}, "within a term the leader's word counts"),
        ({"inherited": True, "running": {B: (running(),), C: (running(),)}}, "it runs at its holder as well"),
        ({"running": {B: (running(surrendered=True),)}}, "nobody else has it, without a quorum or with one"),
        (
            {"running": {B: (running(surrendered=True),), C: (running(surrendered=True),)}},
            "neither of two has a quorum",
        ),
        (
            {"running": {B: (running(surrendered=True),), C: (running(phase="starting"),)}},
            "who has a quorum has not begun",
        ),
        (
            {"running": {B: (running(surrendered=True),), D: (running(),)}},
            "who has a quorum is none of this part",
        ),
        ({"newcomers": frozenset({A}), "running": {C: (running(),)}}, "who runs it was there when it was given away"),
        ({"members": {**members(), B: Member(fit=fit(B), free=mib(9))}}, "it is being measured anew"),
        ({"drained": {A: "drained by ann"}}, "another is drained"),
    ],
    ids=lambda p: p.replace(" ", "_") if isinstance(p, str) else "",
)
def test_an_assignment_stands_when(fields, why) -> None:
    assert opened(begin(survey(ir(element()), **fields), plan(assigned(B)))) == [], why


def test_r4_what_a_drained_node_runs_goes_on_until_somebody_has_taken_it_over() -> None:
    drained = {"drained": {B: "drained by ann"}, "running": {B: (running(),)}}
    (wanted,) = begin(survey(ir(element()), **drained), plan(assigned(B))).open
    assert (wanted.failing, wanted.why) == (assigned(B), "drained by ann")
    assert out_of_question(wanted, survey(ir(element()), **drained)) == {B: "drained by ann"}


def test_r4_a_drained_node_goes_on_with_nothing_that_it_does_not_run_or_that_was_to_be_another() -> None:
    drained = {"drained": {B: "drained by ann"}}
    (idle,) = begin(survey(ir(element()), **drained), plan(assigned(B))).open
    newer = ir(element("store", configuration("stack", "2")))
    (changed,) = begin(survey(newer, running={B: (running(),)}, **drained), plan(assigned(B))).open
    assert idle.failing is changed.failing is None


def test_r4_nobody_waits_for_a_drained_node_to_measure() -> None:
    unmeasured = {**members(), B: Member(fit=fit(B), free=mib(1_000))}
    (wanted,) = begin(survey(ir(element()), members=unmeasured), None).open
    assert still_measuring(wanted, survey(members=unmeasured)) == [B]
    assert still_measuring(wanted, survey(members=unmeasured, drained={B: "drained by ann"})) == []


def test_another_configuration_than_agreed_on_does_not_stand() -> None:
    newer = configuration("stack", "2")
    assert opened(begin(survey(ir(element("store", newer))), plan(assigned(B)))) == [str(slot())]


def test_a_failing_holder_is_remembered_since_it_is_better_than_nobody() -> None:
    draft = begin(survey(ir(element()), failing={instance(): B}), plan(assigned(B)))
    assert [w.failing for w in draft.open] == [assigned(B)]


# --- what is open -----------------------------------------------------------------------------------------------------


def test_what_matters_most_comes_first() -> None:
    wish = ir(
        element("extra", essential=False),
        element("store"),
        element("db", key="hq/shop/db"),
        isolated=(element("store"),),
    )
    assert opened(begin(survey(wish), None)) == [
        str(slot("db")), str(slot("store")), str(slot(isolated=True)), str(slot("extra"))
    ]  # fmt: skip


def test_d3_instances_grow_with_the_number_of_nodes() -> None:
    assert len(begin(survey(ir(element(per_nodes=2))), None).open) == 2


def test_a_withdrawn_intent_has_no_section() -> None:
    assert SHOP not in begin(survey(ir(element(), withdrawn=True)), plan(assigned(B))).sections


def test_two_copies_are_never_put_on_one_node() -> None:
    draft = begin(survey(ir(element(instances=2))), plan(assigned(B)))
    assert draft.siblings(draft.open[0]) == {B}


def test_a_role_stays_where_it_runs_and_each_set_follows_the_other() -> None:
    wish = ir(element(), isolated=(element(),))
    fresh = begin(survey(wish, running={C: (running(),)}), None)
    assert [fresh.at_home(w) for w in fresh.open] == [{C: STACK.digest}, {C: STACK.digest}]
    half = begin(survey(wish, running={C: (running(),)}), plan(assigned(B)))
    assert [half.at_home(w) for w in half.open] == [{B: STACK.digest}]


def test_where_something_failed_is_no_home() -> None:
    draft = begin(survey(ir(element()), running={C: (running(phase="failed"),)}), None)
    assert draft.at_home(draft.open[0]) == {}


# --- resources and conflicts ------------------------------------------------------------------------------------------


def test_p3_each_intent_reserves_the_larger_of_its_sets() -> None:
    big = plan(
        assigned(B, resources=mib(300)),
        isolated=(assigned(B, resources=mib(100)), assigned(B, "db", resources=mib(250))),
    )
    assert reserved(big, B) == mib(350)
    assert reserved(big, C) == mib(0)


def test_p3_another_intent_has_to_leave_room_for_either_set() -> None:
    first = ir(element(resources=mib(300)), isolated=(element(resources=mib(300)), element("db", resources=mib(250))))
    old = plan(
        assigned(B, resources=mib(300)),
        isolated=(assigned(B, resources=mib(300)), assigned(B, "db", resources=mib(250))),
    )
    other = ir(element(), intent=NOTES)
    draft = begin(survey(first, other), old)
    assert draft.free_for(B, NOTES, "connected") == mib(450)
    assert draft.free_for(B, SHOP, "connected") == mib(700)
    assert draft.free_for(B, SHOP, "isolated") == mib(450)


def test_d16_whatever_may_run_at_the_same_time_counts_as_occupied() -> None:
    other = configuration("other")
    wish = ir(element("store"), isolated=(element("db", other),))
    old = plan(assigned(B), isolated=(assigned(B, "db", other),))
    draft = begin(survey(wish, ir(element(), intent=NOTES)), old)
    assert [c.name for c in draft.occupied(B, SHOP, "connected")] == ["stack"]
    assert [c.name for c in draft.occupied(B, SHOP, "isolated")] == ["other"]
    assert sorted(c.name for c in draft.occupied(B, NOTES, "connected")) == ["other", "stack"]


def test_d8a_a_member_is_measured_when_it_said_something_of_every_configuration() -> None:
    wish = ir(element("store", STACK, configuration("other")))
    draft = begin(survey(wish), None)
    assert not is_measured(draft.open[0], members()[A])
    whole = Member(fit=fit(A, {"store": (measured(), measured(configuration("other")))}), free=mib(9))
    assert is_measured(draft.open[0], whole)
    assert stands(assigned(A), draft.open[0], survey(wish, members={A: whole}))


# --- management roles -------------------------------------------------------------------------------------------------

ROLES = {
    "coordinator": ManagementRole(name="coordinator", does=("leader",)),
    "validator": ManagementRole(name="validator", does=("validator",), apart_from=("leader",)),
    "reporter": ManagementRole(name="reporter", does=("reporter",), apart_from=("leader", "validator")),
}
ABLE = {A: 900, B: 500, C: 700}


def offices(**fields: Any) -> Draft:
    return begin(survey(management=ROLES, offices=dict.fromkeys(ROLES, ABLE), **fields), None)


def test_d4_offices_go_to_whoever_meets_the_criteria_best_and_is_apart_from_what_it_must() -> None:
    draft = offices()
    found = {s.instance: candidates_for(draft, s, name, role) for s, role, name in draft.offices_open}
    assert found == {"site/reporter#1": [C, B], "site/validator#1": [C, B]}


def test_d4_two_roles_that_must_be_apart_are() -> None:
    draft = offices()
    (reporter, reporting, _), (validator, validating, name) = draft.offices_open
    draft.put(reporter, IntentId("site"), office(reporter.instance, "reporter", C))
    assert reporting.apart_from == ("leader", "validator")
    assert candidates_for(draft, validator, name, validating) == [B]


def test_a_node_that_left_the_part_holds_no_office() -> None:
    draft = begin(survey(management=ROLES, offices={name: {**ABLE, D: 999} for name in ROLES}), None)
    for wanted, role, name in draft.offices_open:
        assert D not in candidates_for(draft, wanted, name, role)


# --- names ------------------------------------------------------------------------------------------------------------


def test_u3_places_of_one_role_are_called_as_what_runs_there_so_that_no_switch_swaps_healthy_work() -> None:
    at_work = {A: (running(),), B: (running(number=2),)}
    crossed = plan(
        assigned(A), assigned(B, number=2), isolated=(assigned(B, agreed="all"), assigned(A, number=2, agreed="all"))
    )
    alike = element(instances=2)
    draft = begin(survey(ir(alike, isolated=(alike,)), running=at_work), crossed)
    assert draft.open == []
    assert draft.finished()[SHOP].isolated == {
        instance(): assigned(A, agreed="all"),
        instance(number=2): assigned(B, number=2, agreed="all"),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "hq/shop/store"},
        {"data": "pinned"},
    ],
    ids=["what is exclusive has a name of its own", "data have a name of their own"],
)
def test_what_is_not_alike_keeps_its_name(fields: dict[str, Any]) -> None:
    at_work = {A: (running(),), B: (running(number=2),)}
    crossed = plan(assigned(A), assigned(B, number=2), isolated=(assigned(B), assigned(A, number=2)))
    unlike = element(instances=2, **fields)
    draft = begin(survey(ir(unlike, isolated=(unlike,)), running=at_work), crossed)
    assert {i: a.holder for i, a in draft.finished()[SHOP].isolated.items()} == {instance(): B, instance(number=2): A}
