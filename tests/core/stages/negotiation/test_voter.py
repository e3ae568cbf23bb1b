"""A member's side: yes or no, and what a yes holds (P2, P3, P5, G2, I13). Node b speaks; a leads in term 1."""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.values import digest
from skerry.core.stages.capability.model import Resources, Usage
from skerry.core.stages.negotiation.model import NO_PLAN, ROUND_MS, Assignment, No, Slot
from skerry.core.stages.negotiation.voter import Voter, VoterView
from skerry.core.stages.negotiation.wire import Ballot, Proposal, Proposed
from tests.core.things import STACK, A, B, C, D, assigned, configuration, mib, plan, slot
from tests.support.conversation import Talk, at, heard, meanwhile, notes, says, sees, talk

HOLD_MS = 10_000


def node_b(**fields: Any) -> Talk:
    given: dict[str, Any] = {
        "leader": A,
        "term": 1,
        "plan": None,
        "caps": mib(1_000),
        "usage": Usage(tree=Resources(), owner=Resources()),
        "experience": {},
        "able": frozenset({STACK.digest}),
        **fields,
    }
    return talk(Voter(me=B), VoterView(**given))


def proposal(
    *asked: Assignment,
    number: int = 1,
    term: int = 1,
    leader: NodeId = A,
    isolated: tuple[Assignment, ...] = (),
    base: PlanId = NO_PLAN,
) -> Proposal:
    slots = [(Slot(set="connected", instance=a.instance), a) for a in asked]
    slots += [(Slot(set="isolated", instance=a.instance), a) for a in isolated]
    return Proposal(
        plan=PlanId(term=term, leader=leader, number=number),
        members=(A, B, C),
        asked=tuple(Proposed(slot=s, assignment=a) for s, a in slots),
        hold_ms=HOLD_MS,
        base=base,
    )


def yes(*slots: Slot, number: int = 1, no: dict[str, No] | None = None) -> Ballot:
    return Ballot(
        plan=PlanId(term=1, leader=A, number=number), members=digest((A, B, C)), yes=tuple(slots), no=no or {}
    )


def reason(t: Talk) -> str:
    return str(next(iter(t.said.send[0].message.no.values())).reason)


def test_p2_a_yes_names_the_plan_and_the_members_that_were_proposed() -> None:
    assert node_b() >> heard(A, proposal(assigned(B))) << says(A, yes(slot()))


def test_p5_of_others_a_voter_without_experience_says_yes_and_ranks_nothing_again() -> None:
    assert node_b(able=frozenset()) >> heard(A, proposal(assigned(C))) << says(A, yes(slot()))


def test_p5_a_no_against_somebody_else_names_the_evidence() -> None:
    no = No(reason="5 measurements, median fit 0.50 of the floor", evidence="b/1#7")
    t = node_b(experience={f"{C} {STACK.digest}": no})
    assert (
        t
        >> heard(A, proposal(assigned(C)))
        << says(A, yes(no={str(slot()): no}))
        << notes("ballot.no", str(slot()), evidence="b/1#7")
    )
    assert t >> heard(A, proposal(assigned(C, of=configuration("other")), number=2)) << says(A, yes(slot(), number=2))


def test_p5_what_was_not_measured_here_or_may_not_run_here_is_refused() -> None:
    t = node_b(able=frozenset())
    assert t >> heard(A, proposal(assigned(B))) << says(A, Ballot, yes=()) << notes("ballot.no")
    assert reason(t) == "the configuration 'stack' was not measured here, or may not run here"


def test_r4_a_drained_node_refuses_whatever_it_is_asked_for_and_says_whose_word_that_is() -> None:
    t = node_b(drained="drained by ann at c: new disk")
    assert (
        t
        >> heard(A, proposal(assigned(B), assigned(C, "db")))
        << says(A, Ballot, yes=(slot("db"),))
        << notes("ballot.no")
    )
    assert reason(t) == "drained by ann at c: new disk"


def test_p3_after_the_owner_took_memory_it_refuses_and_says_both_amounts() -> None:
    """The fit was reported before the load; the ledger alone reserves."""
    t = node_b(usage=Usage(tree=Resources(), owner=mib(800)))
    assert t >> heard(A, proposal(assigned(B, resources=mib(300)))) << says(A, Ballot, yes=()) << notes("ballot.no")
    assert reason(t) == "not enough free: memory: 300Mi needed, 200Mi free"


def test_p3_what_workloads_take_beyond_what_was_reserved_is_not_free() -> None:
    t = node_b(plan=plan(assigned(B, "db", resources=mib(100))), usage=Usage(tree=mib(500), owner=Resources()))
    # 1,000 in all, of which the running one takes 500 instead of 100: 600 is free to reserve, 100 of it already
    assert (
        t
        >> heard(A, proposal(assigned(B, resources=mib(501)), number=2))
        << says(A, Ballot, yes=())
        << notes("ballot.no")
    )
    assert t >> heard(A, proposal(assigned(B, resources=mib(500)), number=3)) << says(A, yes(slot(), number=3))


def test_p3_each_intent_reserves_the_larger_of_its_sets_and_no_more() -> None:
    fits = proposal(assigned(B, resources=mib(900)), isolated=(assigned(B, resources=mib(900)),))
    assert node_b() >> heard(A, fits) << says(A, yes(slot(), slot(isolated=True)))


def test_p3_of_two_that_do_not_fit_together_the_second_is_refused() -> None:
    t = node_b()
    both = proposal(assigned(B, resources=mib(600)), assigned(B, "db", resources=mib(600)))
    assert t >> heard(A, both) << says(A, Ballot, yes=(slot(),)) << notes("ballot.no", str(slot("db")))


def test_p3_a_slot_that_is_asked_for_anew_counts_once() -> None:
    t = node_b(plan=plan(assigned(B, resources=mib(700))))
    again = proposal(assigned(B, resources=mib(800)), number=2)
    assert t >> heard(A, again) << says(A, yes(slot(), number=2))


def test_p3_open_assents_are_reserved_until_they_end() -> None:
    t = node_b()
    assert t >> heard(A, proposal(assigned(B, resources=mib(600)))) << says(A, Ballot)
    assert t.machine.reserved(None) == mib(600)
    assert t.machine.next_deadline_ms() == HOLD_MS
    assert t >> at(HOLD_MS - 1)
    assert t.machine.reserved(None) == mib(600)
    assert t >> at(HOLD_MS)
    assert t.machine.reserved(None) == mib(0)
    assert t.machine.next_deadline_ms() is None


def test_i13_a_commit_without_it_and_a_higher_term_end_what_an_assent_holds() -> None:
    other = plan(assigned(C), number=1)
    for change in ({"plan": other}, {"term": 2, "leader": C}):
        t = node_b()
        assert t >> heard(A, proposal(assigned(B, resources=mib(600)))) << says(A, Ballot)
        assert t >> meanwhile(**change) >> at(5)
        assert t.machine.reserved(t.view.plan) == mib(0)


def test_p2_an_earlier_commit_does_not_end_it() -> None:
    t = node_b()
    assert t >> heard(A, proposal(assigned(B, resources=mib(600)), number=3)) << says(A, Ballot)
    assert t >> meanwhile(plan=plan(assigned(C), number=2)) >> at(5)
    assert t.machine.reserved(t.view.plan) == mib(600)


def test_p2_a_later_proposal_takes_the_place_of_an_earlier_one() -> None:
    t = node_b()
    assert t >> heard(A, proposal(assigned(B, resources=mib(600)))) << says(A, Ballot)
    assert t >> heard(A, proposal(assigned(C), number=2)) << says(A, Ballot)
    assert t.machine.reserved(None) == mib(0)


def test_i8_what_is_not_of_the_leader_and_term_in_force_or_does_not_name_me_is_not_answered() -> None:
    t = node_b()
    assert t >> heard(C, proposal(assigned(B)))
    assert t >> heard(C, proposal(assigned(B), leader=C))
    assert t >> heard(A, proposal(assigned(B), term=2)) >> heard(A, proposal(assigned(B), term=0))
    assert talk(Voter(me=D), t.view) >> heard(A, proposal(assigned(B)))
    assert t.machine.reserved(None) == mib(0)


def test_i8_a_proposal_is_answered_once_and_an_older_one_not_at_all() -> None:
    t = node_b()
    assert t >> heard(A, proposal(assigned(B), number=5)) << says(A, Ballot)
    assert t >> heard(A, proposal(assigned(B), number=5)) >> heard(A, proposal(assigned(B), number=4))


def test_a_management_role_needs_no_software_and_is_assented_to() -> None:
    duty = Assignment(instance=slot("validator").instance, element=assigned(B).element, holder=B)
    assert node_b(able=frozenset(), caps=mib(0)) >> heard(A, proposal(duty)) << says(A, yes(slot("validator")))


FREED = plan(assigned(C), number=3)
FULL = plan(assigned(B), number=2)


def test_p3_what_goes_on_from_a_plan_that_is_not_here_yet_is_answered_once_it_is() -> None:
    t = node_b(plan=FULL, caps=mib(100))
    assert t >> heard(A, proposal(assigned(B, "db"), number=4, base=FREED.id))
    assert t >> sees(plan=FREED) << says(A, yes(slot("db"), number=4))
    assert t >> sees(term=1), "once"


def test_p3_what_waits_is_answered_by_the_plan_it_goes_on_from_and_by_no_earlier() -> None:
    t = node_b(plan=FULL, caps=mib(100))
    assert t >> heard(A, proposal(assigned(B, "db"), number=5, base=FREED.id))
    assert t >> sees(drained="ann")
    assert t >> sees(drained=None, plan=FREED) << says(A, yes(slot("db"), number=5))


def test_p2_after_its_round_nobody_waits_for_an_answer_and_nothing_is_held() -> None:
    t = node_b(plan=FULL)
    assert t >> heard(A, proposal(assigned(B), number=4, base=FREED.id))
    assert t >> at(ROUND_MS)
    assert t >> sees(plan=FREED)
    assert t.machine.reserved(FREED) == Resources()


def test_i8_what_waits_is_of_no_use_in_a_later_term() -> None:
    t = node_b(plan=FULL)
    assert t >> heard(A, proposal(assigned(B), number=4, base=FREED.id))
    assert t >> sees(leader=C, term=2, plan=FREED)
