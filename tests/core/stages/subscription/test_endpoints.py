"""What a workload learns of its surroundings (FORMAT)."""

from __future__ import annotations

import json
from typing import Any

from skerry.core.kernel.ids import IntentId
from skerry.core.stages.subscription.endpoints import endpoints_file
from tests.core.things import SHOP, A, B, C, element, instance, ir, running

SPEC = element("store", needs=("db",))
WISH = ir(SPEC, element("db", key="hq/shop/db"))


def written(runs: Any, **fields: Any) -> dict[str, Any]:
    given = {"fence": None, "modes": {}, "draining": False, **fields}
    raw = endpoints_file(A, instance(), given["fence"], WISH, SPEC, runs, given["modes"], given["draining"])
    found: dict[str, Any] = json.loads(raw)
    return found


def test_only_what_answers_of_a_needed_role_is_named_with_its_fence() -> None:
    runs = {
        B: (running("db", endpoint="b:1", fence=3), running("store", endpoint="b:2")),
        C: (running("db", "starting", endpoint="c:1", number=2),),
    }
    assert written(runs)["needs"] == {
        "db": [{"instance": instance("db"), "node": "b", "endpoint": "b:1", "fence": 3, "draining": False}]
    }


def test_a_needed_role_that_nobody_serves_is_an_empty_list() -> None:
    assert written({})["needs"] == {"db": []}


def test_another_intents_role_of_the_same_name_is_not_named() -> None:
    assert written({B: (running("db", intent=IntentId("hq/shop2")),)})["needs"] == {"db": []}


def test_an_instance_learns_its_mode_its_fence_and_whether_it_is_to_go() -> None:
    found = written({}, fence=9, modes={SHOP: "isolated"}, draining=True)
    assert (found["mode"], found["fence"], found["draining"], found["node"]) == ("isolated", 9, True, "a")


def test_equal_surroundings_give_equal_bytes_in_whatever_order_they_came() -> None:
    runs = {B: (running("db", endpoint="b:1"),), C: (running("db", endpoint="c:1", number=2),)}
    backwards = dict(reversed(runs.items()))
    assert endpoints_file(A, instance(), None, WISH, SPEC, runs, {}, False) == endpoints_file(
        A, instance(), None, WISH, SPEC, backwards, {}, False
    )
