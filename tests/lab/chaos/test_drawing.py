"""Rounds follow from the seed alone, and every kind has its turn."""

from __future__ import annotations

from itertools import islice

import pytest

from skerry.lab.chaos.drawing import Act, Kind, Round, rounds

FIVE = ["n1", "n2", "n3", "n4", "n5"]


def drawn(seed: int, nodes: list[str] = FIVE, count: int = 60) -> list[Round]:
    return list(islice(rounds(seed, nodes), count))


def test_one_seed_draws_the_same_rounds_each_time_and_another_draws_others() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_every_kind_comes_about_once_before_any_comes_twice() -> None:
    firsts = [now.faults[0].kind for now in drawn(1, count=len(Kind))]
    assert sorted(firsts) == sorted(Kind)


def test_a_node_alone_is_neither_split_nor_unplugged() -> None:
    kinds = {fault.kind for now in drawn(1, ["n1"]) for fault in now.faults}
    assert not kinds & {Kind.LINK, Kind.SPLIT, Kind.LOSS, Kind.RATE, Kind.DELAY}
    assert {Kind.CUT, Kind.KILL, Kind.CLOCK, Kind.FILL} <= kinds


def test_people_act_only_while_the_site_is_cut_off_and_take_away_only_what_was_given() -> None:
    given = False
    for now in drawn(3, count=200):
        assert (now.act is not None) == now.cut_off
        if now.act is not None:
            assert now.act.adds is not given
            given = now.act.adds
    assert {now.act for now in drawn(3, count=200)} == {None, *Act}


def test_what_a_machine_lacks_the_means_for_is_left_out_and_the_rest_stays_as_it_was() -> None:
    kinds = [now.faults[0].kind for now in drawn(1, count=len(Kind))]
    without = list(islice(rounds(1, FIVE, missing=[Kind.CLOCK, Kind.LOSS]), 60))
    assert not {fault.kind for now in without for fault in now.faults} & {Kind.CLOCK, Kind.LOSS}
    first = [now.faults[0].kind for now in without[: len(Kind) - 2]]
    assert first == [kind for kind in kinds if kind not in (Kind.CLOCK, Kind.LOSS)]


def test_a_split_leaves_somebody_on_either_side() -> None:
    parts = [fault.nodes for now in drawn(5, count=200) for fault in now.faults if fault.kind is Kind.SPLIT]
    assert {len(part) for part in parts} == {1, 2, 3, 4}


def test_at_times_one_alone_survives() -> None:
    killed = [len(fault.nodes) for now in drawn(5, count=300) for fault in now.faults if fault.kind is Kind.KILL]
    assert set(killed) == {1, 4}


@pytest.mark.parametrize("kinds", [[Kind.SPLIT, Kind.CUT]])
def test_kinds_that_are_asked_for_come_in_turn_and_alone(kinds: list[Kind]) -> None:
    asked = list(islice(rounds(1, FIVE, kinds), 4))
    assert [[fault.kind for fault in now.faults] for now in asked] == [[Kind.SPLIT], [Kind.CUT]] * 2
