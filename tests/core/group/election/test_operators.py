"""An operator says who is to lead; node a speaks (L6)."""

from __future__ import annotations

from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.model import CALLING_FOR_MS, ROUND_MS, WANTED_FOR_MS
from skerry.core.group.election.wire import (
    AskHandOver,
    Follow,
    FollowMe,
    HandOver,
    HandOverAsked,
    HandOverWanted,
)
from skerry.core.kernel.ids import NodeId
from tests.core.group.election.test_machine import FIRST, follows, leader, voter
from tests.core.things import A, B, C, D
from tests.support.conversation import anything, at, heard, keeps, notes, replies, says, sees, until, writes


def wanted(to: NodeId | None = None, term: int = 1) -> HandOverAsked:
    return HandOverAsked(request="r", said=heard(NodeId("ann"), HandOverWanted(term=term, to=to)))


def test_l6_an_operator_asks_the_leader_and_it_offers_its_place_until_it_is_taken() -> None:
    t = leader(B, C)
    offer = HandOver(term=1, to=C)
    now = FIRST + 1_000
    assert (
        t
        >> at(now, wanted(C))
        << writes("leader.hand_over", operator="ann")
        << replies(ok=True)
        << says(B, offer)
        << says(C, offer)
        << notes("leader.hands_over", C, why="an operator asks for it")
    )
    assert t >> at(now + ROUND_MS) << says(B, offer) << says(C, offer), "no step hangs on a single message"
    assert t.machine.leadership.leads(A), "until it has taken over"
    assert (
        t
        >> heard(C, FollowMe(term=2))
        << keeps(FOLLOWED_KEY)
        << says(C, Follow(term=2, leader=C))
        << says(B, HandOver(term=1, to=C))
    )


def test_l6_a_leader_does_not_outdo_the_one_that_it_hands_over_to() -> None:
    """Whose part is small yet, and whose own word comes a moment after the news of it."""
    t = leader(B, C)
    now = FIRST + 1_000
    assert t >> at(now, wanted(C)) << anything
    news = sees(contacts={B: follows(1, leads=3), C: follows(2, C, leads=1)})
    assert t >> news, "it calls no term above"
    assert t >> heard(C, FollowMe(term=2)) << keeps(FOLLOWED_KEY) << says(C, Follow(term=2, leader=C)) << anything

    late = leader(B, C)
    assert late >> at(now, wanted(C)) << anything
    assert late >> news
    assert late >> until(now + CALLING_FOR_MS + ROUND_MS) << keeps(FOLLOWED_KEY) << anything, "L5: it is not coming"


def test_l6_an_offer_that_nobody_takes_ends() -> None:
    t = leader(B, C)
    now = FIRST + 1_000
    assert t >> at(now, wanted(C)) << anything
    assert t >> until(now + WANTED_FOR_MS) << anything
    assert t >> until(now + 2 * WANTED_FOR_MS), "it says no more"
    assert t.machine.leadership.leads(A)


def test_l6_whoever_takes_the_operators_word_passes_it_on_to_the_leader_with_a_name() -> None:
    t = voter(B, C, c=follows(0, fit=7))
    assert t >> heard(B, FollowMe(term=1)) << anything
    assert t >> sees(contacts={B: follows(1, B), C: follows(1, B, fit=7)})
    assert t >> wanted() << says(B, AskHandOver(term=1, to=C)) << writes("leader.hand_over") << replies(ok=True)
    assert t >> wanted(A) << says(B, AskHandOver(term=1, to=A)) << writes("leader.hand_over") << replies(ok=True)


def test_l6_a_leader_that_a_member_was_told_offers_its_place_to_the_one_that_is_named() -> None:
    t = leader(B, C)
    offer = HandOver(term=1, to=C)
    assert t >> at(FIRST + 1_000, heard(B, AskHandOver(term=1, to=C), number=9)) << says(B, offer) << says(C, offer)


def test_l6_an_operators_word_on_another_leadership_or_on_who_may_not_lead_is_refused_with_the_reason() -> None:
    t = leader(B, C)
    for word, why in (
        (wanted(C, term=7), "it is said of term 7; here a leads in term 1"),
        (wanted(A), "a leads already, or is not in contact, or may not lead"),
        (wanted(D), "d leads already, or is not in contact, or may not lead"),
    ):
        assert t >> word << replies(ok=False)
        assert t.said.reply[0].body == {"error": why}
    led_by_nobody = voter(B)
    assert led_by_nobody >> wanted(B) << replies(ok=False)
    assert led_by_nobody.said.reply[0].body == {"error": "it is said of term 1; here nobody leads in term 0"}
    alone = leader()
    assert alone >> wanted() << replies(ok=False)
    assert alone.said.reply[0].body == {"error": "nobody else is in contact who may lead"}


def test_l6_an_operators_word_is_answered_and_goes_to_the_journal_as_it_was_signed() -> None:
    t = leader(B, C)
    word = wanted(C)
    assert t >> at(FIRST + 1_000, word) << anything
    (reply,) = t.said.reply
    assert (reply.request, reply.ok, reply.body) == ("r", True, {"leader": A, "term": 1, "to": C})
    (record,) = t.said.record
    assert (record.kind, record.about) == ("operator", C)
    signed = {"statement": word.said.sealed.statement, "signature": word.said.sealed.signature}
    assert record.data == {"operator": "ann", "term": 1, **signed}
    assert t >> wanted(A) << replies(ok=False)
    assert t.said.reply[0].request == "r"


def test_l6_an_offer_ends_to_the_millisecond_and_another_may_follow() -> None:
    t = leader(B, C)
    now = FIRST + 1_000
    offer = HandOver(term=1, to=C)
    assert t >> at(now, heard(B, AskHandOver(term=1, to=C))) << anything
    assert t >> at(now + WANTED_FOR_MS - 1) << says(B, offer) << says(C, offer)
    assert t >> at(now + WANTED_FOR_MS - 1 + ROUND_MS) >> at(now + 2 * WANTED_FOR_MS)
    late = leader(B, C)
    assert late >> at(now, heard(B, AskHandOver(term=1, to=C))) << anything >> at(now + WANTED_FOR_MS)
    assert late >> at(now + 2 * WANTED_FOR_MS, wanted(C)) << anything << notes("leader.hands_over", C)
