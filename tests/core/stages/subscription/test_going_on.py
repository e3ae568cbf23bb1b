"""What goes on at node a although the plan does not give it to node a (I7, P4, X2)."""

from __future__ import annotations

import pytest

from skerry.core.kernel.effects import AwaitDrained, StopWorkload, WriteEndpoints
from skerry.core.stages.negotiation.model import MEASURING, NEGOTIATED, NO_ANSWER, Plan
from skerry.core.stages.proposal.model import NOT_MEASURED
from skerry.core.stages.subscription.events import WorkloadDrained
from tests.core.stages.subscription.test_machine import DB, KEY, STORE, exclusive, exclusive_plan, phase, serving
from tests.core.things import SHOP, A, B, assigned, plan, running, slot
from tests.support.conversation import anything, does, notes, sees


def leaves_open(why: str, name: str = "store", number: int = 2) -> Plan:
    return plan(unfilled={str(slot(name)): why}, number=number)


def test_p4_a_plan_that_found_nobody_for_an_instance_ends_no_healthy_work() -> None:
    """It was made without this node; what it leaves open goes on here until somebody has it."""
    t = serving()
    assert t >> sees(plan=leaves_open("nobody is left to ask"), my_leaders=False)
    assert phase(t) == "active"
    assert t >> sees(my_leaders=True) << does(AwaitDrained, instance=STORE) << anything


def test_x2_the_plan_of_another_part_stops_no_exclusive_work_while_its_grant_lasts() -> None:
    t = exclusive()
    assert t >> sees(plan=exclusive_plan(B), my_leaders=False)
    assert t.machine.wanted_keys() == {KEY: 1}
    assert t >> sees(my_leaders=True) << does(StopWorkload, instance=DB)


@pytest.mark.parametrize(
    "why", [NEGOTIATED, f"{MEASURING}: b", f"b: {NOT_MEASURED}", f"a: {NO_ANSWER} c; b: not enough free"]
)
def test_i7_what_my_leader_leaves_open_because_of_the_slow_and_silent_goes_on(why: str) -> None:
    t = serving()
    assert t >> sees(plan=leaves_open(why))
    assert phase(t) == "active"
    assert t >> sees(plan=plan(assigned(A), number=3)), "and nothing is to be done when it is given back"


def test_i7_until_somebody_else_has_it() -> None:
    t = serving()
    assert t >> sees(plan=leaves_open(NEGOTIATED))
    assert (
        t
        >> sees(plan=plan(assigned(B), number=3), running={B: (running(),)})
        << does(AwaitDrained, instance=STORE)
        << anything
    )


def test_i7_or_it_is_left_open_for_good() -> None:
    t = serving()
    assert t >> sees(plan=leaves_open(NEGOTIATED))
    assert t >> sees(plan=leaves_open("b: not enough free", number=3)) << does(AwaitDrained, instance=STORE) << anything


def test_i7_what_is_exclusive_goes_on_as_long_as_it_has_its_grant() -> None:
    t = exclusive()
    assert t >> sees(plan=leaves_open(NEGOTIATED, "db"))
    assert t.machine.wanted_keys() == {KEY: 1}
    assert t >> sees(held={}) << does(StopWorkload, instance=DB) << anything


def test_i7_of_the_set_that_is_not_in_force_nothing_is_said_here() -> None:
    t = serving()
    assert (
        t
        >> sees(plan=leaves_open(NEGOTIATED), modes={SHOP: "isolated"})
        << does(AwaitDrained, instance=STORE)
        << anything
    )


def test_i7_who_was_about_to_go_stays_when_the_successor_is_lost() -> None:
    t = serving()
    assert t >> sees(plan=plan(assigned(B)), running={B: (running(),)}) << does(AwaitDrained) << anything
    assert (
        t
        >> sees(plan=leaves_open(NEGOTIATED, number=3), running={})
        << does(WriteEndpoints)
        << notes("role.stays", STORE)
    )
    assert t >> WorkloadDrained(instance=STORE), "it is the old question's answer"
    assert phase(t) == "active"
