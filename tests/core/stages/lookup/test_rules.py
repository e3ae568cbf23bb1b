"""What a client is told (D17, S3b, X9)."""

from __future__ import annotations

from skerry.core.kernel.ids import IntentId
from skerry.core.stages.lookup.rules import find
from tests.core.things import SHOP, A, B, C, element, ir, running

FILES = ir(element("store"), element("db", key="hq/shop/db"), offers_interface="object-store.v1.fast")


def told(interface: str, irs=(FILES,), **runs) -> list[tuple[str, str, int | None]]:
    found = find(
        interface, {i.intent: i for i in irs}, {A: runs.get("a", ()), B: runs.get("b", ()), C: runs.get("c", ())}
    )
    return [(e.node, e.endpoint, e.fence) for e in found]


def store(endpoint: str, phase="active", number: int = 1, **fields):
    return running("store", phase, endpoint=endpoint, number=number, **fields)


def test_only_what_answers_is_told_and_what_is_to_go_comes_last() -> None:
    runs = {
        "a": (store("a:1", "draining"),),
        "b": (store("b:1", number=2),),
        "c": (store("c:1", "starting", number=3), store("c:2", "failed", number=4), store("c:3", "waiting", number=5)),
    }
    assert told("object-store.v1", **runs) == [("b", "b:1", None), ("a", "a:1", None)]


def test_s3b_a_more_special_interface_stands_for_a_general_one_and_not_the_other_way_round() -> None:
    assert told("object-store.v1", a=(store("a:1"),))
    assert told("object-store.v1.fast", a=(store("a:1"),))
    assert not told("object-store.v1.fast.er", a=(store("a:1"),))
    assert not told("object-store.v", a=(store("a:1"),))


def test_only_the_role_that_offers_it_is_told() -> None:
    assert not told("object-store.v1", a=(running("db", endpoint="a:1"),))


def test_x9_a_look_up_carries_the_fence_of_the_functionality() -> None:
    runs = {"a": (store("a:1"),), "b": (running("db", endpoint="b:1", fence=7),)}
    assert told("object-store.v1", **runs) == [("a", "a:1", 7)]


def test_a_withdrawn_intent_offers_nothing_and_another_intents_roles_do_not_count() -> None:
    assert not told("object-store.v1", [ir(element("store"), offers_interface="object-store.v1", withdrawn=True)])
    other = IntentId("hq/shop2")
    assert not told("object-store.v1", a=(running("store", endpoint="a:1", intent=other),))
    assert FILES.intent == SHOP


def test_x9_an_instance_that_is_exclusive_itself_is_told_with_its_own_fence() -> None:
    runs = {"a": (store("a:1", fence=3),), "b": (running("db", endpoint="b:1", fence=7),)}
    assert told("object-store.v1", **runs) == [("a", "a:1", 3)]


def test_d17_an_endpoint_bears_the_instance_and_the_interface_that_it_offers() -> None:
    one = store("a:1")
    (endpoint,) = find("object-store.v1", {FILES.intent: FILES}, {A: (one,)})
    assert (endpoint.instance, endpoint.interface) == (one.instance, "object-store.v1.fast")
