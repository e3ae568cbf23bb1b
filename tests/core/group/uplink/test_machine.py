"""Is the manager there, and which mode follows (M1-M4). The grace is 2 s, settling 3 s; node a leads a and b."""

from __future__ import annotations

import pytest

from skerry.core.group.uplink.machine import (
    MODES_KEY,
    Answered,
    CloseSession,
    OpenSession,
    SessionChanged,
    Uplink,
    UplinkView,
)
from skerry.core.group.uplink.model import (
    FLAP_MAX,
    NEW_LEADER_WAIT_MS,
    SESSION_TRY_MS,
    ModeId,
    ModeState,
    UplinkReport,
    UplinkSettings,
)
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import Put
from tests.core.things import HQ, A, B, C
from tests.support.conversation import Talk, anything, at, does, keeps, notes, reports, sees, talk, until

GRACE_MS, SETTLE_MS = 2_000, 3_000
ASK_MS = GRACE_MS // 4


def view(**fields) -> UplinkView:
    given = {
        "leader": A,
        "term": 1,
        "part": frozenset({A, B}),
        "managers": frozenset({HQ}),
        "settings": UplinkSettings(lost_after_ms=GRACE_MS, back_after_ms=SETTLE_MS),
        "reports": {},
        "declared": None,
        "carry": lambda manager, loads: b"laden" if loads else b"",
        **fields,
    }
    return UplinkView(**given)


def answered(number: int, *, lacks: bool = False) -> Answered:
    return Answered(manager=HQ, answer=Answer(number=number, carried=b""), lacks=lacks)


def leader(**fields) -> Talk:
    """A leader with a session, whose first question left at 0."""
    t = talk(Uplink(me=A, started_ms=0), view(**fields))
    assert t >> sees() << does(OpenSession, manager=HQ)
    assert t >> SessionChanged(manager=HQ, up=True) << reports(Question, number=1)
    return t


def asked_until(t: Talk, at_ms: int) -> None:
    """Questions are answered 20 ms after they were asked, up to this moment."""
    while (due_ms := t.machine.next_deadline_ms()) is not None and due_ms <= at_ms:
        assert t >> at(due_ms) << anything
        for report in t.said.report:
            assert t >> at(due_ms + 20, answered(report.message.number)) << anything
    assert t >> at(max(at_ms, t.at_ms)) << anything


def report(age_ms: int, up_for_ms: int | None = None) -> UplinkReport:
    """By a clock that stood at zero when this was said; so mine was ahead of it by what it showed when I heard it."""
    return UplinkReport(answered_ms=-age_ms, up_since_ms=-up_for_ms if up_for_ms is not None else None, session=True)


def up_since_ms(t: Talk) -> int | None:
    """What its beats say of the manager."""
    since_ms: int | None = t.machine.reports()[HQ].up_since_ms
    return since_ms


# --- asking -----------------------------------------------------------------------------------------------------------


def test_m2_the_one_with_the_session_asks_every_quarter_of_the_grace() -> None:
    t = leader()
    assert t >> at(20, answered(1)) >> until(ASK_MS - 1) >> until(ASK_MS) << reports(Question, number=2)
    assert t >> at(ASK_MS + 20, answered(2)) >> until(2 * ASK_MS) << reports(Question, number=3)


def test_m2_one_that_is_not_answered_is_waited_for_twice_as_long() -> None:
    """Who is asked faster than it can answer never catches up."""
    t = leader()
    assert t >> until(2 * ASK_MS - 1) >> until(2 * ASK_MS) << reports(Question, number=2)
    assert t >> at(3 * ASK_MS, answered(1)) >> until(4 * ASK_MS - 1) >> until(4 * ASK_MS) << reports(Question, number=3)
    assert t >> at(5 * ASK_MS + 50, answered(3)) << reports(Question, number=4), "its time had come while it was waited"


def test_m2_an_answer_counts_once_and_only_to_a_question_of_mine() -> None:
    t = leader()
    assert t >> at(20, answered(9)) >> at(30, answered(1)) >> at(40, answered(1))
    assert t.machine.reports()[HQ].answered_ms == 0


def test_m2_a_standby_asks_nobody_while_another_is_answered() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A, reports={A: (0, {HQ: report(0)})}))
    assert t >> sees() >> at(400) >> sees(reports={A: (400, {HQ: report(100)})}) >> until(1_000)


def test_m2_from_half_the_grace_on_a_standby_tries_and_after_the_longest_grace_again() -> None:
    """Interleaving 54: it may be our gateway that is ill, and not the manager that is gone."""
    t = talk(Uplink(me=B, started_ms=0), view(leader=A))
    assert t >> sees() >> until(GRACE_MS // 2) >> until(GRACE_MS // 2 + 1) << does(OpenSession, manager=HQ)
    over = GRACE_MS // 2 + 1 + SESSION_TRY_MS + GRACE_MS // 2
    assert t >> until(over - 1) >> until(over) << does(CloseSession, manager=HQ)
    again = GRACE_MS // 2 + 1 + SESSION_TRY_MS + FLAP_MAX * GRACE_MS
    assert t >> until(again - 1) >> until(again) << does(OpenSession, manager=HQ)


def test_m2_an_outage_after_a_standby_was_answered_begins_a_try_of_its_own() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A))
    tried_ms = GRACE_MS // 2 + 1
    assert t >> sees() >> until(tried_ms) << does(OpenSession, manager=HQ)
    assert t >> SessionChanged(manager=HQ, up=True) << reports(Question, number=1)
    assert t >> at(tried_ms + 20, answered(1)) << anything
    noticed_ms = tried_ms + 3 * ASK_MS  # its first question since half the grace without an answer
    over_ms = noticed_ms + SESSION_TRY_MS + GRACE_MS // 2
    assert t >> until(over_ms - 1) << anything >> until(over_ms) << does(CloseSession, manager=HQ)


def test_m2_whoever_is_answered_keeps_asking_and_a_leader_that_is_not_stops() -> None:
    standby = talk(Uplink(me=B, started_ms=0), view(leader=A))
    assert standby >> sees() >> until(1_001) << does(OpenSession)
    assert standby >> SessionChanged(manager=HQ, up=True) << reports(Question, number=1)
    assert standby >> at(1_021, answered(1)) >> until(1_001 + ASK_MS) << reports(Question, number=2)
    other = leader()
    assert other >> at(100) >> sees(reports={B: (100, {HQ: report(50)})}) << does(CloseSession, manager=HQ)


# --- the mode ---------------------------------------------------------------------------------------------------------


def test_m2_the_grace_runs_from_the_asking_of_the_last_question_that_was_answered() -> None:
    t = leader()
    assert t >> at(450, answered(1)) >> until(GRACE_MS) << anything
    assert t.machine.mode(HQ) == "connected"
    assert t >> until(GRACE_MS + 1) << keeps(MODES_KEY) << notes("mode.isolated", HQ, term=1, number=1)


def test_m2_what_a_member_reached_before_it_was_lost_still_counts() -> None:
    """The leader's agent dies with the session; its successor has the whole grace to open one of its own."""
    reached = {A: (9_900, {HQ: report(100, 9_000)})}
    followed = view(leader=A, part=frozenset(), reports=reached)  # only a leader knows its part
    t = talk(Uplink(me=B, started_ms=0), followed, at_ms=10_000)
    assert t >> sees()
    assert t >> at(10_200) >> sees(leader=B, part=frozenset({B}), reports={}) << does(OpenSession, manager=HQ)
    assert t.machine.mode(HQ) == "connected"
    assert t >> until(9_800 + GRACE_MS)
    assert t >> until(9_800 + GRACE_MS + 1) << keeps(MODES_KEY) << notes("mode.isolated", HQ)


def test_m2_a_grace_that_is_made_shorter_begins_anew_and_its_question_leaves_at_once() -> None:
    """Nobody has asked as often as the new one wants it."""
    patient = UplinkSettings(lost_after_ms=100_000, back_after_ms=SETTLE_MS)
    t = leader(settings=patient)
    assert t >> at(20, answered(1)) >> at(20_000) << anything
    assert t >> sees(settings=UplinkSettings(lost_after_ms=GRACE_MS, back_after_ms=SETTLE_MS)) << reports(Question)
    assert t.machine.mode(HQ) == "connected"
    assert t >> until(20_000 + GRACE_MS) << anything
    assert t.machine.mode(HQ) == "connected"
    assert t >> until(20_000 + GRACE_MS + 1) << anything << notes("mode.isolated", HQ)


def test_m2_the_loss_of_the_session_starts_nothing() -> None:
    t = leader()
    assert t >> at(20, answered(1)) >> at(30, SessionChanged(manager=HQ, up=False)) >> until(GRACE_MS)
    assert t.machine.mode(HQ) == "connected"


def test_m2_while_any_member_is_answered_the_part_is_connected() -> None:
    t = leader()
    assert t >> at(20, answered(1)) >> until(900) << anything
    for now in range(1_000, 10_000, 500):
        assert t >> at(now) << anything >> sees(reports={B: (now, {HQ: report(100)})}) << anything
    assert t.machine.mode(HQ) == "connected"


@pytest.mark.parametrize("still_there", [True, False], ids=["it hands over", "it is lost"])
def test_m2_a_new_leader_counts_the_grace_from_what_the_one_before_was_answered(still_there: bool) -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A, part=frozenset()))
    for now in range(0, 61_000, 500):
        assert t >> at(now) << anything >> sees(reports={A: (now, {HQ: report(100)})}) << anything
    left = {A: (60_500, {HQ: report(100)})} if still_there else {}
    assert t >> at(60_600) >> sees(leader=B, term=2, part=frozenset({B}), reports=left) << anything
    assert t >> until(60_400 + GRACE_MS) << anything
    assert t.machine.mode(HQ) == "connected"
    assert t >> until(60_400 + GRACE_MS + 1) << anything << notes("mode.isolated", HQ, term=2)


def test_m2_a_new_leader_waits_a_round_for_what_its_part_knows() -> None:
    """Somebody else has the session, and has not followed yet at the moment in which it takes over."""
    t = talk(Uplink(me=B, started_ms=0), view(leader=A, part=frozenset()))
    assert t >> sees() << anything >> until(60_000) << anything
    answered_c = {C: (60_000, {HQ: report(100)})}
    assert t >> sees(leader=B, term=2, part=frozenset({B}), reports=answered_c) << anything
    assert t >> at(60_000 + NEW_LEADER_WAIT_MS - 1) << anything >> sees(part=frozenset({B, C})) << anything
    assert t >> until(60_000 + 1_500) << anything
    assert t.machine.mode(HQ) == "connected"
    alone = talk(Uplink(me=B, started_ms=0), view(leader=A, part=frozenset()))
    assert alone >> sees() << anything >> until(60_000) << anything
    assert alone >> sees(leader=B, term=2, part=frozenset({B})) << anything
    assert alone >> until(60_000 + NEW_LEADER_WAIT_MS) << anything << notes("mode.isolated", HQ, term=2)


def test_m2_a_member_of_another_part_does_not_count() -> None:
    t = leader(part=frozenset({A}))
    assert t >> at(20, answered(1)) >> at(900) << anything >> sees(reports={B: (900, {HQ: report(0)})}) << anything
    assert t >> until(GRACE_MS + 1) << anything << notes("mode.isolated", HQ)


def test_m2_it_is_connected_again_after_the_uplink_was_up_for_the_settling_time() -> None:
    t = leader()
    assert t >> until(GRACE_MS + 1) << anything << notes("mode.isolated")
    asked = [r.message.number for r in t.said.report][-1]
    assert t >> at(GRACE_MS + 100, answered(asked)) << anything  # asked at 2000
    asked_until(t, GRACE_MS + SETTLE_MS - 1)
    assert t.machine.mode(HQ) == "isolated"
    asked_until(t, GRACE_MS + SETTLE_MS + 100)
    assert t.machine.mode(HQ) == "connected"


def test_m2_a_gap_of_a_grace_begins_the_settling_anew() -> None:
    t = leader()
    assert t >> until(GRACE_MS + 1) << anything
    assert t >> at(GRACE_MS + 100, answered(3)) << anything
    assert up_since_ms(t) == GRACE_MS
    assert t >> until(GRACE_MS * 2 + 500) << anything
    assert up_since_ms(t) is None


def lose_and_regain(t: Talk) -> tuple[int, int]:
    """Silence until isolated, answers until connected: how long each took."""
    began = t.at_ms
    while t.machine.mode(HQ) == "connected":
        assert t >> until(t.at_ms + 50) << anything
    lost = t.at_ms
    while t.machine.mode(HQ) == "isolated":
        asked_until(t, t.at_ms + 50)
    return lost - began, t.at_ms - lost


def test_m2_grace_and_settling_double_with_each_flap_up_to_a_limit() -> None:
    t = leader()
    asked_until(t, 1_000)
    found = [lose_and_regain(t) for _ in range(5)]
    factors = [round(settled / SETTLE_MS) for _, settled in found]
    assert factors == [1, 2, 4, 8, 8]
    graces = [round(lost / GRACE_MS) for lost, _ in found]
    assert graces == [1, 1, 2, 4, 8]


def test_m2_after_ten_quiet_settlings_both_are_as_at_first() -> None:
    t = leader()
    asked_until(t, 1_000)
    lose_and_regain(t)
    lose_and_regain(t)
    asked_until(t, t.at_ms + 11 * SETTLE_MS)
    lost_ms, settled_ms = lose_and_regain(t)
    assert round(settled_ms / SETTLE_MS) == 1
    assert round(lost_ms / GRACE_MS) == 1


def test_m2_also_if_another_led_meanwhile() -> None:
    t = leader()
    asked_until(t, 1_000)
    lose_and_regain(t)
    lose_and_regain(t)
    assert t >> sees(leader=B, reports={B: (t.at_ms, {HQ: report(0)})}) << anything
    assert t >> at(t.at_ms + 11 * SETTLE_MS) << anything
    assert t >> sees(leader=A, reports={B: (t.at_ms, {HQ: report(0)})}) << anything
    assert t >> sees(reports={}) << anything
    assert round(lose_and_regain(t)[0] / GRACE_MS) == 1


def test_m2_however_long_an_uplink_was_gone_it_settles_for_as_long_as_its_flaps_ask_for() -> None:
    t = leader()
    asked_until(t, 1_000)
    lose_and_regain(t)
    assert t >> until(t.at_ms + GRACE_MS + 100) << anything
    assert t.machine.mode(HQ) == "isolated"
    assert t >> until(t.at_ms + 11 * SETTLE_MS) << anything
    back_ms = t.at_ms
    asked_until(t, back_ms + 2 * SETTLE_MS - 500)
    assert t.machine.mode(HQ) == "isolated"
    asked_until(t, back_ms + 2 * SETTLE_MS + 1_000)
    assert t.machine.mode(HQ) == "connected"


def test_m2_silence_is_no_quiet() -> None:
    """Else the longer grace of an uplink that flaps would be over as soon as it is needed."""
    settings = UplinkSettings(lost_after_ms=GRACE_MS, back_after_ms=100)
    t = leader(settings=settings)
    asked_until(t, 1_000)
    for _ in range(3):
        lose_and_regain(t)
    lost_ms, _ = lose_and_regain(t)
    assert round(lost_ms / GRACE_MS) == 4, "longer than ten settlings"


@pytest.mark.parametrize(("part", "leads"), [(frozenset({A}), A)])
def test_m4_a_node_alone_leads_itself_and_applies_the_same_rule(part, leads) -> None:
    t = leader(part=part, leader=leads)
    assert t >> until(GRACE_MS + 1) << anything << notes("mode.isolated")


def test_m2_who_does_not_lead_declares_nothing_and_takes_what_its_leader_declares() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=A))
    assert t >> sees() >> until(30_000) << anything
    assert t.said.note == ()
    told = {HQ: ModeState(id=ModeId(term=1, leader=A, number=1), mode="isolated", wall_ms=9)}
    assert t >> sees(declared=told) << keeps(MODES_KEY)
    assert t.machine.mode(HQ) == "isolated"
    assert t >> sees(declared={}) << keeps(MODES_KEY)
    assert t.machine.mode(HQ) == "connected"


def test_m4_a_node_without_a_leader_keeps_the_old_mode() -> None:
    t = talk(Uplink(me=B, started_ms=0), view(leader=None, part=frozenset()))
    assert t >> sees() << anything >> until(30_000) << anything
    assert t.machine.mode(HQ) == "connected"
    assert t.said.note == ()


def test_m2_the_mode_on_disk_stands_after_a_restart() -> None:
    t = leader()
    assert t >> until(GRACE_MS + 1) << anything
    put = t.said.persist[-1]
    assert isinstance(put, Put)
    after = Uplink.recover(A, put.value, 0)
    assert after.mode(HQ) == "isolated"
    assert Uplink.recover(A, None, 0).mode(HQ) == "connected"
    again = talk(Uplink.recover(A, None, 50_000), view(), at_ms=50_000)
    assert again >> sees() << does(OpenSession, manager=HQ) >> until(50_000 + GRACE_MS)
    assert again >> until(50_000 + GRACE_MS + 1) << keeps(MODES_KEY) << notes("mode.isolated", HQ)


def test_m2_moments_are_whole_whatever_the_grace() -> None:
    odd = UplinkSettings(lost_after_ms=GRACE_MS + 1, back_after_ms=SETTLE_MS)
    t = talk(Uplink(me=C, started_ms=0), view(settings=odd))
    assert t >> sees()
    assert isinstance(t.machine.next_deadline_ms(), int)


def test_m2_time_in_which_this_agent_stood_still_is_no_silence_of_the_manager() -> None:
    t = leader()
    assert t >> at(20, answered(1)) >> at(60_000) << reports(Question)
    assert t.machine.mode(HQ) == "connected"


def test_m2_who_stood_still_does_not_say_that_the_manager_was_there_meanwhile() -> None:
    t = leader()
    asked_until(t, 4_000)
    assert up_since_ms(t) == 2 * ASK_MS
    assert t >> at(60_000) << anything
    assert up_since_ms(t) is None
    asked_until(t, 61_500)
    assert up_since_ms(t) == 60_000 + 2 * ASK_MS
