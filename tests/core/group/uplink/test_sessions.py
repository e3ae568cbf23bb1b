"""Who of a part talks to a manager, how often, and what its beats say of it (M2). Node a leads."""

from __future__ import annotations

import pytest

from skerry.core.group.uplink.machine import Answered, CloseSession, OpenSession, SessionChanged, Uplink
from skerry.core.group.uplink.model import BEAT_PERIOD_MS, FLAP_MAX, UplinkReport, UplinkSettings
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.ids import ManagerId
from tests.core.group.uplink.test_machine import ASK_MS, GRACE_MS, answered, leader, report, view
from tests.core.things import HQ, A, B, C
from tests.support.conversation import anything, at, does, reports, sees, talk, until

GUEST = ManagerId("guest")
HALF_MS = GRACE_MS // 2


def test_m1_each_manager_has_a_session_and_questions_of_its_own_with_what_is_carried_to_it() -> None:
    t = leader(carry=lambda manager, loads: manager.encode())
    assert t >> sees(managers=frozenset({HQ, GUEST})) << does(OpenSession, manager=GUEST)
    assert t >> at(100, SessionChanged(manager=GUEST, up=True)) << reports(Question, number=1, carried=b"guest")
    assert t.said.report[0].manager == GUEST
    assert t >> until(HALF_MS) << reports(Question, number=2, carried=b"hq")
    assert t.said.report[0].manager == HQ


def test_n4_who_is_no_manager_here_any_more_is_not_asked_and_its_session_is_closed() -> None:
    t = leader()
    assert t >> sees(managers=frozenset({HQ, GUEST})) << does(OpenSession, manager=GUEST)
    assert t >> SessionChanged(manager=GUEST, up=True) << reports(Question)
    assert t >> at(100) >> sees(managers=frozenset({HQ})) << does(CloseSession, manager=GUEST)
    assert t >> until(HALF_MS) << reports(Question, number=2)
    assert t.said.report[0].manager == HQ
    assert t >> sees(managers=frozenset({HQ, GUEST}), reports={B: (t.at_ms, {GUEST: report(0)})})
    assert t >> sees(reports={}) << does(OpenSession, manager=GUEST) << reports(Question)


def test_m2_a_session_is_asked_through_only_while_it_is_open_and_at_once_when_it_opens() -> None:
    t = leader()
    assert t.machine.has_session(HQ)
    assert t >> at(100, SessionChanged(manager=HQ, up=False)) >> until(ASK_MS)
    assert not t.machine.has_session(HQ)
    assert not t.machine.has_session(GUEST)
    assert t >> at(ASK_MS + 70, SessionChanged(manager=HQ, up=True)) << reports(Question, number=2)


def test_m2_a_session_may_open_and_an_answer_come_before_anything_was_asked_for() -> None:
    t = talk(Uplink(me=A, started_ms=0), view())
    assert t >> Answered(manager=GUEST, answer=Answer(number=1)) << does(OpenSession, manager=HQ)
    assert t.machine.reports()[HQ].answered_ms is None
    eager = talk(Uplink(me=A, started_ms=0), view())
    assert eager >> SessionChanged(manager=HQ, up=True) << does(OpenSession, manager=HQ) << reports(Question)


def test_m2_what_is_lacked_leaves_at_once_and_the_next_question_a_quarter_later() -> None:
    t = leader()
    assert t >> at(10, answered(1, lacks=True)) << reports(Question, number=2, carried=b"laden")
    assert t >> at(20, answered(2)) >> until(10 + ASK_MS - 1) >> until(10 + ASK_MS) << reports(Question, number=3)


def test_m2_a_slow_manager_is_not_told_the_same_again_with_each_of_its_answers() -> None:
    t = leader()
    assert t >> until(HALF_MS) << reports(Question, number=2)
    assert t >> at(HALF_MS + 10, answered(1, lacks=True)), "the second is on its way, with what it lacked"
    assert t >> at(HALF_MS + 20, answered(2, lacks=True)) << reports(Question, number=3)


def test_m2_who_was_told_nothing_for_a_grace_asks_first_what_is_lacked() -> None:
    """Somebody else may have handed it over meanwhile; and over a link that comes back nothing goes twice."""
    t = leader()
    assert t >> at(20, answered(1)) >> until(ASK_MS) << reports(Question, number=2, carried=b"laden")
    assert t >> until(ASK_MS + HALF_MS) << reports(Question, number=3, carried=b"laden")
    assert t >> until(ASK_MS + 2 * HALF_MS) << reports(Question, number=4, carried=b"") << anything
    assert t >> at(t.at_ms + 20, answered(4, lacks=True)) << reports(Question, number=5, carried=b"laden")


def test_m2_an_answer_that_came_too_late_to_count_shows_that_somebody_is_there() -> None:
    t = leader()
    assert t >> until(2 * GRACE_MS) << anything >> at(2 * GRACE_MS + 10, answered(1)) << anything
    assert t.machine.reports()[HQ].answered_ms is None
    assert t >> until(2 * GRACE_MS + HALF_MS) << reports(Question, carried=b"laden")


def test_m2_a_question_that_was_lost_holds_up_nothing_once_a_later_one_is_answered() -> None:
    t = leader()
    assert t >> until(HALF_MS) << anything >> at(HALF_MS + 10, answered(2, lacks=True)) << reports(Question, number=3)


def test_m2_an_answer_that_was_overtaken_has_nobody_asked_at_once() -> None:
    t = leader()
    assert t >> until(HALF_MS) << anything >> at(HALF_MS + 20, answered(2)) >> at(HALF_MS + 30, answered(1, lacks=True))


def test_m2_beats_say_when_the_last_answered_question_was_asked_and_since_when_all_were() -> None:
    t = leader()
    assert t.machine.reports() == {HQ: UplinkReport(answered_ms=None, up_since_ms=None, session=True)}
    assert t >> at(20, answered(1)) >> until(ASK_MS) << anything >> at(ASK_MS + 20, answered(2))
    assert t.machine.reports() == {HQ: UplinkReport(answered_ms=ASK_MS, up_since_ms=0, session=True)}


def test_m2_an_answer_that_was_overtaken_by_a_later_ones_takes_nothing_back() -> None:
    t = leader()
    assert t >> until(HALF_MS) << anything >> at(HALF_MS + 20, answered(2)) >> at(HALF_MS + 30, answered(1))
    assert t.machine.reports()[HQ].answered_ms == HALF_MS


def test_m2_an_answer_is_good_for_a_grace_and_up_is_counted_anew_after_it() -> None:
    t = leader()
    assert t >> at(20, answered(1)) >> until(GRACE_MS) << anything
    assert t.machine.reports()[HQ].up_since_ms == 0
    assert t >> until(GRACE_MS + 1) << anything
    assert t.machine.reports()[HQ].up_since_ms is None
    assert t >> at(GRACE_MS + 20, answered(3)) << anything
    assert t.machine.reports()[HQ].up_since_ms == ASK_MS + HALF_MS


def test_m2_a_question_may_be_answered_a_grace_later_and_not_after_it() -> None:
    t = leader()
    assert t >> until(HALF_MS + GRACE_MS) << anything >> at(HALF_MS + GRACE_MS + 10, answered(2)) << anything
    assert t.machine.reports()[HQ].answered_ms == HALF_MS
    late = leader()
    assert late >> until(2 * GRACE_MS) << anything >> at(2 * GRACE_MS + 10, answered(2)) << anything
    assert late.machine.reports()[HQ].answered_ms is None


def test_m2_of_two_that_are_answered_the_leader_keeps_the_session() -> None:
    both = {A: (0, {HQ: report(0)}), C: (0, {HQ: report(0)})}
    t = talk(Uplink(me=C, started_ms=0), view(leader=C, part=frozenset({A, C}), reports={}))
    assert t >> sees() << does(OpenSession) >> SessionChanged(manager=HQ, up=True) << reports(Question)
    assert t >> at(20, answered(1)) >> sees(reports={A: both[A]})
    assert t >> sees(leader=B) << does(CloseSession, manager=HQ)


def test_m2_of_several_that_are_answered_and_none_that_leads_the_least_name_keeps_the_session() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A))
    assert t >> sees() >> until(HALF_MS + 1) << does(OpenSession)
    assert t >> SessionChanged(manager=HQ, up=True) << reports(Question)
    assert t >> at(HALF_MS + 20, answered(1)) >> sees(reports={C: (t.at_ms, {HQ: report(0)})})
    assert t >> sees(reports={A: (t.at_ms, {HQ: report(0)})}) << does(CloseSession, manager=HQ)


def test_m2_a_standby_tries_as_soon_as_who_was_answered_has_been_silent_for_half_the_grace_and_a_beat() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A, reports={A: (0, {HQ: report(0)})}))
    tries_ms = BEAT_PERIOD_MS + HALF_MS + 1
    assert t >> sees() >> until(tries_ms - 1) >> until(tries_ms) << does(OpenSession, manager=HQ)


def test_m2_a_standby_that_started_late_waits_half_the_grace_as_well() -> None:
    t = talk(Uplink(me=B, started_ms=10_000), view(leader=A), at_ms=10_000)
    assert (
        t
        >> sees()
        >> at(10_300)
        >> at(10_000 + HALF_MS)
        >> until(10_000 + HALF_MS + 1)
        << does(OpenSession, manager=HQ)
    )


def test_m2_whoever_asks_no_more_says_until_a_grace_has_passed_that_the_manager_is_there() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A))
    assert t >> sees() >> until(HALF_MS + 1) << does(OpenSession)
    assert t >> SessionChanged(manager=HQ, up=True) << reports(Question)
    asked_ms = t.at_ms
    assert t >> at(asked_ms + 20, answered(1)) >> sees(reports={A: (t.at_ms, {HQ: report(0)})}) << does(CloseSession)
    assert t >> at(asked_ms + 1_500) >> sees(reports={A: (t.at_ms, {HQ: report(0)})})
    assert t >> until(asked_ms + GRACE_MS)
    assert t.machine.reports()[HQ].up_since_ms == asked_ms
    assert t >> until(asked_ms + GRACE_MS + 1)
    assert t.machine.reports()[HQ].up_since_ms is None


def test_m2_what_a_standby_was_answered_is_no_news_after_the_longest_grace() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A))
    assert t >> sees() >> until(HALF_MS + 1) << does(OpenSession)
    assert t >> SessionChanged(manager=HQ, up=True) << reports(Question)
    asked_ms = t.at_ms
    assert t >> at(asked_ms + 20, answered(1))
    by_a = {A: (asked_ms + 20, {HQ: report(0)})}
    assert t >> sees(reports=by_a) << does(CloseSession) >> SessionChanged(manager=HQ, up=False)
    old_ms = asked_ms + FLAP_MAX * GRACE_MS
    for now_ms in range(asked_ms + 500, old_ms, 500):
        assert t >> at(now_ms) >> sees(reports={A: (now_ms, {HQ: report(0)})})
    assert t >> at(old_ms) >> sees(reports={A: (old_ms, {HQ: report(0)})})
    assert t.machine.reports() == {HQ: UplinkReport(answered_ms=asked_ms, up_since_ms=None, session=False)}
    assert t >> at(old_ms + 1) >> sees()
    assert t.machine.reports() == {}


def test_m2_an_answer_to_what_was_never_asked_shows_nothing() -> None:
    t = leader()
    assert t >> at(20, answered(9)) >> until(HALF_MS) << reports(Question, number=2, carried=b"")


@pytest.mark.parametrize(("after_ms", "carried"), [(GRACE_MS, b"laden"), (GRACE_MS + 1, b"")])
def test_m2_what_was_heard_within_a_grace_is_fresh(after_ms, carried) -> None:
    t = leader()
    assert t >> at(20, answered(1)) >> until(20 + after_ms - 1) << anything
    assert t >> at(20 + after_ms, SessionChanged(manager=HQ, up=True)) << reports(Question, carried=carried) << anything


def test_m2_whoever_is_to_ask_again_waits_for_no_answer_from_before() -> None:
    t = leader()
    assert t >> at(100) >> sees(reports={B: (100, {HQ: report(0)})}) << does(CloseSession, manager=HQ)
    assert t >> at(200) >> sees(reports={}) << does(OpenSession, manager=HQ) << reports(Question, number=2)


def test_m2_nor_does_who_has_a_shorter_grace_since() -> None:
    t = leader()
    shorter = UplinkSettings(lost_after_ms=GRACE_MS // 2, back_after_ms=GRACE_MS)
    assert t >> at(100) >> sees(settings=shorter) << reports(Question, number=2)
