"""Work whose agent is gone: left alone while it answers, until its agent had time to come back (U12, U6)."""

from __future__ import annotations

from skerry.core.kernel.effects import AskUnattended
from skerry.core.stages.monitoring.events import UnattendedAnswered
from skerry.core.stages.monitoring.unattended import (
    ANSWER_WITHIN_MS,
    ASK_AGAIN_MS,
    RETURN_WITHIN_MS,
    Unattended,
    UnattendedView,
)
from tests.core.things import SHOP, A, B, C, element, instance, ir, running
from tests.support.conversation import Talk, at, does, notes, sees, talk, until

STORE, DB = instance(), instance("db")
RAN = (running(endpoint="b:1"), running("db", endpoint="b:2"))


def gone(*instances) -> Talk:
    """Node b's token has just gone; this is what it ran."""
    t = talk(
        Unattended(),
        UnattendedView(gone={}, irs={SHOP: ir(element("store"), element("db"))}),
        at_ms=1_000,
    )
    asks = [does(AskUnattended, node=B, instance=i.instance, endpoint=i.endpoint) for i in instances if i.endpoint]
    turn = t >> sees(gone={B: tuple(instances)})
    for ask in asks:
        turn = turn << ask
    assert turn
    return t


def yes(name=STORE) -> UnattendedAnswered:
    return UnattendedAnswered(node=B, instance=name, ok=True)


def no(name=STORE) -> UnattendedAnswered:
    return UnattendedAnswered(node=B, instance=name, ok=False)


def left(t: Talk) -> list[str]:
    """What counts as running on b."""
    return [i.instance for i in t.machine.nodes.get(B, ())]


def test_until_it_had_time_to_answer_everything_counts_as_there() -> None:
    t = gone(*RAN)
    assert left(t) == [STORE, DB]
    assert t >> at(1_000 + ANSWER_WITHIN_MS - 1)
    assert left(t) == [STORE, DB]


def test_what_answers_stays_and_what_does_not_is_dropped() -> None:
    t = gone(*RAN)
    assert t >> at(1_003, yes()) >> at(1_000 + ANSWER_WITHIN_MS)
    assert left(t) == [STORE]
    assert t.machine.silent == {B: {DB}}


def test_a_node_on_which_nothing_answers_is_given_up_after_a_tenth_of_a_second() -> None:
    t = gone(*RAN)
    assert t >> at(1_000 + ANSWER_WITHIN_MS) << notes("node.given_up", B)
    assert left(t) == []
    assert t >> until(60_000)


def test_a_machine_that_refuses_every_connection_is_given_up_at_once() -> None:
    t = gone(*RAN)
    assert t >> at(1_001, no()) >> at(1_002, no(DB)) << notes("node.given_up", B, why="nothing that ran on it answers")


def test_a_node_that_ran_nothing_is_lost_like_any_other() -> None:
    t = gone(running(phase="waiting"))
    assert left(t) == []


def test_it_is_asked_again_and_given_up_when_its_work_ends() -> None:
    t = gone(RAN[0])
    assert t >> at(1_003, yes())
    again_ms = 1_000 + ASK_AGAIN_MS
    assert t >> at(again_ms) << does(AskUnattended, instance=STORE) >> at(again_ms + 2, no()) << notes("node.given_up")


def test_patience_ends_whatever_answers() -> None:
    t = gone(RAN[0])
    while t.at_ms < 1_000 + RETURN_WITHIN_MS - ASK_AGAIN_MS:
        assert t >> at(t.at_ms + 2, yes())
        due_ms = t.machine.next_deadline_ms()
        assert t >> at(due_ms) << does(AskUnattended)
    assert left(t) == [STORE]
    assert (
        t
        >> at(t.at_ms + 2, yes())
        >> at(1_000 + RETURN_WITHIN_MS)
        << notes("node.given_up", why="its agent did not come back")
    )
    assert left(t) == []


def test_an_agent_that_is_back_speaks_for_itself_again() -> None:
    t = gone(RAN[0])
    assert t >> at(1_003, yes()) >> sees(gone={})
    assert left(t) == []
    assert t >> until(60_000)


def test_an_answer_for_a_node_that_nobody_misses_changes_nothing() -> None:
    t = gone(RAN[0])
    assert t >> UnattendedAnswered(node=C, instance=STORE, ok=True) >> UnattendedAnswered(node=A, instance=DB, ok=False)
    assert left(t) == [STORE]
