"""After a reconnection what was decided alone is looked at once more, and moved where that is worth it (D18)."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.kernel.ids import GrantKey
from skerry.core.stages.ir.model import SetName, Standard, Weights
from skerry.core.stages.negotiation.machine import Chair
from skerry.core.stages.negotiation.model import No
from tests.core.stages.negotiation.test_machine import ballot, holders, keep_plan, known, proposed, view
from tests.core.things import HQ, SHOP, A, B, C, assigned, element, ir, plan, running, slot
from tests.support.conversation import Talk, anything, at, heard, publishes, sees, talk

BOTH = (slot(), slot(isolated=True))
FIT_ALONE = Weights(fit=1, assurance=0, free=0, change=0)


def reconnected(gain_permille: int = 100, *, weights: Weights = FIT_ALONE, key: str | None = None, **spec: Any) -> Talk:
    """While it was cut off, the site gave the store to c, the slowest; a measured twice what c did. It is connected."""
    wish = ir(element(weights=weights, key=key, **spec), isolated=(element(weights=weights, key=key, **spec),))
    present = assigned(C, key=GrantKey(key) if key is not None else None)
    alone = plan(present, isolated=(present,))
    temporary = msgspec.structs.replace(alone, isolated_from=(HQ,))
    return talk(
        Chair(me=A),
        view(wish, plan=temporary, review={SHOP: gain_permille}, known=known()),
        follow=keep_plan,
    )


def agreed(t: Talk) -> dict[Any, Any]:
    committed = t.said.publish[-1].value
    return holders(committed)


def test_d18_work_is_moved_where_the_gain_is_worth_it_and_the_plan_for_the_next_cut_follows() -> None:
    t = reconnected()
    assert t >> sees() << anything
    assert proposed(t) == {slot(): A, slot(isolated=True): A}
    assert t >> heard(A, ballot(1, *BOTH)) << publishes("plan") << anything
    assert agreed(t) == {slot(): A, slot(isolated=True): A}


def test_d18_where_it_is_not_worth_it_nothing_is_asked_of_anybody() -> None:
    # 3.0 / (3.0 + 1) against 1.5 / (1.5 + 1) of what is asked: 750 against 600, a gain of a quarter.
    assert reconnected(250) >> sees() << anything
    t = reconnected(251)
    assert t >> sees()
    assert proposed(t) is None


def test_d18_staying_counts_for_what_the_role_says_that_it_does() -> None:
    t = reconnected(100, weights=Weights(fit=1, assurance=0, free=0, change=1))
    assert t >> sees()


def test_d18_each_reconnection_is_looked_at_once() -> None:
    t = reconnected()
    assert t >> sees() << anything
    assert t >> heard(A, ballot(1, no={str(s): No(reason="not enough free") for s in BOTH})) << anything
    assert t >> at(400) << anything >> sees(stamp=("a fit changed",))
    assert proposed(t) is None


def test_d18_a_refused_move_leaves_healthy_work_where_it_is() -> None:
    t = reconnected()
    assert t >> sees() << anything
    assert t >> heard(A, ballot(1, no={str(s): No(reason="not enough free") for s in BOTH})) << anything
    assert not t.said.publish, "the plan stands as it was, with no slot open for a moment"


def test_x7_what_would_have_to_stop_first_is_not_moved_for_a_gain() -> None:
    assert reconnected(key="hq/shop/store") >> sees()
    assert reconnected(data="pinned") >> sees()


def test_where_nothing_is_voted_ahead_only_the_set_in_force_is_asked_for_and_it_stays_until_the_other_is() -> None:
    wish = ir(element(), isolated=(element(), element("extra")))
    ops = known("store", "extra")
    t = talk(Chair(me=A), view(wish, known=ops, only={SHOP: "connected"}), follow=keep_plan)
    assert t >> sees() << anything
    assert proposed(t) == {slot(): A}
    assert t >> heard(A, ballot(1, slot())) << publishes("plan") << anything
    section = t.said.publish[-1].value.sections[SHOP]
    assert section.of("isolated") == section.of("connected") != {}
    survey = msgspec.structs.replace(t.view.survey, only={SHOP: "isolated"})
    assert t >> sees(survey=survey, stamp=("cut",)) << anything
    assert proposed(t) == {slot("extra", isolated=True): A}
    assert t >> heard(A, ballot(2, slot("extra", isolated=True))) << publishes("plan") << anything
    assert agreed(t).keys() >= {slot(isolated=True), slot("extra", isolated=True)}
    assert B not in agreed(t).values()


# --- both sets name whoever does the work (U3) ------------------------------------------------------------------------


def apart(*, in_force: SetName = "connected", at_least: int = 100) -> Talk:
    """The two sets were agreed on one by one, and give the store to c and to b. It runs where the one in force says."""
    asked = (Standard(metric="ops", at_least_milli=at_least * 1_000),)
    wish = ir(element(), isolated=(element(headroom_permille=1_600, standards=asked),))
    seen = view(wish, plan=plan(assigned(C), isolated=(assigned(B),)), known=known())
    runs = {C if in_force == "connected" else B: (running(),)}
    assert seen.survey is not None
    survey = msgspec.structs.replace(seen.survey, in_force={SHOP: in_force}, running=runs)
    return talk(Chair(me=A), msgspec.structs.replace(seen, survey=survey), follow=keep_plan)


def test_u3_the_set_that_is_not_in_force_follows_whoever_does_the_work() -> None:
    t = apart()
    assert t >> sees() << anything
    assert proposed(t) == {slot(isolated=True): C}, "who does it already needs no headroom"
    assert t >> heard(C, ballot(1, slot(isolated=True))) << publishes("plan") << anything
    assert agreed(t) == {slot(): C, slot(isolated=True): C}


def test_u3_while_isolated_it_is_the_connected_set_that_follows() -> None:
    t = apart(in_force="isolated")
    assert t >> sees() << anything
    assert proposed(t) == {slot(): B}


def test_u3_whoever_does_not_meet_the_other_sets_standards_is_not_asked() -> None:
    t = apart(at_least=160)
    assert t >> sees()
    assert proposed(t) is None


def test_u3_where_following_is_refused_the_plan_for_the_cut_stands() -> None:
    t = apart()
    assert t >> sees() << anything
    assert t >> heard(C, ballot(1, no={str(slot(isolated=True)): No(reason="not enough free")})) << anything
    assert not t.said.publish
