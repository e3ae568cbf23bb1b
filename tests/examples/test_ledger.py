"""Placement's map and rules, without any process; and what programs know of their surroundings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from skerry.examples.programs.clock import wait_ms
from skerry.examples.programs.ledger import Ledger, Place, choose
from skerry.examples.programs.surroundings import LOOK_MS, Surroundings
from skerry.examples.programs.use import RANGES_MAX, Seconds


def place(node: str, *, draining: bool = False, instance: str = "s") -> Place:
    return Place(f"{instance}@{node}", instance, node, f"{node}:1", draining)


def ledger(*nodes: str) -> Ledger:
    one = Ledger()
    for node in nodes:
        one.join(place(node), {})
    return one


def test_choice_takes_turns_and_two_nodes() -> None:
    places = [place("n1"), place("n1", instance="t"), place("n2"), place("n3", draining=True)]
    chosen = [choose(places, (), turn) for turn in range(6)]
    assert all({one.node for one in pair} == {"n1", "n2"} for pair in chosen)
    assert {one.key for pair in chosen for one in pair} == {"s@n1", "t@n1", "s@n2"}


def test_what_is_to_be_avoided_is_chosen_only_for_want_of_others() -> None:
    places = [place("n1"), place("n2"), place("n3")]
    assert {one.node for one in choose(places, {"s@n1"}, 0)} == {"n2", "n3"}
    assert {one.node for one in choose(places, {"s@n1", "s@n2"}, 0)} >= {"n3"}
    assert len(choose(places[:1], (), 0)) == 1
    assert choose([], (), 3) == []


def test_a_store_that_leaves_is_chosen_while_there_would_be_too_few() -> None:
    places = [place("n1"), place("n2", draining=True)]
    assert {one.node for one in choose(places, (), 0)} == {"n1", "n2"}
    assert {one.node for one in choose([*places, place("n3")], (), 0)} == {"n1", "n3"}
    assert {one.node for one in choose([*places, place("n3")], {"s@n3"}, 0)} == {"n1", "n2"}


def test_a_newer_version_replaces_the_holders_and_an_older_changes_nothing() -> None:
    one = ledger("n1", "n2", "n3")
    one.has("a", (1, 1), "old", 1, ["s@n1", "s@n2"])
    one.has("a", (2, 1), "new", 1, ["s@n3"])
    assert one.entries["a"].holders == {"s@n3"}
    assert list(one.short) == ["a"]
    one.has("a", (1, 9), "old", 1, ["s@n1"])
    assert one.entries["a"].sha == "new"


def test_each_loss_is_ordered_to_be_copied_once_to_another_node() -> None:
    one = ledger("n1", "n2", "n3")
    for number in range(3):
        one.has(f"o{number}", (1, number), "x", 1, ["s@n1", "s@n2"])
    one.leave("s@n1")
    orders = one.orders(2, busy=(), blocked=())
    assert {(order.source.node, order.target.node) for order in orders} == {("n2", "n3")}
    busy = {order.name for order in orders}
    assert {order.name for order in one.orders(8, busy, ())} == {"o0", "o1", "o2"} - busy
    assert one.orders(8, (), {"s@n3"}) == []


def test_a_drained_store_is_dispensable_when_others_have_two_copies() -> None:
    one = ledger("n1", "n2", "n3")
    one.has("a", (1, 1), "x", 1, ["s@n1", "s@n2"])
    one.update(place("n1", draining=True))
    assert not one.dispensable("s@n1")
    [order] = one.orders(4, (), ())
    assert (order.target.node, order.source.node in ("n1", "n2")) == ("n3", True)
    one.has("a", (1, 1), "x", 1, ["s@n3"])
    assert one.dispensable("s@n1")
    assert [holder.node for holder in one.holders(one.entries["a"])] == ["n2", "n3", "n1"]


def test_a_file_that_cannot_be_read_changes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "endpoints.json"
    around = Surroundings(str(path))
    assert around.now().instance == ""

    def write(text: str) -> None:
        draft = tmp_path / "draft"
        draft.write_text(text)
        os.replace(draft, path)
        wait_ms(LOOK_MS + 1)

    store = {"instance": "s#1", "node": "n1", "endpoint": "h:1", "fence": None, "draining": True}
    write(json.dumps({"instance": "i#1", "node": "n2", "fence": 3, "needs": {"store": [store]}}))
    view = around.now()
    assert (view.instance, view.fence, view.peers("store")[0].key) == ("i#1", 3, "s#1@n1")
    for text in ("", "{", "[]", '{"instance": 1}', '{"instance": "x", "node": "y", "needs": {"store": 3}}'):
        write(text)
        assert around.now() == view
    assert "the last good one goes on" in capfd.readouterr().err


def test_seconds_are_ranges_and_bounded() -> None:
    seconds = Seconds()
    for second in (5, 5, 6, 7, 6, 10):
        seconds.add(second)
    assert seconds.ranges == [[5, 8], [10, 11]]
    for second in range(20, 20 + 4 * RANGES_MAX, 2):
        seconds.add(second)
    assert len(seconds.ranges) == RANGES_MAX
    assert seconds.count() == 4 + 2 * RANGES_MAX
