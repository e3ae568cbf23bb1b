"""A site that is cut off and falls in two: both parts serve, one of them has what there may be only one of (D26)."""

from __future__ import annotations

import pytest

from tests.netns.conftest import MakeSite, Record
from tests.netns.machines import Machines, Status, endpoints, holder, role, satisfied

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(120)]

UP_WITHIN_S = 60.0
AGREED_WITHIN_S = 10.0
"""After healing (D26)."""
OVER_WITHIN_S = 15.0
"""Three times what a lost node's work needs to be elsewhere: detection, promise, agreement, program start."""
AFTER_ALL_PROMISES_S = 5.0


def stored(machines: Machines, node: str, doors: list[str], name: str) -> bool:
    """Whether an object can be put by way of one intake and got by way of every one."""
    body = f"{name} by way of {doors}".encode()
    put = machines.call(node, doors[0], "PUT", f"/o/{name}", body) if doors else None
    got = [machines.call(node, door, "GET", f"/o/{name}") for door in doors]
    return put is not None and put.status in (200, 201) and all(one is not None and one.body == body for one in got)


def test_both_parts_of_a_split_site_serve_and_one_holds_what_there_is_one_of_until_they_are_one_again(
    make: MakeSite, record_property: Record
) -> None:
    machines = make(5)
    machines.start(*machines.nodes)
    machines.until("the whole site serves", lambda: satisfied(machines, machines.nodes), UP_WITHIN_S)
    before = machines.together(machines.nodes)
    assert before is not None
    # The smaller part gets the node that has the role, and the one whose name comes last.
    smaller = (holder(before, "placement"), machines.nodes[-1])
    larger = tuple(node for node in machines.nodes if node not in smaller)

    with machines.watched("placement") as watch:
        machines.until("placement runs", watch.running, AFTER_ALL_PROMISES_S)
        machines.lan.split(*smaller)
        machines.until("the larger part serves with all roles", lambda: satisfied(machines, larger), OVER_WITHIN_S)
        machines.until("the smaller part is one", lambda: machines.together(smaller), OVER_WITHIN_S)
        _check_larger(machines, larger)
        _check_smaller(machines, smaller)
        (placement,) = watch.running()
        assert placement.node in larger

        machines.lan.whole()
        agreed_ms = machines.until(
            "one leader and one plan everywhere", lambda: machines.together(machines.nodes), AGREED_WITHIN_S
        )
        machines.until("the whole site serves again", lambda: satisfied(machines, machines.nodes), UP_WITHIN_S)
        # I7: what was healthy and single has not been moved or started again.
        assert watch.running() == [placement]
        doors = endpoints(machines.together(machines.nodes) or {}, "intake")
        machines.until("an object is kept", lambda: stored(machines, larger[0], doors, "healed"), OVER_WITHIN_S)
    assert watch.together == [], "two processes had the role at once (I2)"
    assert [seen.node for seen in watch.first_ms] == [smaller[0], placement.node]
    record_property("split_healed_to_agreed_ms", agreed_ms)


def _check_larger(machines: Machines, larger: tuple[str, ...]) -> None:
    status = machines.together(larger)
    assert status is not None
    doors = endpoints(status, "intake")
    assert len(doors) == 2
    machines.until("an object is kept", lambda: stored(machines, larger[-1], doors, "larger"), OVER_WITHIN_S)


def _check_smaller(machines: Machines, smaller: tuple[str, ...]) -> None:
    """Its two nodes run what may run anywhere; without the role that may not, an intake says so at once."""

    def serves() -> Status | None:
        status = machines.together(smaller)
        runs = status is not None and all(len(role(status, element)["active"]) == 2 for element in ("intake", "store"))
        return status if runs else None

    machines.until("the smaller part runs intakes and stores", serves, OVER_WITHIN_S)
    status = serves()
    assert status is not None
    assert role(status, "placement")["active"] == []
    named = machines.statuses([holder(status, "placement")])[holder(status, "placement")]
    assert named is not None and any("no majority of the roster grants it" in word for word in named["given_up"])
    for door in endpoints(status, "intake"):
        answer = machines.call(smaller[1], door, "PUT", "/o/smaller", b"nobody decides where")
        assert answer is not None and answer.status == 503
    for store in endpoints(status, "store"):
        answer = machines.call(smaller[1], store, "GET", "/list")
        assert answer is not None and answer.status == 200


@pytest.mark.parametrize("tie_breaker", ["n1", "n2"])
def test_of_two_nodes_that_cannot_reach_each_other_the_tie_breaker_has_what_there_is_one_of(
    make: MakeSite, tie_breaker: str
) -> None:
    machines = make(2, tie_breaker=tie_breaker)
    machines.start(*machines.nodes)
    machines.until("both serve", lambda: satisfied(machines, machines.nodes), UP_WITHIN_S)
    before = machines.together(machines.nodes)
    assert before is not None and holder(before, "placement") == "n1"

    with machines.watched("placement") as watch:
        machines.until("placement runs", watch.running, AFTER_ALL_PROMISES_S)
        (first,) = watch.running()
        machines.lan.unplug("n2")
        machines.until("n1 leads itself", lambda: machines.together(["n1"]), OVER_WITHIN_S)
        machines.until("n2 leads itself", lambda: machines.together(["n2"]), OVER_WITHIN_S)
        if tie_breaker == "n2":
            machines.until("n2 has it", lambda: [s.node for s in watch.running()] == ["n2"], OVER_WITHIN_S)
        else:
            # Long enough for every promise to end: nothing may have changed by then.
            machines.until("n2 says that it may not", lambda: _refused(machines, "n2"), OVER_WITHIN_S)
            assert watch.running() == [first]
        (kept,) = watch.running()
        assert kept.node == tie_breaker

        machines.lan.plug("n2")
        machines.until("both are one again", lambda: satisfied(machines, machines.nodes), UP_WITHIN_S)
        assert watch.running() == [kept]
    assert watch.together == [], "two processes had the role at once (I2)"


def _refused(machines: Machines, node: str) -> bool:
    status = machines.statuses([node])[node]
    return status is not None and any("no majority of the roster grants it" in word for word in status["given_up"])


def test_nodes_find_each_other_by_scouting_alone(make: MakeSite) -> None:
    machines = make(3, scouting=True)
    machines.start(*machines.nodes)
    machines.until("three that know no address are one site", lambda: machines.together(machines.nodes), UP_WITHIN_S)
    machines.lan.unplug("n3")
    machines.until("n3 is missed", lambda: machines.together(["n1", "n2"]), OVER_WITHIN_S)
    machines.lan.plug("n3")
    machines.until("n3 is found again", lambda: machines.together(machines.nodes), UP_WITHIN_S)
