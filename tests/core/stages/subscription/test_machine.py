"""From plan and mode to processes, on node a (I4, M5, X2, X6, X7, P4, U1)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.core.group.granting.model import Held
from skerry.core.kernel.effects import (
    AwaitDrained,
    Effects,
    ExtendWorkload,
    Put,
    StartWorkload,
    StopWorkload,
    WriteEndpoints,
)
from skerry.core.kernel.ids import ElementName, GrantKey, InstanceId
from skerry.core.stages.ir.model import Configuration
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.subscription.events import (
    WorkloadDrained,
    WorkloadExited,
    WorkloadFailed,
    WorkloadReady,
    WorkloadStopped,
)
from skerry.core.stages.subscription.machine import (
    DEADLINE,
    FAILURES_MAX,
    GIVE_OVER_MS,
    LOOK_ROUND_MS,
    RETRY_MIN_MS,
    Keeper,
    KeeperView,
)
from skerry.core.stages.subscription.model import Phase
from skerry.core.stages.subscription.runs import Adopted
from tests.core.things import (
    SHOP,
    STACK,
    A,
    B,
    assigned,
    configuration,
    element,
    instance,
    ir,
    mib,
    plan,
    running,
)
from tests.support.conversation import Talk, anything, at, does, drops, keeps, notes, sees, talk, until, writes

STORE, DB, CACHE = instance("store"), instance("db"), instance("cache")
KEY = GrantKey("hq/shop/db")
ON_DISK = f"subscription/{STORE}"
WISH = ir(element("store"), isolated=(element("store"), element("cache")))
EXCLUSIVE = ir(element("db", key=KEY))
LEASE_MS = 3_000


def view(**fields: Any) -> KeeperView:
    given: dict[str, Any] = {
        "plan": plan(assigned(A)),
        "my_leaders": True,
        "modes": {},
        "irs": {SHOP: WISH},
        "held": {},
        "running": {},
        "room": mib(1_000),
        **fields,
    }
    return KeeperView(**given)


def node_a(**fields: Any) -> Talk:
    return talk(Keeper(me=A), view(**fields))


def ready(name: InstanceId = STORE, pid: int = 7, port: int = 4_000, fence: int | None = None) -> WorkloadReady:
    return WorkloadReady(instance=name, pid=pid, endpoint=f"a:{port}", port=port, fence=fence)


def serving(**fields: Any) -> Talk:
    """Node a, whose store answers."""
    t = node_a(**fields)
    assert t >> sees() << anything >> ready() << anything
    assert phase(t) == "active"
    return t


def phase(t: Talk, name: InstanceId = STORE) -> Phase | None:
    return next((i.phase for i in t.machine.instances() if i.instance == name), None)


def held(fence: int = 1, until_ms: int = LEASE_MS) -> dict[GrantKey, Held]:
    return {KEY: Held(key=KEY, fence=fence, until_ms=until_ms)}


def exclusive_plan(holder=A) -> Plan:
    return plan(assigned(holder, "db", key=KEY))


def exclusive(**fields: Any) -> Talk:
    """Node a, whose exclusive db answers under fence 1 until 3,000."""
    t = node_a(plan=exclusive_plan(), irs={SHOP: EXCLUSIVE}, held=held(), **fields)
    assert t >> sees() << anything >> ready(DB, fence=1) << anything
    return t


# --- starting ---------------------------------------------------------------------------------------------------------


def test_i4_a_start_is_ordered_together_with_its_subscription_on_disk() -> None:
    t = node_a()
    assert t >> sees() << keeps(ON_DISK) << does(StartWorkload, instance=STORE, port=None, kill_at_ms=None)
    assert phase(t) == "starting"


def test_it_is_active_at_its_first_proper_answer_and_that_is_written_down() -> None:
    t = node_a()
    assert t >> sees() << anything
    assert t >> ready(pid=7) << keeps(ON_DISK) << writes("role.active", pid=7) << notes("role.active", STORE)
    assert t >> ready(pid=8)  # said twice


def test_what_is_given_to_another_or_withdrawn_or_of_another_digest_is_not_started() -> None:
    assert node_a(plan=plan(assigned(B))) >> sees()
    assert node_a(irs={SHOP: ir(element(), withdrawn=True)}) >> sees()
    assert node_a(plan=plan(assigned(A, of=configuration("stack", "2")))) >> sees()
    assert node_a(plan=None) >> sees()


@pytest.mark.parametrize("word", ["stack", "storage"], ids=["its name", "a kind that it requires"])
def test_d16_something_that_conflicts_waits_for_the_stop_of_what_still_runs(word: str) -> None:
    rival = configuration("rival", conflicts=(word,))
    wish = ir(element("store", msgspec.structs.replace(STACK, requires=("storage.disk",))), element("cache", rival))
    t = serving(irs={SHOP: wish})
    assert t >> sees(plan=plan(assigned(A, "cache", rival))) << does(AwaitDrained, instance=STORE) << anything
    assert t.machine.runs[CACHE].reason == f"waits for the stop of {STORE}"
    assert t >> WorkloadDrained(instance=STORE) << does(StopWorkload, instance=STORE)
    assert (
        t
        >> WorkloadStopped(instance=STORE)
        << drops(ON_DISK)
        << keeps(f"subscription/{CACHE}")
        << writes("role.stopped")
        << does(StartWorkload, instance=CACHE)
    )


def test_d16_it_waits_also_for_what_a_new_generation_of_its_intent_no_longer_names() -> None:
    rival = configuration("rival", conflicts=("stack",))
    t = serving()
    newer = ir(element("store", configuration("stack", "2")), element("cache", rival))
    assert t >> sees(irs={SHOP: newer}, plan=plan(assigned(A, "cache", rival))) << anything
    assert (phase(t), t.machine.runs[CACHE].reason) == ("draining", f"waits for the stop of {STORE}")


# --- modes ------------------------------------------------------------------------------------------------------------

BOTH = plan(assigned(A), isolated=(assigned(A), assigned(A, "cache")))


def test_m5_a_switch_keeps_what_both_sets_have_and_starts_what_only_the_new_one_has() -> None:
    t = serving(plan=BOTH)
    pid = t.machine.runs[STORE].pid
    assert (
        t
        >> sees(modes={SHOP: "isolated"})
        << keeps(f"subscription/{CACHE}")
        << does(StartWorkload, instance=CACHE)
        << does(WriteEndpoints, instance=STORE)
    )
    assert (phase(t), t.machine.runs[STORE].pid) == ("active", pid)


def test_m5_what_the_new_set_leaves_out_goes_when_its_clients_have_gone() -> None:
    t = serving(plan=BOTH, modes={SHOP: "isolated"})
    assert t >> ready(CACHE, pid=8, port=4_001) << anything
    assert t >> sees(modes={}) << does(AwaitDrained, instance=CACHE, within_ms=30_000) << anything
    assert phase(t, CACHE) == "draining"
    assert t >> WorkloadDrained(instance=CACHE) << does(StopWorkload, instance=CACHE)
    assert t >> WorkloadStopped(instance=CACHE) << drops(f"subscription/{CACHE}") << writes("role.stopped")
    assert (phase(t), phase(t, CACHE)) == ("active", None)


FULL = ir(
    element("store", resources=mib(300)),
    element("cache", resources=mib(400)),
    isolated=(element("store", resources=mib(300)), element("extra", resources=mib(400))),
)
TURNED = plan(assigned(A), assigned(A, "cache"), isolated=(assigned(A), assigned(A, "extra")))
EXTRA = instance("extra")


def switched(room_mib: int) -> Talk:
    """Node a, whose store and cache answer, has just been told that it is isolated: the cache goes, the extra comes."""
    t = serving(plan=TURNED, irs={SHOP: FULL}, room=mib(room_mib))
    assert t >> ready(CACHE, pid=8, port=4_001) << anything
    assert t >> sees(modes={SHOP: "isolated"}) << does(AwaitDrained, instance=CACHE) << anything
    return t


def test_m5_where_there_is_room_for_both_sets_the_new_one_starts_while_the_old_one_drains() -> None:
    t = switched(1_100)
    assert [type(a) for a in t.said.act][:2] == [AwaitDrained, StartWorkload], "stops are told first"
    assert phase(t, EXTRA) == "starting"


def test_m5_where_there_is_not_the_stop_is_complete_before_the_start() -> None:
    t = switched(1_099)
    assert (phase(t, EXTRA), t.machine.runs[EXTRA].reason) == ("waiting", f"waits for the stop of {CACHE}")
    assert t >> WorkloadDrained(instance=CACHE) << does(StopWorkload, instance=CACHE)
    assert t >> WorkloadStopped(instance=CACHE) << does(StartWorkload, instance=EXTRA) << anything


def test_m5_what_goes_on_in_both_sets_makes_nobody_wait_however_little_room_its_owner_leaves() -> None:
    t = serving(plan=BOTH, room=mib(0))
    assert t >> sees(modes={SHOP: "isolated"}) << does(StartWorkload, instance=CACHE) << anything


def test_m5_back_before_it_was_gone_it_stays_with_the_same_pid() -> None:
    t = serving(plan=BOTH, modes={SHOP: "isolated"})
    assert t >> ready(CACHE, pid=8) << anything >> sees(modes={}) << anything
    assert t >> sees(modes={SHOP: "isolated"}) << notes("role.stays", CACHE) << anything
    assert t >> WorkloadDrained(instance=CACHE)
    assert (phase(t, CACHE), t.machine.runs[CACHE].pid) == ("active", 8)


# --- moving -----------------------------------------------------------------------------------------------------------


def test_p4_make_before_break_it_goes_on_until_the_new_holder_answers_and_its_clients_have_gone() -> None:
    t = serving()
    assert t >> sees(plan=plan(assigned(B)))
    assert t >> sees(running={B: (running(phase="starting"),)})
    assert phase(t) == "active"
    assert t >> sees(running={B: (running(),)}) << does(AwaitDrained, instance=STORE) << anything
    assert t >> WorkloadDrained(instance=STORE) << does(StopWorkload, instance=STORE)
    assert t >> WorkloadStopped(instance=STORE) << drops(ON_DISK) << writes("role.stopped", why="its clients have gone")


def test_p4_a_new_holder_of_whom_nothing_is_heard_has_a_stated_time() -> None:
    """My leader hears it, and I do not: it would run here beside it for ever."""
    t = serving()
    start = t.at_ms
    assert t >> sees(plan=plan(assigned(B))) >> at(start + 1_000) >> sees(running={B: (running(phase="starting"),)})
    assert t >> at(start + 2_000) >> sees(running={}) >> until(start + 2_000 + GIVE_OVER_MS - 1)
    assert phase(t) == "active"
    assert t >> until(start + 2_000 + GIVE_OVER_MS) << does(AwaitDrained, instance=STORE) << anything


def test_another_configuration_of_the_same_slot_is_a_stop_and_then_a_start() -> None:
    newer = configuration("stack", "2")
    t = serving()
    assert (
        t
        >> sees(plan=plan(assigned(A, of=newer)), irs={SHOP: ir(element("store", newer))})
        << does(StopWorkload, instance=STORE)
    )
    assert (
        t
        >> WorkloadStopped(instance=STORE)
        << drops(ON_DISK)
        << keeps(ON_DISK)
        << writes("role.stopped")
        << does(StartWorkload, configuration=newer)
    )


def test_i9_a_withdrawn_intents_roles_stop_at_once() -> None:
    t = serving()
    assert t >> sees(plan=None, irs={SHOP: ir(element(), withdrawn=True)}) << does(StopWorkload, instance=STORE)


def test_a_machine_that_leaves_stops_all() -> None:
    t = serving()
    assert t >> sees(leaving=True) << does(StopWorkload, instance=STORE)
    assert t >> WorkloadStopped(instance=STORE) << drops(ON_DISK) << writes("role.stopped")
    assert t.machine.instances() == ()


def test_what_waits_and_is_not_wanted_any_more_is_forgotten_without_a_stop() -> None:
    t = node_a(plan=exclusive_plan(), irs={SHOP: EXCLUSIVE})
    assert t >> sees()
    assert t >> sees(plan=None) << drops(f"subscription/{DB}")


# --- exclusive --------------------------------------------------------------------------------------------------------


def test_x2_an_exclusive_role_waits_for_its_grant_and_asks_for_it() -> None:
    t = node_a(plan=exclusive_plan(), irs={SHOP: EXCLUSIVE})
    assert t >> sees()
    assert t.machine.wanted_keys() == {KEY: 0}
    assert t.machine.keys_in_use() == frozenset()
    assert (
        t
        >> sees(held=held(fence=5))
        << keeps("subscription/")
        << does(StartWorkload, instance=DB, fence=5, kill_at_ms=LEASE_MS - 1_000)
    )
    assert t.machine.keys_in_use() == {KEY}


def test_x6_each_renewal_moves_the_guards_deadline_and_it_never_goes_back() -> None:
    t = exclusive()
    assert t >> sees(held=held(until_ms=3_750)) << does(ExtendWorkload, instance=DB, kill_at_ms=2_750)
    assert t >> sees(held=held(until_ms=3_700))


def test_x8_its_beats_say_that_it_goes_on_without_a_quorum_and_when_that_is_over() -> None:
    t = exclusive()
    alone = msgspec.structs.replace(held()[KEY], surrendered="no majority of the roster is in contact")
    assert t >> sees(held={KEY: alone}) << anything
    assert [i.surrendered for i in t.machine.instances()] == [True]
    assert t >> sees(held=held()) << anything
    assert [i.surrendered for i in t.machine.instances()] == [False]


def test_x2_a_lost_grant_stops_it() -> None:
    t = exclusive()
    assert t >> sees(held={}) << does(StopWorkload, instance=DB) << notes("role.stopping", why="its grant has run out")


def test_x9_a_grant_with_another_fence_is_not_its_own() -> None:
    t = exclusive()
    assert t >> sees(held=held(fence=2, until_ms=9_000)) << does(StopWorkload, instance=DB)
    assert (
        t
        >> WorkloadStopped(instance=DB)
        << drops(f"subscription/{DB}")
        << keeps("subscription/")
        << writes("role.stopped")
        << does(StartWorkload, fence=2)
    )


def test_x2_too_little_left_of_a_lease_starts_nothing() -> None:
    t = node_a(plan=exclusive_plan(), irs={SHOP: EXCLUSIVE}, held=held(until_ms=LEASE_MS))
    assert t >> at(LEASE_MS - 1_000)
    assert phase(t, DB) == "waiting"


def test_x7_when_it_moves_it_stops_first_and_its_key_is_in_use_until_the_disk_says_stopped() -> None:
    t = exclusive()
    assert t >> sees(plan=exclusive_plan(B)) << does(StopWorkload, instance=DB)
    assert t.machine.wanted_keys() == {}
    assert t.machine.keys_in_use() == {KEY}
    assert t >> WorkloadStopped(instance=DB) << drops(f"subscription/{DB}") << writes("role.stopped")
    assert t.machine.keys_in_use() == frozenset()


def test_x6_what_the_guard_ended_with_its_lease_is_no_failure_and_starts_again_with_the_next_grant() -> None:
    t = exclusive()
    assert t >> at(2_000, WorkloadExited(instance=DB, reason=DEADLINE)) << writes("role.stopped") << notes("role.ended")
    assert (phase(t, DB), t.machine.keys_in_use()) == ("waiting", frozenset())
    assert t >> sees(held=held(fence=2, until_ms=9_000)) << keeps("subscription/") << does(StartWorkload, fence=2)


# --- failing ----------------------------------------------------------------------------------------------------------


def test_d15_after_a_crash_it_starts_again_on_the_same_port_after_a_pause_that_doubles() -> None:
    t = serving()
    now = 1_000
    for number in range(FAILURES_MAX - 1):
        t >> at(now, WorkloadExited(instance=STORE, reason="exit 1")) << notes("role.failed", STORE)
        assert t << writes("role.stopped", why="exit 1") if number == 0 else t  # later ones were never active
        now += RETRY_MIN_MS * 2**number
        assert t >> at(now - 1) >> at(now) << keeps(ON_DISK) << does(StartWorkload, port=4_000)
    assert t >> at(now, WorkloadFailed(instance=STORE, reason="never ready")) << notes("role.failed", STORE, failures=5)
    assert phase(t) == "failed"
    assert t.machine.runs[STORE].reason == "never ready"


def test_d15_after_a_minute_without_failures_they_are_forgotten() -> None:
    t = serving()
    for number in range(2 * FAILURES_MAX):
        at_ms = 1_000 + number * 61_000
        exited = at(at_ms, WorkloadExited(instance=STORE, reason="exit 1"))
        assert t >> exited << writes("role.stopped") << notes("role.failed", failures=1)
        assert t >> at(at_ms + RETRY_MIN_MS) << anything >> ready() << anything
    assert phase(t) == "active"


def test_a_process_that_ends_while_it_is_being_stopped_is_only_waited_for() -> None:
    t = exclusive()
    assert t >> sees(held={}) << does(StopWorkload) >> WorkloadExited(instance=DB, reason="exit 0")
    assert phase(t, DB) == "stopping"


@pytest.mark.parametrize(
    "event",
    [ready(CACHE), WorkloadExited(instance=CACHE, reason=""), WorkloadStopped(instance=CACHE)],
    ids=lambda e: type(e).__name__,
)
def test_what_is_said_of_an_instance_that_is_not_here_changes_nothing(event) -> None:
    assert serving() >> event


# --- after a restart --------------------------------------------------------------------------------------------------


def adopted(name: InstanceId = STORE, of: Configuration = STACK, **fields: Any) -> Adopted:
    given: dict[str, Any] = {"pid": 7, "endpoint": "a:4000", "port": 4_000, "fence": None, **fields}
    return Adopted(instance=name, digest=of.digest, **given)


def kept_by(t: Talk) -> dict[str, bytes]:
    return {p.key: p.value for p in t.said.persist if isinstance(p, Put)}


def restarted(kept: dict[str, bytes], *found: Adopted, **fields: Any) -> tuple[Talk, Effects]:
    keeper, effects = Keeper.recover(A, kept, found, 0, 0, LEASE_MS)
    return talk(keeper, view(**fields)), effects


def test_u12_what_runs_and_has_a_subscription_is_taken_over_and_goes_on_with_the_same_pid() -> None:
    t, effects = restarted(kept_by(serving()), adopted(pid=7))
    assert [n.what for n in effects.note] == ["workload.adopted"]
    assert effects.act == ()
    assert t >> sees() << anything
    assert {type(a) for a in t.said.act} <= {WriteEndpoints}
    assert (phase(t), t.machine.runs[STORE].pid) == ("active", 7)


def test_u12_what_was_taken_over_keeps_its_neighbours_until_this_agent_has_met_them() -> None:
    needy = ir(element("store", needs=(ElementName("db"),)), element("db"))
    around = {B: (running("db", endpoint="b:1"),)}
    t, _ = restarted(kept_by(serving()), adopted(), irs={SHOP: needy}, my_leaders=False)
    assert t >> sees(), "nobody is in contact yet: it is not told that its neighbours are gone"
    assert t >> at(300) >> sees(running=around)
    assert t >> until(LOOK_ROUND_MS) << does(WriteEndpoints, instance=STORE)
    (written,) = t.said.act
    assert isinstance(written, WriteEndpoints)
    assert b"b:1" in written.content


def test_i4_what_runs_without_a_subscription_or_with_another_digest_is_stopped() -> None:
    for kept, found in (({}, adopted()), (kept_by(serving()), adopted(of=configuration("stack", "2")))):
        _, effects = restarted(kept, found)
        assert [type(a) for a in effects.act] == [StopWorkload]
        assert [n.what for n in effects.note] == ["workload.orphan"]


def test_u1_what_may_run_anywhere_starts_again_after_a_reboot_with_nobodys_permission_on_its_old_port() -> None:
    t, _ = restarted(kept_by(serving()), my_leaders=False)
    assert t >> sees() << writes("role.stopped") << keeps(ON_DISK) << does(StartWorkload, instance=STORE, port=4_000)


def test_h3_what_is_gone_after_a_reboot_is_told_once_though_nobody_wants_it_any_more() -> None:
    t, effects = restarted(kept_by(serving()), plan=plan(), my_leaders=False)
    assert effects.empty
    assert t >> sees() << writes("role.stopped") << drops(ON_DISK)
    assert t >> sees(my_leaders=True)


def test_h3_before_it_is_known_what_is_wanted_what_is_gone_keeps_its_subscription() -> None:
    t, _ = restarted(kept_by(serving()), plan=None)
    assert t >> sees() << writes("role.stopped")
    assert t >> sees(plan=plan(assigned(A))) << keeps(ON_DISK) << does(StartWorkload, instance=STORE, port=4_000)


def test_x6_an_exclusive_process_taken_over_goes_on_until_the_guards_deadline_and_asks_with_its_fence() -> None:
    kept = kept_by(exclusive())
    t, _ = restarted(kept, adopted(DB, fence=1), plan=exclusive_plan(), irs={SHOP: EXCLUSIVE})
    assert t >> sees() << anything
    assert t.machine.wanted_keys() == {KEY: 1}
    assert t >> at(100) >> sees(held=held(fence=1, until_ms=3_100)) << does(ExtendWorkload, kill_at_ms=2_100)
    late, _ = restarted(kept, adopted(DB, fence=1), plan=exclusive_plan(), irs={SHOP: EXCLUSIVE})
    assert late >> sees() << anything >> at(LEASE_MS) << does(StopWorkload, instance=DB)


def test_x4_an_exclusive_role_that_does_not_run_after_a_reboot_waits_for_a_grant() -> None:
    t, _ = restarted(kept_by(exclusive()), plan=exclusive_plan(), irs={SHOP: EXCLUSIVE})
    assert t >> sees() << writes("role.stopped")
    assert phase(t, DB) == "waiting"
