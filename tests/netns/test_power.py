"""The power of a whole site goes and comes back while it is cut off (U1, reboot rule)."""

from __future__ import annotations

import pytest

from tests.netns.conftest import MakeSite, Measured
from tests.netns.machines import Machines, satisfied

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(120)]

UP_WITHIN_S = 60.0
AGAIN_WITHIN_S = 30.0


def test_after_a_power_cut_work_is_back_before_the_first_contact_and_the_plan_is_the_same(
    make: MakeSite, measured: Measured
) -> None:
    machines = make(5)
    machines.start(*machines.nodes)
    machines.until("the whole site serves", lambda: satisfied(machines, machines.nodes), UP_WITHIN_S)
    before = machines.together(machines.nodes)
    assert before is not None
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
    measured["power_back_to_serving_ms"] = again_ms


def _check_order(machines: Machines, node: str, anywhere: set[str]) -> None:
    """What may run anywhere was started before anybody was heard; what may not, only after."""
    events = machines.events(node)
    contact = next(e["number"] for e in events if e["what"] == "contact.made")
    starts = {e["about"]: e["number"] for e in reversed(events) if e["what"] == "role.starting"}
    assert {instance for instance, number in starts.items() if number < contact} == anywhere
