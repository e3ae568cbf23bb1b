"""What a leader declares of each manager, to the millisecond, and what an agent that stood still knows (M2). Node a
leads a and b."""

from __future__ import annotations

import pytest

from skerry.core.group.uplink.machine import MODES_KEY, OpenSession, SessionChanged, Uplink
from skerry.core.group.uplink.model import STOOD_STILL_MS, ModeId, UplinkSettings
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.ids import ManagerId
from tests.core.group.uplink.test_machine import (
    ASK_MS,
    GRACE_MS,
    SETTLE_MS,
    answered,
    asked_until,
    leader,
    report,
    up_since_ms,
    view,
)
from tests.core.things import HQ, A, B
from tests.support.conversation import Talk, anything, at, does, keeps, notes, reports, sees, talk, until

GUEST = ManagerId("guest")  # sorts before hq


def of_two_managers() -> Talk:
    t = talk(Uplink(me=A, started_ms=0), view(managers=frozenset({HQ, GUEST})))
    assert t >> sees() << does(OpenSession, manager=GUEST) << does(OpenSession, manager=HQ)
    return t


def isolated() -> Talk:
    t = leader()
    assert t >> until(GRACE_MS + 1) << anything << notes("mode.isolated")
    return t


def test_m1_a_manager_is_lost_while_the_one_before_it_is_there() -> None:
    t = of_two_managers()
    reached = {B: (1_000, {GUEST: report(0)})}
    assert t >> at(1_000) << anything >> sees(reports=reached) << anything
    assert t >> until(GRACE_MS + 1) << anything << notes("mode.isolated", HQ, number=1)
    assert t.machine.mode(GUEST) == "connected"


def test_m2_each_declaration_has_a_number_of_its_own_and_is_news_to_the_others() -> None:
    t = of_two_managers()
    assert t >> at(1_000) << anything >> sees(reports={B: (1_000, {HQ: report(0)})}) << anything
    unchanged = t.machine.version
    assert t >> until(GRACE_MS + 1) << keeps(MODES_KEY) << anything << notes("mode.isolated", GUEST, number=1)
    first = t.machine.version
    assert t >> until(GRACE_MS + 1_001) << keeps(MODES_KEY) << anything << notes("mode.isolated", HQ, number=2)
    assert unchanged < first < t.machine.version
    assert t.machine.modes[HQ].id == ModeId(term=1, leader=A, number=2)


def test_m2_it_is_connected_again_to_the_millisecond_also_by_what_a_member_says() -> None:
    hasty = UplinkSettings(lost_after_ms=GRACE_MS, back_after_ms=1_500)
    t = isolated()
    assert t >> at(3_101) << anything >> sees(settings=hasty, reports={B: (3_101, {HQ: report(0, 1)})}) << anything
    assert t >> until(3_100 + 1_499) << anything
    assert t.machine.mode(HQ) == "isolated"
    assert t >> until(3_100 + 1_500) << anything << notes("mode.connected", HQ)


@pytest.mark.parametrize(("silent_ms", "mode"), [(GRACE_MS, "connected"), (GRACE_MS + 1, "isolated")])
def test_m2_whoever_settled_is_believed_only_as_long_as_a_grace(silent_ms, mode) -> None:
    t = isolated()
    now_ms = t.at_ms + 100
    assert t >> at(now_ms) << anything >> sees(reports={B: (now_ms, {HQ: report(silent_ms, SETTLE_MS)})}) << anything
    assert t.machine.mode(HQ) == mode


# --- who stood still --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("late_ms", "since_ms"), [(STOOD_STILL_MS, 0), (STOOD_STILL_MS + 1, None)])
def test_m2_half_a_second_late_is_not_standing_still(late_ms, since_ms) -> None:
    t = leader()
    assert t >> at(20, answered(1)) >> at(ASK_MS + late_ms) << reports(Question)
    assert up_since_ms(t) == since_ms


def test_m2_who_stood_still_says_the_manager_answered_so_much_later() -> None:
    t = leader()
    asked_until(t, 4_000)
    assert t >> at(60_000) << anything
    assert t.machine.reports()[HQ].answered_ms == 4_000 + (60_000 - 4_500)


def test_m2_who_stood_still_gives_what_others_were_answered_so_much_more_time() -> None:
    t = talk(Uplink(me=A, started_ms=0), view(reports={B: (0, {HQ: report(0)})}))
    assert t >> sees() << anything >> at(500) >> sees(reports={}) << does(OpenSession)
    assert t >> SessionChanged(manager=HQ, up=True) << reports(Question)
    assert t >> at(60_000) << reports(Question)  # it would have asked this at 1500, 1500 after b was answered
    assert t >> until(60_000 + GRACE_MS - 1_500) << anything
    assert t.machine.mode(HQ) == "connected"
    assert t >> until(60_000 + GRACE_MS - 1_500 + 1) << anything << notes("mode.isolated", HQ)
