"""The power of a whole site goes and comes back while it is cut off (U1, reboot rule)."""

from __future__ import annotations

import time

import pytest

from tests.netns.conftest import MakeSite, Record
from tests.netns.machines import Machines, Status, satisfied

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(120)]

UP_WITHIN_S = 60.0
AGAIN_WITHIN_S = 30.0
STANDS_S = 3.0


def test_after_a_power_cut_work_is_back_before_the_first_contact_and_the_plan_is_the_same(
    make: MakeSite, record_property: Record
) -> None:
    machines = make(5)
    machines.start(*machines.nodes)
    before = _settled(machines)
    work = {node: set(machines.work(node)) for node in machines.nodes}

    machines.power_off(*machines.nodes)
    assert all(machines.processes(node) == [] for node in machines.nodes)
    machines.start(*machines.nodes)
    again_ms = machines.until(
        "the whole site serves again", lambda: satisfied(machines, machines.nodes), AGAIN_WITHIN_S
    )

    after = machines.together(machines.nodes)
    assert after is not None and after["plan"] == before["plan"]
    assert {node: set(machines.work(node)) for node in machines.nodes} == work
    for node in machines.nodes:
        _check_order(machines, node, {instance for instance in work[node] if "/placement#" not in instance})
    record_property("power_back_to_serving_ms", again_ms)


def _settled(machines: Machines) -> Status:
    """The leader's word, once the site serves and its plan has stood for a while: on a busy machine a first plan is
    made by those that are there, and another one when the last has come."""
    seen: list[tuple[str, float]] = []

    def stands() -> bool:
        status = machines.together(machines.nodes) if satisfied(machines, machines.nodes) else None
        plan = str(status["plan"]) if status is not None else ""
        if not seen or seen[-1][0] != plan:
            seen.append((plan, time.monotonic()))
        return plan != "" and time.monotonic() - seen[-1][1] > STANDS_S

    machines.until("the whole site serves, and its plan stands", stands, UP_WITHIN_S)
    found = machines.together(machines.nodes)
    assert found is not None
    return found


def _check_order(machines: Machines, node: str, anywhere: set[str]) -> None:
    """What may run anywhere was started before anybody was heard; what may not, only after."""
    events = machines.events(node)
    contact = next(e["number"] for e in events if e["what"] == "contact.made")
    starts = {e["about"]: e["number"] for e in reversed(events) if e["what"] == "role.starting"}
    assert {instance for instance, number in starts.items() if number < contact} == anywhere
