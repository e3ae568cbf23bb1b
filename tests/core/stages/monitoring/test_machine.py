"""Metering by the holder, measuring by others (H1, H2, D24, P5)."""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.effects import CheckInstance, MeasureInstance
from skerry.core.stages.monitoring.events import InstanceChecked, InstanceMeasured
from skerry.core.stages.monitoring.machine import Monitoring, MonitoringView
from skerry.core.stages.monitoring.model import (
    EXPERIENCE_FOR_MS,
    EXPERIENCE_MAX,
    EXPERIENCE_NEEDED,
    MEASURE_GAP_MS,
)
from tests.core.things import SHOP, STACK, A, B, C, configuration, element, instance, ir, running
from tests.support.conversation import Talk, anything, at, does, notes, sees, talk, writes

EVERY_MS = 3_000
STORE = instance()
ISOLATED = {SHOP: "isolated"}


def view(**fields) -> MonitoringView:
    given: dict[str, Any] = {
        "irs": {SHOP: ir(element())},
        "modes": {},
        "mine": (),
        "running": {},
        "validators": (A,),
        "reporters": (C,),
        "reading_every_ms": EVERY_MS,
        "chain": "a/1",
        "head": 6,
        **fields,
    }
    return MonitoringView(**given)


def holder(**fields) -> Talk:
    """Node b, which holds an active store; node a measures it."""
    t = talk(Monitoring(me=B), view(mine=(running(endpoint="b:1"),), **fields))
    assert t >> sees()
    return t


def validator(*, holders=(B,)) -> Talk:
    """Node a, which measures what b holds."""
    stores = {h: (running(endpoint=f"{h}:1", number=n + 1),) for n, h in enumerate(holders)}
    t = talk(Monitoring(me=A), view(running=stores))
    assert t >> sees() << does(MeasureInstance, instance=STORE, holder=holders[0], digest=STACK.digest)
    return t


def counted(t: Talk) -> dict[str, Any]:
    data: dict[str, Any] = t.said.record[-1].data
    return {k: v for k, v in data.items() if k.endswith("_s") and v}


def second(t: Talk, number: int, *, ok: bool = True) -> None:
    """One more second is looked at."""
    assert t >> at(number * 1_000) << does(CheckInstance, instance=STORE, endpoint="b:1") << anything
    assert t >> at(number * 1_000 + 3, InstanceChecked(instance=STORE, ok=ok)) << anything


def measured(fit_permille: int, node=B, of=STACK, name=STORE, **fields) -> InstanceMeasured:
    figures = {} if "failure" in fields else {"ops": 60 * fit_permille}  # the floor is 60 a second
    return InstanceMeasured(instance=name, holder=node, digest=of.digest, figures_milli=figures, **fields)


# --- metering ---------------------------------------------------------------------------------------------------------


def test_h1_a_second_is_counted_when_it_was_looked_at_and_a_reading_is_cumulative() -> None:
    t = holder()
    second(t, 1)
    second(t, 2)
    second(t, 3, ok=False)
    assert counted(t) == {"connected_s": 3, "connected_compliant_s": 2}
    for number in (4, 5, 6):
        second(t, number)
    assert counted(t) == {"connected_s": 6, "connected_compliant_s": 5}


def test_h1_seconds_isolated_and_connected_are_kept_apart_by_the_mode_in_which_they_began() -> None:
    t = holder()
    second(t, 1)
    assert t >> at(1_500) >> sees(modes=ISOLATED)
    second(t, 2)  # a change of mode ends a reading
    assert counted(t) == {"connected_s": 2, "connected_compliant_s": 2}
    for number in (3, 4, 5):
        second(t, number)
    assert counted(t) == {
        "connected_s": 2,
        "connected_compliant_s": 2,
        "isolated_s": 3,
        "isolated_compliant_s": 3,
    }


def test_h3_a_reading_says_when_the_next_is_due_and_that_comes_then_whatever_the_site_says_meanwhile() -> None:
    t = holder()
    for number in (1, 2, 3):
        second(t, number)
    assert t.said.record[-1].data["every_ms"] == EVERY_MS
    assert t >> sees(reading_every_ms=60_000)
    for number in (4, 5, 6):
        second(t, number)
    assert (counted(t)["connected_s"], t.said.record[-1].data["every_ms"]) == (6, 60_000)
    assert t >> sees(reading_every_ms=EVERY_MS)
    for number in range(7, 66):
        second(t, number)
        assert not t.said.record
    second(t, 66)
    assert (counted(t)["connected_s"], t.said.record[-1].data["every_ms"]) == (66, EVERY_MS)


def test_h1_what_was_counted_is_written_before_the_instance_is_forgotten_and_once() -> None:
    t = holder()
    second(t, 1)
    assert t >> sees(mine=()) << writes("instance.seconds", activation=1, connected_s=1)
    assert t >> sees(mine=()) >> at(9_000, InstanceChecked(instance=STORE, ok=True))


def test_h1_another_activation_is_another_account() -> None:
    t = holder()
    second(t, 1)
    assert t >> sees(mine=()) << anything >> at(2_000) >> sees(mine=(running(endpoint="b:1"),))
    assert t >> at(3_000) << does(CheckInstance) >> InstanceChecked(instance=STORE, ok=True)
    assert t >> sees(mine=()) << writes("instance.seconds", activation=2, connected_s=1)


def test_h2_an_instance_that_is_not_active_is_not_counted() -> None:
    t = talk(Monitoring(me=B), view(mine=(running(phase="starting"),)))
    assert t >> sees() >> at(10_000)


def test_h2_nobody_is_asked_twice_at_a_time_and_a_late_answer_is_one_second() -> None:
    t = holder()
    assert t >> at(1_000) << does(CheckInstance) >> at(2_000) >> at(9_000)
    assert t >> at(9_001, InstanceChecked(instance=STORE, ok=True)) << does(CheckInstance, use=True)
    assert t >> at(9_002, InstanceChecked(instance=STORE, ok=True)) << anything
    assert counted(t) == {"connected_s": 2, "connected_compliant_s": 2}


def test_h5_what_clients_used_is_asked_for_with_each_reading_and_written_by_client() -> None:
    t = holder()
    second(t, 1)
    second(t, 2)
    assert t >> at(3_000) << does(CheckInstance, use=True)
    use = {"ann": {"seconds": 2}, "bob": {"seconds": 1}}
    assert (
        t
        >> InstanceChecked(instance=STORE, ok=True, use=use)
        << writes("client.seconds", mode="connected")
        << writes("client.seconds")
        << writes("instance.seconds")
    )
    assert [r.about for r in t.said.record] == ["ann", "bob", STORE]


# --- measuring --------------------------------------------------------------------------------------------------------


def test_d24_who_is_not_to_measure_measures_nothing() -> None:
    t = talk(Monitoring(me=C), view(running={B: (running(endpoint="b:1"),)}))
    assert t >> sees() >> at(10_000)


def test_d24_the_reporter_measures_what_the_validator_holds() -> None:
    t = talk(Monitoring(me=C), view(running={A: (running(endpoint="a:1"),), B: (running(number=2),)}))
    assert t >> sees() << does(MeasureInstance, holder=A)


def test_d24_one_measurement_at_a_time_the_least_known_first() -> None:
    t = validator(holders=(B, C))
    assert t >> at(100) >> at(250, measured(2_000)) << writes("validated") << notes("role.verified", STORE)
    assert t >> at(250 + MEASURE_GAP_MS) << does(MeasureInstance, holder=C)


def test_d24_what_is_well_known_is_measured_as_often_as_readings_are_written() -> None:
    t = validator()
    assert t >> sees(reading_every_ms=9_000)
    for number in range(1, EXPERIENCE_NEEDED):
        assert t >> at(number * 2_000, measured(2_000)) << anything >> at(number * 2_000 + 1_000) << anything
    last_ms = EXPERIENCE_NEEDED * 2_000
    assert t >> at(last_ms, measured(2_000)) << anything
    assert t >> at(last_ms + 8_999)
    assert t >> at(last_ms + 9_000) << does(MeasureInstance)


def test_d24_a_result_says_what_it_is_measured_against() -> None:
    t = validator()
    assert t >> at(250, measured(2_000)) << writes("validated", fit_of_floor_permille=2_000, fit_permille=1_200)
    found = t.machine.verified[STORE]
    assert (found.ok, found.count) == (True, 1)


def test_p5_a_no_needs_five_figures() -> None:
    t = validator()
    for number in range(1, EXPERIENCE_NEEDED + 1):
        assert t.machine.experience(number * 2_000) == {}
        assert t >> at(number * 2_000, measured(500)) << anything >> at(number * 2_000 + 1_500) << anything
    no = t.machine.experience(EXPERIENCE_NEEDED * 2_000)[f"{B} {STACK.digest}"]
    assert no.reason == "5 measurements, median fit 0.50 of the floor"
    assert no.evidence == "a/1#7"


def test_p5_experience_is_the_last_twenty_figures() -> None:
    t = validator()
    for number in range(1, EXPERIENCE_MAX + 12):
        fit = 500 if number <= 8 else 2_000
        assert t >> at(number * 6_000, measured(fit)) << anything >> at(number * 6_000 + 5_500) << anything
    assert t.machine.experience((EXPERIENCE_MAX + 11) * 6_000) == {}
    assert t.machine.verified[STORE].count == EXPERIENCE_MAX


def test_p5_what_was_measured_long_ago_says_nothing_of_today() -> None:
    t = validator()
    for number in range(1, EXPERIENCE_NEEDED + 1):
        assert t >> at(number * 2_000, measured(500)) << anything >> at(number * 2_000 + 1_500) << anything
    later_ms = EXPERIENCE_NEEDED * 2_000 + EXPERIENCE_FOR_MS
    assert t >> at(later_ms, measured(500)) << anything
    assert t.machine.experience(later_ms) == {}
    assert t.machine.verified[STORE].count == 1


def test_d24_a_role_that_falls_under_its_floor_is_contradicted_once_and_a_single_bad_figure_is_not_enough() -> None:
    t = validator()
    for number in range(1, 6):
        assert t >> at(number * 2_000, measured(2_000)) << anything >> at(number * 2_000 + 1_900) << anything
    told = []
    for number in range(6, 13):
        assert t >> at(number * 6_000, measured(500)) << anything
        told += [n.what for n in t.said.note]
        assert t >> at(number * 6_000 + 5_900) << anything
    assert told == ["role.contradicted"]


def test_d24_what_does_well_now_is_not_contradicted_by_what_was_measured_before() -> None:
    """A link was slow; when it is not any more, the first good figure has the bad ones against it."""
    t = validator()
    for number in range(1, 9):
        assert t >> at(number * 2_000, measured(500)) << anything >> at(number * 2_000 + 1_900) << anything
    assert not t.machine.verified[STORE].ok
    assert t >> at(60_000, measured(2_000)) << notes("role.verified", STORE) << anything
    assert t >> at(66_000) << anything >> at(66_001, measured(500)) << notes("role.contradicted", STORE) << anything


def test_d24_one_bad_figure_after_one_good_one_takes_nothing_away_and_a_second_does() -> None:
    """A machine that had other work for a second is measured again at once, and keeps what it does well."""
    t = validator()
    assert t >> at(250, measured(8_000)) << writes("validated") << notes("role.verified", STORE)
    again_ms = 250 + MEASURE_GAP_MS
    assert t >> at(again_ms) << does(MeasureInstance)
    assert t >> at(again_ms + 250, measured(850)) << writes("validated", fit_of_floor_permille=850)
    assert t.machine.verified[STORE].ok
    again_ms += 250 + MEASURE_GAP_MS
    assert t >> at(again_ms) << does(MeasureInstance)
    assert t >> at(again_ms + 250, measured(850)) << notes("role.contradicted", STORE) << anything


def test_d24_a_measurement_that_failed_counts_as_none_of_the_service() -> None:
    t = validator()
    assert (
        t
        >> at(250, measured(0, failure="connection refused"))
        << writes("validated", fit_permille=0)
        << notes("role.contradicted")
    )


def test_what_is_known_of_an_instance_is_forgotten_when_it_moves_or_changes() -> None:
    t = validator()
    assert t >> at(250, measured(2_000)) << anything
    assert t >> sees(running={C: (running(endpoint="c:1"),)})
    assert t.machine.verified == {}


def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    t = validator()
    assert t >> measured(2_000, name=instance("other"))
    assert t >> measured(2_000, of=configuration("gone")) << does(MeasureInstance)
    assert t.machine.verified == {}
