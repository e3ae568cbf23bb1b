"""What is counted, for whom, and what is unknown (H1-H5)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from skerry.core.stages.history.model import Life, Reading
from skerry.core.stages.history.rules import client_use, compliance

F_S = 10
INTAKE = "hq/shop/intake#1"


def reading(
    what: str, about: str, at_s: float, *, node: str = "a", life: str = "1", number: int, **data: Any
) -> Reading:
    return Reading(node=node, life=life, number=number, what=what, about=about, data=data, wall_ms=round(at_s * 1000))


def seconds(at_s: float, counted: int, good: int | None = None, *, instance: str = INTAKE, **more: Any) -> Reading:
    """A holder's cumulative reading, all of it connected."""
    fine = counted if good is None else good
    more = {"activation": 1, "number": round(at_s * 10), **more}
    return reading("instance.seconds", instance, at_s, connected_s=counted, connected_compliant_s=fine, **more)


def active(at_s: float, *, instance: str = INTAKE, **more: Any) -> Reading:
    return reading("role.active", instance, at_s, **{"number": round(at_s * 10), **more})


def stopped(at_s: float, *, instance: str = INTAKE, **more: Any) -> Reading:
    return reading("role.stopped", instance, at_s, **{"number": round(at_s * 10) + 1, **more})


def served(at_s: float, *ranges: tuple[int, int], mode: str = "connected", **more: Any) -> Reading:
    use = {"seconds_ok": [list(r) for r in ranges], "seconds_failed": more.pop("failed", [])}
    data = {"instance": more.pop("instance", INTAKE), "mode": mode, "use": use}
    return reading("client.seconds", "till", at_s, **{"number": round(at_s * 10), **more}, **data)


def crashed(at_s: int = 1_000, *, lost: tuple[tuple[int, int], ...] = ()) -> Life:
    """All that it wrote is here, and the next life has begun."""
    return Life(over_wall_ms=at_s * 1000, whole=True, lost=lost)


def unheard(at_s: int) -> Life:
    """It may have written more: it goes on, or was over by then and nobody has the rest."""
    return Life(over_wall_ms=at_s * 1000)


def lives(readings: tuple[Reading, ...], life: Life) -> dict[tuple[str, str], Life]:
    return {(reading.node, reading.life): life for reading in readings}


def row_of(*readings: Reading, life: Life = crashed()) -> dict[str, Any]:  # noqa: B008 (a value)
    (row,) = compliance(readings, lives(readings, life), F_S)
    return row


def till(*readings: Reading, life: Life = crashed()) -> tuple[int, int, int]:  # noqa: B008 (a value)
    """Connected, isolated, unknown."""
    (row,) = client_use(readings, lives(readings, life), F_S)
    return row["connected_s"], row["isolated_s"], row["unknown_s"]


# --- instance time ----------------------------------------------------------------------------------------------------


def test_a_reading_is_cumulative_so_that_the_highest_counts_and_repeats_do_no_harm() -> None:
    row = row_of(active(0), seconds(10, 10, 9), seconds(20, 20, 18), seconds(10, 10, 9), stopped(21))
    assert (row["connected_s"], row["connected_compliant_s"], row["compliance_permille"]) == (20, 18, 900)


def test_activations_lives_and_nodes_are_accounts_of_their_own() -> None:
    row = row_of(
        seconds(10, 10),
        seconds(30, 7, activation=2),
        seconds(50, 5, life="2"),
        seconds(70, 3, node="b"),
    )
    assert (row["connected_s"], row["holders"]) == (25, ["a", "b"])


def test_a_recorded_end_leaves_nothing_unknown_and_a_crash_at_most_one_period() -> None:
    assert row_of(active(0), seconds(10, 10), seconds(14, 14, final=True), stopped(14))["unknown_s"] == 0
    assert row_of(active(0), seconds(10, 10))["unknown_s"] == F_S
    assert row_of(active(0))["unknown_s"] == F_S


def test_h3_a_crash_leaves_unknown_what_its_last_entry_said_and_not_what_the_site_says_by_now() -> None:
    assert row_of(active(0, every_ms=60_000))["unknown_s"] == 60
    assert row_of(active(0), seconds(10, 10, every_ms=60_000))["unknown_s"] == 60
    assert row_of(active(0, every_ms=60_000), seconds(60, 60, every_ms=2_000))["unknown_s"] == 2
    assert row_of(active(0), seconds(10, 10, every_ms="often"))["unknown_s"] == F_S


def test_an_instance_that_crashed_and_came_back_soon_leaves_unknown_only_the_time_between() -> None:
    row = row_of(active(0), seconds(10, 10), active(14), seconds(24, 10, activation=2), stopped(25))
    assert (row["connected_s"], row["unknown_s"]) == (20, 4)


def test_of_one_that_runs_the_time_since_its_last_reading_is_unknown() -> None:
    assert row_of(active(0), seconds(10, 10), life=unheard(13))["unknown_s"] == 3


def test_h3_of_one_that_is_not_heard_of_all_that_time_is_unknown_until_its_readings_come() -> None:
    assert row_of(active(0), seconds(10, 10), life=unheard(500))["unknown_s"] == 490
    late = row_of(active(0), seconds(10, 10), seconds(480, 470), stopped(481), life=unheard(500))
    assert (late["connected_s"], late["unknown_s"]) == (470, 0)


def test_h3_a_final_reading_is_an_end_whatever_is_recorded_first() -> None:
    final = seconds(14, 14, final=True, number=200)
    assert row_of(active(0), seconds(10, 10), stopped(14), final, life=unheard(500))["unknown_s"] == 0
    assert row_of(active(0), seconds(10, 10), final, life=unheard(500))["unknown_s"] == 0


def test_h3_what_a_node_lost_for_good_had_not_copied_is_unknown_until_it_was_taken_out() -> None:
    row = row_of(active(0), seconds(10, 10), life=unheard(3_600))
    assert (row["connected_s"], row["unknown_s"]) == (10, 3_590)
    assert row_of(seconds(10, 10), life=unheard(5))["unknown_s"] == 0, "its clock went ahead of the manager's"


def test_h3_what_was_written_in_a_lost_stretch_is_unknown_also_if_the_end_is_recorded() -> None:
    gap = crashed(lost=((200, 899),))
    assert row_of(active(0), seconds(10, 10), stopped(90), life=gap)["unknown_s"] == 80
    assert row_of(active(0), seconds(10, 10), active(90), stopped(91), life=gap)["unknown_s"] == 80
    assert row_of(active(0), seconds(10, 10), life=gap)["unknown_s"] == 990
    assert row_of(active(0), seconds(10, 10), stopped(11), active(90), stopped(91), life=gap)["unknown_s"] == 0


def test_h3_for_a_client_months_of_a_lost_node_are_unknown_but_for_what_others_know() -> None:
    month_s = 30 * 86_400
    known = served(10, (0, 10))
    elsewhere = served(60, (20, 50), node="b", instance="hq/shop/intake#2")
    gone = stopped(61, node="b", instance="hq/shop/intake#2")
    assert till(known, seconds(10, 10), elsewhere, gone, life=unheard(month_s)) == (40, 0, month_s - 40)


def test_a_measurers_figures_stand_beside_and_add_no_second() -> None:
    good = reading("validated", INTAKE, 5, node="v", number=1, fit_of_floor_permille=1_200, figures_milli={"r": 1})
    bad = reading("validated", INTAKE, 6, node="v", number=2, fit_of_floor_permille=900, figures_milli={"r": 2})
    row = row_of(active(0), seconds(10, 10), stopped(11), good, bad)
    assert (row["connected_s"], row["confirmed"], row["contradicted"]) == (10, 1, 1)
    assert (row["measured_by"], row["last_figures_milli"]) == (["v"], {"r": 2})


def test_figures_of_another_form_are_left_out() -> None:
    row = row_of(reading("instance.seconds", INTAKE, 1, number=1, connected_s="many", isolated_s=-3), stopped(2))
    assert (row["connected_s"], row["isolated_s"], row["compliance_permille"]) == (0, 0, None)


# --- clients ----------------------------------------------------------------------------------------------------------


def test_a_second_served_by_two_instances_counts_once() -> None:
    one = served(20, (100, 110))
    other = served(20, (105, 115), node="b", instance="hq/shop/intake#2")
    assert till(one, other)[:2] == (15, 0)


def test_a_second_in_which_something_failed_does_not_count() -> None:
    assert till(served(20, (100, 110), failed=[[103, 105]]))[:2] == (8, 0)


def test_a_second_that_another_instance_failed_in_does_not_count_either() -> None:
    other = served(20, node="b", instance="hq/shop/intake#2", failed=[[100, 101]])
    assert till(served(20, (100, 110)), other)[:2] == (9, 0)


def test_isolated_and_connected_seconds_are_counted_apart_by_the_reading_that_first_named_them() -> None:
    first = served(110, (100, 110))
    second = served(120, (100, 120), mode="isolated", number=9_000)
    assert till(first, second)[:2] == (10, 10)


def test_what_an_instance_did_after_its_last_reading_is_unknown_unless_another_knows() -> None:
    readings = [active(100), served(110, (100, 110)), seconds(110, 10)]
    assert till(*readings) == (10, 0, F_S)
    elsewhere = served(130, (110, 125), node="b", instance="hq/shop/intake#2")
    ended = seconds(130, 15, node="b", instance="hq/shop/intake#2")
    gone = stopped(130, node="b", instance="hq/shop/intake#2")
    assert till(*readings, elsewhere, ended, gone) == (25, 0, 0)


def test_the_last_reading_before_a_stop_asked_nobody_whom_it_served() -> None:
    known = [active(100), served(110, (100, 110)), seconds(110, 10)]
    assert till(*known, seconds(114, 14, final=True), stopped(114)) == (10, 0, 4)


def test_roles_that_no_client_meets_leave_nothing_unknown_for_clients() -> None:
    store = active(100, instance="hq/shop/store#1", node="b")
    assert till(served(110, (100, 110)), active(100), seconds(110, 10), stopped(110), store) == (10, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.booleans(), st.booleans()), min_size=1))
def test_no_second_is_counted_twice_whatever_is_read_in_whatever_order(
    given_ranges: list[tuple[int, int, bool, bool]],
) -> None:
    """The dumb twin: look at every second by itself."""
    readings = [
        served(
            200 + n,
            *([] if bad else [(start, start + length)]),
            failed=[[start, start + length]] if bad else [],
            mode="isolated" if isolated else "connected",
        )
        for n, (start, length, bad, isolated) in enumerate(given_ranges)
    ]
    good = {s for start, length, bad, _ in given_ranges if not bad for s in range(start, start + length)}
    wrong = {s for start, length, bad, _ in given_ranges if bad for s in range(start, start + length)}
    connected, isolated, _ = till(*readings)
    assert connected + isolated == len(good - wrong)
    assert till(*readings, *readings) == till(*reversed(readings))
