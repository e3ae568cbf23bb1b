"""What an operator holds, on node a: it stops and stays so; on a drained node nothing begins (R4)."""

from __future__ import annotations

import pytest

from skerry.core.kernel.effects import StartWorkload, StopWorkload
from skerry.core.stages.subscription.events import WorkloadExited, WorkloadStopped
from skerry.core.stages.subscription.machine import RETRY_MIN_MS
from tests.core.stages.subscription.test_machine import DB, KEY, ON_DISK, STORE, exclusive, node_a, phase, serving
from tests.core.things import SHOP, A, assigned, plan, slot
from tests.support.conversation import anything, does, drops, keeps, notes, sees, until

PAUSED = {STORE.split("#")[0]: "paused by ann at b"}


def test_r4_what_is_paused_stops_at_once_and_starts_again_when_that_is_lifted() -> None:
    t = serving()
    assert (
        t
        >> sees(paused=PAUSED)
        << does(StopWorkload, instance=STORE)
        << notes("role.stopping", STORE, why="paused by ann at b")
    )
    assert t >> sees(plan=plan(assigned(A), number=2)), "a newer plan changes nothing"
    assert t >> WorkloadStopped(instance=STORE) << drops(ON_DISK) << anything
    assert t >> sees(paused={}) << keeps(ON_DISK) << does(StartWorkload, instance=STORE)


@pytest.mark.parametrize("before", ["starting", "draining"])
def test_r4_what_is_paused_stops_however_far_it_is(before) -> None:
    t = node_a() if before == "starting" else serving()
    assert t >> sees(**({} if before == "starting" else {"plan": plan()})) << anything
    assert phase(t) == before
    assert t >> sees(paused={SHOP: "paused by ann at b"}) << does(StopWorkload, instance=STORE)


def test_r4_a_paused_exclusive_role_gives_its_key_back_once_it_is_gone() -> None:
    t = exclusive()
    assert t >> sees(paused={f"{SHOP}/db": "paused by ann at b"}) << does(StopWorkload, instance=DB)
    assert (t.machine.wanted_keys(), t.machine.keys_in_use()) == ({}, {KEY})
    assert t >> WorkloadStopped(instance=DB) << drops(f"subscription/{DB}") << anything
    assert t.machine.keys_in_use() == frozenset()


def test_r4_the_plan_of_another_part_keeps_nothing_alive_that_is_paused() -> None:
    t = exclusive(my_leaders=False)
    assert (
        t
        >> sees(plan=plan(unfilled={str(slot("db")): "nobody"}), paused={SHOP: "paused by ann at b"})
        << does(StopWorkload, instance=DB)
    )
    assert t.machine.wanted_keys() == {}


def test_r4_on_a_drained_node_nothing_starts_that_it_does_not_have_and_what_it_has_goes_on() -> None:
    assert node_a(drained=True) >> sees()
    t = serving()
    assert t >> sees(drained=True)
    assert t >> WorkloadExited(instance=STORE, reason="exit 1") << anything
    assert t >> until(2 * RETRY_MIN_MS) << keeps(ON_DISK) << does(StartWorkload, instance=STORE)
