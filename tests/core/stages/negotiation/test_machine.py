"""The leader's side: propose, count, go on, commit (P1, P2, P4, G1, G2, L7). Node a leads a, b and c in term 1."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.values import digest
from skerry.core.stages.fit.model import Measured
from skerry.core.stages.ir.model import AssentClause, IntermediateRepresentation
from skerry.core.stages.negotiation.machine import Chair, ChairView
from skerry.core.stages.negotiation.model import ROUND_MS, No, Plan, Slot
from skerry.core.stages.negotiation.rounds import PATIENCE_MS, REFUSAL_HOLDS_MS, REFUSED_HOLDS_MS
from skerry.core.stages.negotiation.survey import Survey
from skerry.core.stages.negotiation.wire import Ballot, Proposal
from skerry.core.stages.proposal.model import Member
from tests.core.things import SHOP, A, B, C, D, assigned, element, fit, ir, measured, mib, plan, slot
from tests.support.conversation import (
    Talk,
    anything,
    at,
    heard,
    notes,
    publishes,
    says,
    sees,
    talk,
    until,
    writes,
)

MEMBERS = (A, B, C)
UNANIMOUS = AssentClause(by="unanimous")
MAJORITY = AssentClause(by="majority")


def known(*names: str, **ops: int | Measured) -> dict[NodeId, Member]:
    """What each node measured, by default 300, 200 and 150 operations a second for a, b and c."""
    rates: dict[str, int | Measured] = {"a": 300, "b": 200, "c": 150, **ops}
    return {
        NodeId(n): Member(
            fit=fit(
                NodeId(n),
                {name: (rate if isinstance(rate, Measured) else measured(ops=rate),) for name in names or ("store",)},
            ),
            free=mib(1_000),
        )
        for n, rate in rates.items()
    }


def view(*irs: IntermediateRepresentation, clauses: tuple[AssentClause, ...] = (), **fields: Any) -> ChairView:
    others = fields.pop("others", MEMBERS)
    wishes = irs or (ir(element()),)
    survey = Survey(
        leader=A,
        members=fields.pop("known", None) or known(),
        irs={i.intent: i for i in wishes},
        present=frozenset(others) - {A},
        running={},
        management={},
        offices={},
        failing=fields.pop("failing", {}),
        only=fields.pop("only", {}),
        refused=fields.pop("refused", frozenset()),
        precedence=fields.pop("precedence", ()),
    )
    given: dict[str, Any] = {
        "leads": True,
        "term": 1,
        "members": MEMBERS,
        "roster": 3,
        "held": {},
        "heard": frozenset({B, C}),
        "expected": frozenset({B, C}),
        "plan": None,
        "survey": survey,
        "clauses": {f"{i.intent}/{name}": clauses for i in wishes for name in ("connected", "isolated")},
        "insists": frozenset(),
        "isolated_from": (),
        "hold_ms": 10_000,
        "stamp": (),
        **fields,
    }
    return ChairView(**given)


def keep_plan(seen: ChairView, done: Effects) -> ChairView:
    """What an actor sees to: a commit is the plan that this node holds from then on."""
    if not done.publish:
        return seen
    committed = done.publish[-1].value
    stamp = (*seen.stamp, str(committed.id))
    return msgspec.structs.replace(seen, plan=committed, forgotten=False, stamp=stamp)


def chair(*irs: IntermediateRepresentation, **fields: Any) -> Talk:
    """A chair that has made its first proposal."""
    t = talk(Chair(me=A), view(*irs, **fields), follow=keep_plan)
    assert t >> sees() << anything
    return t


def proposed(t: Talk) -> dict[Slot, NodeId] | None:
    """What the last proposal of this turn asks for; None if there is none."""
    found = [s.message for s in t.said.send if isinstance(s.message, Proposal)]
    return {a.slot: a.assignment.holder for a in found[-1].asked} if found else None


def ballot(number: int, *yes: Slot, no: dict[str, No] | None = None, members: Any = MEMBERS, term: int = 1) -> Ballot:
    return Ballot(plan=PlanId(term=term, leader=A, number=number), members=digest(members), yes=yes, no=no or {})


def holders(plan_: Plan) -> dict[Slot, NodeId]:
    section = plan_.sections[SHOP]
    return {
        Slot(set=name, instance=i): a.holder for name in ("connected", "isolated") for i, a in section.of(name).items()
    }


STORE, DB = slot("store"), slot("db")
BROKEN = No(reason="its probe is broken")
EVIDENCE = No(reason="5 measurements, median fit 0.50 of the floor", evidence="c/1#9")


# --- beginning --------------------------------------------------------------------------------------------------------


def test_d12_the_best_is_asked_for_every_open_slot_in_one_proposal_to_each_member() -> None:
    wish = ir(element("store"), element("db"), isolated=(element("store"),))
    t = talk(Chair(me=A), view(wish, known=known("store", "db")), follow=keep_plan)
    assert t >> sees() << says(A, Proposal) << says(B, Proposal) << says(C, Proposal) << notes("plan.proposed", "1.a.1")
    assert proposed(t) == {STORE: A, DB: A, slot(isolated=True): A}
    assert {s.message.hold_ms for s in t.said.send} == {10_000}


def test_p4_a_new_leader_waits_a_round_for_the_beats_of_its_part() -> None:
    t = talk(Chair(me=A), view(heard=frozenset({B})), follow=keep_plan)
    assert t >> sees() >> until(ROUND_MS - 1) >> until(ROUND_MS) << anything
    assert proposed(t) == {STORE: A}


def test_p4_it_waits_longer_for_a_higher_plan_that_somebody_holds_and_goes_on_from_it() -> None:
    higher = plan(assigned(C), term=0, leader=C, number=9)
    t = talk(Chair(me=A), view(held={C: higher.id}), follow=keep_plan)
    assert t >> sees() >> until(2 * ROUND_MS - 1)
    assert t >> sees(plan=higher)  # it came; nothing of it has to change
    assert t >> until(60_000)


def test_p4_it_does_not_wait_for_ever_for_a_plan_that_does_not_come() -> None:
    t = talk(Chair(me=A), view(held={C: PlanId(term=0, leader=C, number=9)}), follow=keep_plan)
    assert t >> sees() >> until(2 * ROUND_MS) << anything
    assert proposed(t) == {STORE: A}


def test_p1_who_does_not_lead_says_nothing_and_drops_what_was_open() -> None:
    t = chair()
    assert t >> sees(leads=False, survey=None) >> heard(A, ballot(1, STORE)) >> until(60_000)


def test_p4_a_plan_of_a_later_leadership_is_not_worked_against() -> None:
    t = chair()
    assert t >> sees(plan=plan(assigned(C), term=2, leader=C)) >> heard(A, ballot(1, STORE)) >> until(60_000)


# --- agreeing ---------------------------------------------------------------------------------------------------------


def test_d13_under_assignee_its_own_word_is_enough() -> None:
    assert (
        chair()
        >> heard(A, ballot(1, STORE))
        << writes("plan.committed", plan="1.a.1")
        << publishes("plan", lambda p: holders(p) == {STORE: A})
    )


def test_d13_under_unanimous_all_are_waited_for_and_how_it_was_agreed_is_written_down() -> None:
    t = chair(clauses=(UNANIMOUS,), roster=5)
    assert (
        t
        >> heard(A, ballot(1, STORE))
        >> heard(B, ballot(1, STORE))
        >> heard(C, ballot(1, STORE))
        << writes("plan.committed")
        << publishes("plan")
    )
    agreed = t.said.publish[0].value.sections[SHOP].connected[STORE.instance]
    assert (agreed.agreed, str(agreed.since)) == ("unanimous of 3 out of 5", "1.a.1")


def test_d13_under_a_majority_it_is_written_down_who_of_how_many_said_yes() -> None:
    t = chair(clauses=(MAJORITY,), roster=5)
    t >> heard(A, ballot(1, STORE))
    assert t >> heard(B, ballot(1, STORE)) << writes("plan.committed") << publishes("plan")
    agreed = t.said.publish[0].value.sections[SHOP].connected[STORE.instance]
    assert agreed.agreed == "2 of 3 said yes, out of 5 (2 needed)"


def test_d12_what_is_agreed_is_committed_though_something_else_of_the_batch_is_not() -> None:
    t = chair(ir(element("store"), element("db")), known=known("store", "db"))
    refusal = {str(DB): No(reason="not enough free: memory")}
    assert (
        t
        >> heard(A, ballot(1, STORE, no=refusal))
        << anything
        << publishes("plan", lambda p: holders(p) == {STORE: A})
        << notes("assignment.refused", DB.instance, by=A, why="not enough free: memory")
    )
    assert proposed(t) == {DB: B}
    assert t >> heard(B, ballot(2, DB)) << anything << publishes("plan", lambda p: holders(p) == {STORE: A, DB: B})


def test_d12_after_the_last_candidates_no_the_slot_stays_open_with_the_reasons_and_is_asked_for_again_later() -> None:
    t = chair()
    for number, node in enumerate(MEMBERS, 1):
        assert t >> heard(node, ballot(number, no={str(STORE): No(reason=f"{node} is full")})) << anything
    section = t.view.plan.sections[SHOP]
    assert section.connected == {}
    assert section.unfilled == {str(STORE): "a: a is full; b: b is full; c: c is full"}
    assert t >> until(REFUSAL_HOLDS_MS - 1)
    assert t >> until(REFUSAL_HOLDS_MS) << anything
    assert proposed(t) == {STORE: A}


def test_g2_a_no_against_another_that_names_evidence_counts() -> None:
    t = chair(clauses=(UNANIMOUS,))
    assert t >> heard(A, ballot(1, STORE)) >> heard(B, ballot(1, STORE))
    assert t >> heard(C, ballot(1, no={str(STORE): EVIDENCE})) << anything << notes("assignment.refused", by=C)
    assert proposed(t) == {STORE: B}


def test_g2_a_no_against_another_without_evidence_is_silence() -> None:
    t = chair(clauses=(MAJORITY,))
    assert t >> heard(C, ballot(1, no={str(STORE): BROKEN})) >> heard(A, ballot(1, STORE))
    assert t >> heard(B, ballot(1, STORE)) << anything << publishes("plan", lambda p: holders(p) == {STORE: A})


def run_rounds(t: Talk, *willing: NodeId, until_ms: int) -> None:
    """These say yes to every proposal at once; the others say nothing."""
    while t.at_ms < until_ms and not (t.view.plan is not None and t.view.plan.sections[SHOP].connected):
        asked = proposed(t)
        number = t.machine._number
        for node in willing if asked else ():
            assert t >> heard(node, ballot(number, *(asked or {}))) << anything
        assert t >> until(t.at_ms + ROUND_MS) << anything


def test_g2_one_stubborn_node_delays_a_unanimous_site_by_three_rounds_and_no_more() -> None:
    """Interleaving 12."""
    t = chair(clauses=(UNANIMOUS, AssentClause(by="assignee")))
    run_rounds(t, A, B, until_ms=60_000)
    assert holders(t.view.plan) == {STORE: A}
    assert t.at_ms == 3 * ROUND_MS + ROUND_MS
    agreed = t.view.plan.sections[SHOP].connected[STORE.instance]
    assert (agreed.agreed, agreed.since.number) == ("assent of the assignee", 4)


def test_g2_each_clause_has_its_own_number_of_rounds() -> None:
    slow = AssentClause(by="unanimous", silent_rounds=5)
    t = chair(
        clauses=(slow, AssentClause(by="ratio", ratio_permille=660, silent_rounds=2), AssentClause(by="assignee"))
    )
    run_rounds(t, A, until_ms=60_000)
    assert t.view.plan.sections[SHOP].connected[STORE.instance].since.number == 5 + 2 + 1


def test_g2_where_nothing_is_said_of_what_follows_the_assignee_decides_in_the_end() -> None:
    t = chair(clauses=(UNANIMOUS,))
    run_rounds(t, A, until_ms=60_000)
    assert t.view.plan.sections[SHOP].connected[STORE.instance].agreed == "assent of the assignee"


def test_g2_where_the_ir_insists_it_stays_unfilled_and_says_who_did_not_answer() -> None:
    t = chair(clauses=(UNANIMOUS,), insists=frozenset({SHOP}))
    run_rounds(t, A, B, until_ms=9 * ROUND_MS)
    section = t.view.plan.sections[SHOP]
    assert section.connected == {}
    assert "a: no answer from c" in section.unfilled[str(STORE)]


def test_g2_a_silent_assignee_is_passed_over() -> None:
    t = chair()
    run_rounds(t, B, C, until_ms=60_000)
    assert holders(t.view.plan) == {STORE: B}


@pytest.mark.parametrize(
    "said",
    [
        ballot(2, STORE),
        ballot(1, STORE, term=2),
        ballot(1, STORE, members=(A, B)),
        ballot(1, slot("else")),
    ],
    ids=["another number", "another term", "other members", "another slot"],
)
def test_p2_an_assent_counts_for_one_plan_id_one_set_of_members_and_what_was_asked(said: Ballot) -> None:
    assert chair() >> heard(A, said)


def test_g1_who_is_not_named_by_the_proposal_does_not_count() -> None:
    t = chair(clauses=(MAJORITY,))
    assert t >> heard(A, ballot(1, STORE)) >> heard(D, ballot(1, STORE)) >> heard(A, ballot(1, STORE))


def test_g1_a_word_once_given_in_a_round_is_not_taken_back() -> None:
    t = chair(clauses=(MAJORITY,))
    assert (
        t >> heard(C, ballot(1, no={str(STORE): EVIDENCE})) >> heard(C, ballot(1, STORE)) >> heard(A, ballot(1, STORE))
    )


def test_l6_when_a_member_is_lost_the_proposal_is_made_anew_to_those_that_are_left() -> None:
    t = chair(clauses=(UNANIMOUS,))
    assert t >> heard(A, ballot(1, STORE)) >> heard(B, ballot(1, STORE))
    assert t >> sees(members=(A, B), stamp=(2,)) << says(A, Proposal) << says(B, Proposal)
    assert t >> heard(A, ballot(1, STORE)) >> heard(A, ballot(2, STORE))  # the members of the first are gone
    assert t >> heard(A, ballot(2, STORE, members=(A, B))) >> heard(B, ballot(2, STORE, members=(A, B))) << anything
    assert t.view.plan.sections[SHOP].connected[STORE.instance].agreed == "unanimous of 2 out of 3"


def test_l7_a_part_that_is_too_small_decides_nothing_new_and_says_so() -> None:
    few = AssentClause(by="majority", of="roster", at_least=4)
    t = talk(Chair(me=A), view(clauses=(few,)), follow=keep_plan)
    assert (
        t
        >> sees()
        << anything
        << publishes(
            "plan",
            lambda p: p.sections[SHOP].unfilled == {str(STORE): "a part of 3 is too small to decide this"},
        )
    )
    assert proposed(t) is None


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_d8_while_a_member_is_still_measuring_it_is_waited_for_but_not_for_ever() -> None:
    half = known()
    half[C] = Member(fit=fit(C), free=mib(1_000))
    t = talk(Chair(me=A), view(known=half), follow=keep_plan)
    assert (
        t
        >> sees()
        << anything
        << publishes("plan", lambda p: p.sections[SHOP].unfilled[str(STORE)] == "still measuring: c")
    )
    assert t >> until(PATIENCE_MS - 1) >> until(PATIENCE_MS) << anything
    assert proposed(t) == {STORE: A}


def test_what_was_lost_is_filled_at_once_though_somebody_is_still_measuring() -> None:
    half = known()
    half[C] = Member(fit=fit(C), free=mib(1_000))
    t = chair(known=half, plan=plan(assigned(D)))
    assert proposed(t) == {STORE: A}


def test_d14_standards_are_lowered_only_if_nobody_meets_them_and_the_role_allows_it() -> None:
    weak = known(a=70, b=80, c=50)
    strict = chair(known=weak)
    assert strict.view.plan.sections[SHOP].connected == {}
    t = chair(ir(element(remediation=("lower",))), known=weak)
    assert proposed(t) == {STORE: B}
    assert t >> heard(B, ballot(1, STORE)) << anything << writes("plan.committed")
    assert t.said.record[0].data["lowered"] == [str(STORE)]
    assert t.view.plan.sections[SHOP].connected[STORE.instance].lowered


def test_d14_no_standard_is_lowered_under_its_floor_and_the_role_then_stays_unfilled_with_the_reasons() -> None:
    below = known(a=59, b=50, c=40)
    t = chair(ir(element(remediation=("lower",))), known=below)
    section = t.view.plan.sections[SHOP]
    assert section.connected == {}
    assert section.unfilled[str(STORE)] == (
        "a: stack: fit 0.98, 1.00 wanted; b: stack: fit 0.83, 1.00 wanted; c: stack: fit 0.67, 1.00 wanted"
    )


def test_two_copies_go_to_two_nodes() -> None:
    t = chair(ir(element(instances=2)))
    assert proposed(t) == {slot(number=1): A, slot(number=2): B}


def test_i7_a_settled_site_commits_nothing_new() -> None:
    t = chair(plan=plan(assigned(A, agreed="x")))
    assert t.said.empty
    for number in range(5):
        assert t >> at(number * 10_000) >> sees(stamp=(number,))


def test_p1_a_plan_that_this_node_has_forgotten_is_replaced_by_the_same_under_a_later_name() -> None:
    t = chair(plan=plan(assigned(A, agreed="x")), term=2)
    assert t.said.empty
    assert t >> sees(forgotten=True, stamp=("told",)) << writes("plan.committed") << publishes("plan")
    (committed,) = t.said.publish
    assert committed.value.id.term == 2
    assert committed.value.sections == plan(assigned(A, agreed="x")).sections


def test_a_withdrawn_intent_leaves_the_plan_without_a_question() -> None:
    t = talk(Chair(me=A), view(ir(element(), withdrawn=True), plan=plan(assigned(A))), follow=keep_plan)
    assert t >> sees() << writes("plan.committed") << publishes("plan", lambda p: SHOP not in p.sections)


def test_p1_plan_numbers_only_grow_within_a_term() -> None:
    t = chair(ir(element("store"), element("db")), known=known("store", "db"))
    numbers = [1]
    for node in (A, B, C):
        assert t >> heard(node, ballot(t.machine._number, no={str(STORE): BROKEN, str(DB): BROKEN})) << anything
        numbers += [p.value.id.number for p in t.said.publish]
    assert numbers == sorted(numbers)


def test_d19_a_plan_made_while_cut_off_says_from_whom() -> None:
    t = chair(isolated_from=("hq",))
    assert (
        t
        >> heard(A, ballot(1, STORE))
        << writes("plan.committed", temporary=True)
        << publishes("plan", lambda p: p.isolated_from == ("hq",))
    )


def crowded(store_mib: int) -> Talk:
    """Node a alone, with 1,000 MiB, of which what is not essential has 200: it was measured first, and took them."""
    wish = ir(element("store", resources=mib(store_mib)), element("extra", resources=mib(200), essential=False))
    present = plan(assigned(A, "extra", resources=mib(200)))
    t = talk(
        Chair(me=A),
        view(wish, known={A: known("store", "extra")[A]}, members=(A,), plan=present),
        follow=keep_plan,
    )
    assert t >> sees() << anything
    return t


def test_u18_what_is_not_essential_makes_room_for_what_is_and_is_asked_for_again_after_it() -> None:
    t = crowded(store_mib=900)
    (made, *_) = [p.value for p in t.said.publish]
    assert holders(made) == {}
    assert made.sections[SHOP].unfilled[str(slot("extra"))] == "makes room for hq/shop/store#1"
    assert proposed(t) == {slot("store"): A}
    assert t >> heard(A, ballot(2, slot("store"), members=(A,))) << publishes("plan") << anything
    assert holders(t.said.publish[-1].value) == {slot("store"): A}


def test_u18_where_it_would_not_help_nothing_is_taken_away() -> None:
    assert holders(crowded(store_mib=1_001).view.plan) == {slot("extra"): A}


def test_d18_what_is_refused_is_agreed_on_anew_once_and_then_left_for_a_while() -> None:
    """A journal that does not verify makes every plan refused: there is no end of plans for it."""
    t = chair(plan=plan(assigned(B)), refused=frozenset({SHOP}))
    assert proposed(t) == {STORE: A}
    assert t >> heard(A, ballot(1, STORE)) << publishes("plan") << anything
    assert t >> at(1_000) >> sees(stamp=("refused again",))
    assert proposed(t) is None
    assert t >> until(REFUSED_HOLDS_MS - 1)
    assert t >> until(REFUSED_HOLDS_MS) << anything
    assert proposed(t) == {STORE: A}
