"""What a plan and an IR say of one instance."""

from __future__ import annotations

import msgspec

from skerry.core.kernel.ids import GrantKey, IntentId
from skerry.core.stages.negotiation.model import NEGOTIATED
from skerry.core.stages.subscription.rules import (
    DRAIN_WITHIN_MS,
    drain_ms,
    is_exclusive,
    is_open,
    named_for,
    paused_by,
    spec_of,
)
from tests.core.things import SHOP, A, B, assigned, element, instance, ir, plan, slot

WISH = ir(element(drain_within_ms=7), isolated=(element(drain_within_ms=9), element("cache")))
AGREED = plan(assigned(A), isolated=(assigned(B),))


def test_a_role_is_that_of_the_mode_or_of_the_other_set_if_the_mode_leaves_it_out() -> None:
    found = {mode: spec_of(instance(), WISH, mode) for mode in ("connected", "isolated")}
    assert [spec.drain_within_ms for spec in found.values() if spec is not None] == [7, 9]
    cache = spec_of(instance("cache"), WISH, "connected")
    assert cache is not None
    assert cache.name == "cache"
    assert spec_of(instance("else"), WISH, "connected") is None
    assert spec_of(instance(), None, "connected") is None


def test_what_nobody_knows_any_more_drains_for_a_while_all_the_same() -> None:
    assert (drain_ms(instance(), WISH), drain_ms(instance("else"), WISH)) == (7, DRAIN_WITHIN_MS)


def test_whom_the_plan_names_depends_on_the_mode_in_force() -> None:
    connected = named_for(AGREED, instance(), SHOP, {})
    isolated = named_for(AGREED, instance(), SHOP, {SHOP: "isolated"})
    assert connected is not None
    assert isolated is not None
    assert (connected.holder, isolated.holder) == (A, B)
    assert named_for(AGREED, instance("else"), SHOP, {}) is None
    assert named_for(AGREED, instance(), IntentId("hq/other"), {}) is None
    assert named_for(None, instance(), SHOP, {}) is None


def test_a_slot_is_open_if_the_set_in_force_says_so() -> None:
    section = msgspec.structs.replace(AGREED.sections[SHOP], connected={}, unfilled={str(slot()): "nobody is able"})
    left = msgspec.structs.replace(AGREED, sections={SHOP: section})
    assert is_open(left, instance(), SHOP, {})
    assert not is_open(left, instance(), SHOP, {SHOP: "isolated"})
    assert not is_open(AGREED, instance(), SHOP, {})
    assert not is_open(None, instance(), SHOP, {})


def test_for_the_moment_it_is_open_because_of_the_slow_and_silent() -> None:
    lasting, passing = (plan(unfilled={str(slot()): why}) for why in ("nobody is able", NEGOTIATED))
    assert is_open(passing, instance(), SHOP, {}, for_the_moment=True)
    assert not is_open(lasting, instance(), SHOP, {}, for_the_moment=True)
    assert not is_open(AGREED, instance(), SHOP, {}, for_the_moment=True)


def test_an_instance_is_exclusive_if_either_set_asks_a_grant_of_its_holder() -> None:
    keyed = assigned(A, key=GrantKey("hq/shop/store"))
    assert is_exclusive(plan(keyed), instance())
    assert is_exclusive(plan(assigned(A), isolated=(keyed,)), instance())
    assert not is_exclusive(AGREED, instance())
    assert not is_exclusive(plan(keyed), instance("else"))
    assert not is_exclusive(None, instance())


def test_r4_a_hold_on_an_intent_or_on_one_of_its_roles_pauses_each_instance_of_it() -> None:
    assert paused_by(instance("store", 2), {SHOP: "ann: stocktaking"}) == "ann: stocktaking"
    assert paused_by(instance("store", 2), {f"{SHOP}/store": "ben: a new disk"}) == "ben: a new disk"
    assert paused_by(instance("cache"), {f"{SHOP}/store": "ben: a new disk", "hq": "nobody"}) is None
