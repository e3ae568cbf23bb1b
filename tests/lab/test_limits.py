"""Which limit is raised in the demonstration: for any pair of holders, on a machine of any kind."""

from __future__ import annotations

import itertools

import pytest

from skerry.lab.demo.limits import Assigned, Site

ASKED = {"putRate": 200, "getRate": 300}
CEILINGS = {"putRate": 50_000, "getRate": 50_000}
HEADROOM_PERMILLE = 1_500
BEST, *OTHERS = "n1", "n2", "n3", "n4", "n5"

NODES = (BEST, *OTHERS)
# Puts and gets a second of each node's best store. On every machine n1 and n3 have a memory disk and the fast program,
# n2 a memory disk and the readable one, n4 a disk and one core, n5 a disk, one core and the readable program.
MACHINES = {
    "a sync costs 0.03 ms": ((6700, 8400), (2900, 4800), (6500, 8300), (3700, 6000), (1300, 3100)),
    "a sync costs 0.2 ms": ((6700, 8400), (2900, 4800), (6500, 8300), (1300, 6200), (420, 3000)),
    "a sync costs 10 ms": ((2500, 3100), (1100, 1700), (2400, 3000), (380, 2200), (140, 1200)),
    "a slow processor": ((2200, 3000), (1200, 1750), (2150, 2900), (900, 2000), (400, 1050)),
}
DOOR = {"n1": 800, "n2": 800, "n3": 800, "n4": 550, "n5": 550}
"""In thousandths of the highest rate of gets, what a node with all cores, or with one, does as intake and placement."""


Measured = dict[str, tuple[int, int]]


def site(machine: Measured, holders: tuple[str, str]) -> Site:
    figures = {
        (node, "store", "best"): {"putRate": puts * 1_000, "getRate": gets * 1_000}
        for node, (puts, gets) in machine.items()
    }
    fastest = max(gets for _, gets in machine.values())
    doors = {(node, "intake", "intake"): {"requestRate": fastest * DOOR[node]} for node in machine}
    deciders = {(node, "placement", "placement"): {"decideRate": fastest * DOOR[node]} for node in machine}
    assigned = [
        *(Assigned(f"store#{number}", "store", node, "best") for number, node in enumerate(holders, 1)),
        Assigned("intake#1", "intake", holders[0], "intake"),
        Assigned("intake#2", "intake", holders[1], "intake"),
        Assigned("placement#1", "placement", holders[0], "placement"),
    ]
    return Site({**figures, **doors, **deciders}, assigned, HEADROOM_PERMILLE)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("holders", list(itertools.combinations(OTHERS, 2)), ids="-".join)
def test_whoever_holds_the_stores_one_falls_short_and_another_can_take_its_place(
    machine: str, holders: tuple[str, str]
) -> None:
    measured = dict(zip(NODES, MACHINES[machine], strict=True))
    raised = site(measured, holders).raised(ASKED, CEILINGS)
    assert raised is not None
    puts, gets = raised.rates["putRate"], raised.rates["getRate"]
    stores = [f"store on {n}" for n in holders if measured[n][0] < puts or measured[n][1] < gets]
    fastest = max(most for _, most in measured.values())
    doors = [f"intake on {n}" for n in holders if fastest * DOOR[n] < (puts + gets) * 1_000]
    assert [*stores, *doors] == [f"{raised.instance.partition('#')[0]} on {raised.holder}"]
    free = set(measured) - set(holders)
    if doors:
        assert any(fastest * DOOR[n] >= 1_500 * (puts + gets) for n in free)
    else:
        assert any(measured[n][0] >= 1.5 * puts and measured[n][1] >= 1.5 * gets for n in free)
    assert raised.margin_permille > 1_000


def test_a_limit_is_only_ever_raised_and_never_above_the_ceiling() -> None:
    known = site(dict(zip(NODES, MACHINES["a sync costs 0.2 ms"], strict=True)), ("n4", "n5"))
    raised = known.raised(ASKED, CEILINGS)
    assert raised is not None
    assert raised.rates["putRate"] >= ASKED["putRate"] and raised.rates["getRate"] >= ASKED["getRate"]
    assert known.raised(ASKED, {"putRate": 210, "getRate": 310}) is None


def test_no_limit_is_found_where_all_are_alike() -> None:
    alike = dict.fromkeys(("n1", "n2", "n3"), (1000, 2000))
    assert site(alike, ("n1", "n2")).raised(ASKED, CEILINGS) is None


def test_nobody_takes_the_place_of_another_whom_the_others_would_not_have() -> None:
    machine = {"n1": (6000, 8000), "n2": (1000, 8000), "n3": (400, 8000)}
    known = site(machine, ("n2", "n3"))
    assert known.raised(ASKED, CEILINGS) is not None
    assert known._replace(unfit=(("n1", "best"),)).raised(ASKED, CEILINGS) is None


def test_a_holder_that_could_go_on_with_its_other_program_is_asked_for_more_than_that_can_do() -> None:
    machine = {"n1": (9000, 9000), "n2": (3000, 9000), "n3": (400, 9000)}
    known = site(machine, ("n2", "n3"))
    figures = {**known.figures_milli, ("n3", "store", "other"): {"putRate": 1_200_000, "getRate": 9_000_000}}
    raised = known._replace(figures_milli=figures).raised(ASKED, CEILINGS)
    assert raised is not None
    assert raised.holder != "n3" or raised.rates["putRate"] * 1.5 > 1_200


def test_a_holder_of_whom_others_measured_less_keeps_its_margin_over_that() -> None:
    machine = dict(zip(NODES, MACHINES["a sync costs 0.2 ms"], strict=True))
    told = site(machine, ("n3", "n4"))
    raised = told.raised(ASKED, CEILINGS)
    assert raised is not None and raised.holder == "n4"
    rate = max(raised.rates[metric] for metric in ASKED if raised.rates[metric] > ASKED[metric])
    slower = {("n3", "store", "best"): {"putRate": rate * 1_000, "getRate": rate * 1_000}}
    again = told._replace(seen_milli=slower).raised(ASKED, CEILINGS)
    assert again is not None and again.holder == "n4"
    assert max(again.rates.values()) <= rate / 1.01


def test_a_holder_of_whom_others_measured_more_falls_short_of_that_too() -> None:
    machine = dict(zip(NODES, MACHINES["a sync costs 0.2 ms"], strict=True))
    told = site(machine, ("n3", "n5"))
    faster = {("n5", "store", "best"): {"putRate": 1_000_000, "getRate": 3_100_000}}
    raised = told._replace(seen_milli=faster).raised(ASKED, CEILINGS)
    assert raised is not None and raised.holder == "n5"
    assert raised.rates["putRate"] > 1_000 or raised.rates["getRate"] > 3_100


def test_what_ends_with_the_cut_stands_in_nobodys_way_if_need_be() -> None:
    """As it was once measured, right after the programs were installed: whoever does better as a store than n2 would
    leave n2 behind as the second intake, too, which there is only while the site is cut off."""
    stores = {"n2": (2798, 3553), "n3": (3056, 5311), "n4": (446, 4300)}
    figures = {
        (node, "store", "best"): {"putRate": puts * 1_000, "getRate": gets * 1_000}
        for node, (puts, gets) in stores.items()
    }
    doors = {(n, "intake", "intake"): {"requestRate": rate * 1_000} for n, rate in (("n4", 5437), ("n2", 2531))}
    assigned = [
        Assigned("store#1", "store", "n3", "best"),
        Assigned("store#2", "store", "n2", "best"),
        Assigned("intake#1", "intake", "n4", "intake"),
        Assigned("intake#2", "intake", "n2", "intake", connected=False),
    ]
    measured = Site({**figures, **doors}, assigned, headroom_permille=1_100)
    assert measured.raised(ASKED, CEILINGS) is None
    raised = measured.connected().raised(ASKED, CEILINGS)
    assert raised is not None and (raised.instance, raised.holder) == ("store#2", "n2")
