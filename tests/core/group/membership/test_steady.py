"""Whoever is steadily heard is not looked at again and again; what is found is the same (C1)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from skerry.core.group.membership.machine import Membership, MembershipView, PresenceChanged
from skerry.core.group.membership.model import FRESH_MS, HUNG_MS
from skerry.core.group.membership.wire import Beat
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import LifeId
from skerry.core.kernel.inputs import Input
from tests.core.things import A, B, C, D
from tests.support.conversation import heard

ME = LifeId("a1")
ROSTERS = (frozenset({B, C, D}), frozenset({B, C}))
peers = st.sampled_from((B, C, D))
events = st.one_of(
    st.builds(lambda node, life, hears: ("beat", node, life, hears), peers, st.sampled_from("12"), st.booleans()),
    st.builds(lambda node, there: PresenceChanged(node=node, present=there), peers, st.booleans()),
    st.just(Reconsider()),
    st.just(DeadlinePassed()),
)
gaps = st.sampled_from((0, 1, 90, 400, 501, 999, FRESH_MS - 1, FRESH_MS, HUNG_MS))


@given(st.lists(st.tuples(gaps, events, st.sampled_from((0, 0, 0, 1))), max_size=60))
def test_c1_who_looks_at_those_alone_that_may_have_changed_finds_what_a_look_at_all_finds(
    story: list[tuple[int, Any, int]],
) -> None:
    quick, plain, at_ms = Membership(me=A, life=ME), Membership(me=A, life=ME), 0
    for number, (gap_ms, happened, roster) in enumerate(story):
        at_ms += gap_ms
        event = happened
        if isinstance(happened, tuple):
            _, node, life, hears = happened
            body = Beat(number=number, hears={A: ME} if hears else {}, carried=b"")
            event = heard(node, body, life=f"{node}{life}")
        view = MembershipView(
            members=ROSTERS[roster], carry=lambda: b"mine", holdings=lambda: b"held", stamp=lambda: ()
        )
        given_ = Input(id=str(number), at_ms=at_ms, wall_ms=0, draw=0, event=event)
        plain._steady.clear()
        assert quick.step(given_, view) == plain.step(given_, view)
        quick.check_invariants()
        assert found(quick) == found(plain)


def found(machine: Membership) -> tuple[object, ...]:
    """All that it shows."""
    return (
        list(machine.contacts.items()), machine.changed, machine.departed, machine.hung, machine.woke_ms,
        machine.strangers(), machine.next_deadline_ms(), machine._old_ms,
    )  # fmt: skip
