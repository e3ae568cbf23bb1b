"""The account to the second and in whole: several chains, both modes, several ends (H1-H5)."""

from __future__ import annotations

import pytest

from skerry.core.stages.history.model import Life
from skerry.core.stages.history.rules import RANGE_LONGEST_S, client_use
from tests.core.stages.history.test_rules import (
    F_S,
    INTAKE,
    active,
    crashed,
    lives,
    reading,
    row_of,
    seconds,
    served,
    stopped,
    till,
    unheard,
)

OTHER = "hq/shop/intake#2"


def test_h3_each_life_that_crashed_leaves_a_period_unknown() -> None:
    assert row_of(active(0), seconds(10, 10), active(50, life="2"))["unknown_s"] == 2 * F_S
    assert row_of(seconds(10, 10), active(90), stopped(91))["unknown_s"] == F_S, "all that it wrote is here"


def test_h3_a_part_of_a_second_is_unknown_as_a_whole_one() -> None:
    unknown_s = row_of(seconds(10.5, 10), life=unheard(13))["unknown_s"]
    assert (unknown_s, type(unknown_s)) == (3, int)
    assert till(served(5_000.5), seconds(5_000.5, 1), active(5_003.4), stopped(5_003.4)) == (0, 0, 4)


def test_d22_compliance_is_of_both_modes_together_in_whole_thousandths() -> None:
    row = row_of(seconds(10, 10, 9, isolated_s=30, isolated_compliant_s=21), stopped(11))
    assert row["compliance_permille"] == 750
    assert row_of(seconds(10, 10, isolated_s=30, isolated_compliant_s=30), stopped(11))["compliance_permille"] == 1_000
    third = row_of(seconds(10, 3, 1), stopped(11))["compliance_permille"]
    assert (third, type(third)) == (333, int)


def test_d23_measurements_are_counted_by_whether_they_met_the_floor_also_if_they_were_folded() -> None:
    fits = [1_000, 999, 400]
    one_by_one = [
        reading("validated", INTAKE, n, node="v", number=n, fit_of_floor_permille=fit) for n, fit in enumerate(fits)
    ]
    folded = reading(
        "validated", INTAKE, 9, node="r", number=9, confirmed=5, contradicted=7, figures_milli={"r": 1}, holder="a"
    )
    row = row_of(*one_by_one, folded)
    assert (row["confirmed"], row["contradicted"], row["measured_by"]) == (6, 9, ["r", "v"])
    assert (row["last_figures_milli"], row["last_holder"]) == ({"r": 1}, "a")
    bare = row_of(*one_by_one)
    assert (bare["connected_s"], bare["last_figures_milli"], bare["last_holder"]) == (0, {}, None)


def test_d22_a_clients_row_says_what_was_served_what_failed_and_what_is_unknown() -> None:
    readings = (served(20, (100, 110), failed=[[103, 105]]),)
    assert client_use(readings, lives(readings, crashed()), F_S) == [
        {"client": "till", "connected_s": 8, "isolated_s": 0, "failed_s": 2, "unknown_s": 0}
    ]


def test_h3_what_another_instance_knows_is_not_unknown_in_either_mode_and_also_if_it_failed() -> None:
    last = [active(100), served(110, (100, 110)), seconds(110, 10)]
    there = {"node": "b", "instance": OTHER}
    gone = stopped(130, **there)
    assert till(*last, served(130, (110, 116), mode="isolated", **there), gone) == (10, 6, 4)
    assert till(*last, served(130, failed=[[110, 117]], **there), gone) == (10, 0, 3)


def test_h3_what_several_instances_leave_unknown_at_once_counts_once() -> None:
    ends = {"a": 110, "b": 115, "c": 200, "d": 201, "e": 205}
    readings = [seconds(at_s, 1, node=node, instance=f"hq/shop/intake#{node}") for node, at_s in ends.items()]
    known = served(900, (203, 204), (212, 213), node="f", instance="hq/shop/intake#f")
    over = lives((*readings, known), crashed()) | {("d", "1"): Life(over_wall_ms=203_000, whole=True)}
    (row,) = client_use([*readings, known], over, F_S)
    assert row["unknown_s"] == (125 - 110) + (215 - 200) - 2


def test_h3_an_instance_that_serves_no_client_leaves_nothing_unknown_for_one() -> None:
    store = active(120, instance="hq/shop/store#1", node="b")
    assert till(served(110, (100, 110)), active(100), stopped(110), store)[2] == 0


@pytest.mark.parametrize(
    "ranges", [7, "ab", [[1, 2, 3]], [[1]], [7], [["a", "b"]], [[9, 2]], [[0, RANGE_LONGEST_S + 1]]]
)
def test_ranges_of_another_form_are_left_out(ranges) -> None:
    use = {"seconds_ok": ranges, "seconds_failed": ranges}
    broken = reading("client.seconds", "till", 20, number=1, instance=INTAKE, mode="connected", use=use)
    assert till(broken, served(30, (3_000_000, 3_000_010))) == (10, 0, 0)


def test_a_use_of_another_form_is_none_and_the_longest_range_counts() -> None:
    broken = reading("client.seconds", "till", 20, number=1, instance=INTAKE, mode="connected", use=["many"])
    assert till(broken) == (0, 0, 0)
    assert till(broken, served(30, (0, RANGE_LONGEST_S))) == (RANGE_LONGEST_S, 0, 0)
