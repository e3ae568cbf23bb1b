"""A manager that was put back to a backup gets again what any node retains, and is told what nobody does (J3)."""

from __future__ import annotations

import pytest

from skerry.core.actors.relaying import WANTED_FOR_MS, Relay
from skerry.core.group.journal.chain import Piece, piece_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Record
from skerry.core.kernel.ids import LifeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed
from skerry.sim.keys import StandInSigner
from tests.core.things import A, B, reopened

CHAIN = "a/1"
MANY = 9


@pytest.fixture
def author() -> Journal:
    """Nine entries, all of which somebody has."""
    journal = Journal(me=A, site="shop", life=LifeId("1"), boot="", signer=StandInSigner("a", 0))
    for _ in range(MANY):
        journal.record(Record(kind="decision", what="x"), Input(id="", at_ms=0, wall_ms=0, draw=0, event=None))
    return journal


def retaining(author: Journal, above: int) -> Journal:
    """The member with the session, which has the entries above this one."""
    journal = Journal(me=B, site="shop", life=LifeId("1"), boot="", signer=StandInSigner("b", 0))
    journal.acknowledged = {CHAIN: MANY}
    for sealed in author.entries(CHAIN, above):
        journal.take(reopened(sealed, Entry))
    return journal


def numbers(items: list[Sealed]) -> list[int]:
    return [reopened(sealed, Entry).statement.number for sealed in items]


def pieces(author: Journal, *which: int) -> list[Piece]:
    said = [reopened(sealed, Entry) for sealed in author.entries(CHAIN, 0)]
    return [piece_of(s.sealed, s.statement, s.body) for s in said if s.statement.number in which]


def test_what_the_member_has_itself_it_gives_and_does_not_ask_for(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 2)
    relay.hear({CHAIN: 4}, {CHAIN: 4}, mine, 0)
    assert relay.wanted(mine, 1) == {}
    assert numbers(relay.owed(mine, 64)) == [5, 6, 7, 8, 9]


def test_what_it_has_not_is_wanted_and_what_others_send_is_handed_on_without_being_kept(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 6)
    relay.hear({CHAIN: 4}, {CHAIN: 4}, mine, 0)
    assert relay.wanted(mine, 1) == {CHAIN: 4}
    assert relay.owed(mine, 64) == []
    for piece in pieces(author, 5, 6):
        relay.offer(piece, CHAIN)
    assert numbers(relay.owed(mine, 64)) == [5, 6, 7, 8, 9]
    assert mine.chains[CHAIN].base.number == 6


def test_nothing_is_called_lost_before_everybody_could_answer(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 6)
    relay.hear({CHAIN: 4}, {CHAIN: 4}, mine, 1_000)
    assert relay.lost({CHAIN: 4}, mine, 1_000 + WANTED_FOR_MS - 1) == {}
    assert relay.lost({CHAIN: 4}, mine, 1_000 + WANTED_FOR_MS) == {CHAIN: 6}
    assert relay.wanted(mine, 1_000 + WANTED_FOR_MS) == {}


def test_of_a_chain_of_which_nobody_has_anything_all_is_lost() -> None:
    relay, mine = Relay(), Journal(me=B, site="shop", life=LifeId("1"), boot="", signer=StandInSigner("b", 0))
    relay.hear({CHAIN: 4}, {}, mine, 0)
    assert relay.lost({}, mine, WANTED_FOR_MS) == {CHAIN: 0}


def test_of_a_chain_of_which_nobody_has_more_than_the_manager_all_that_it_once_acknowledged_is_lost(
    author: Journal,
) -> None:
    relay, mine = Relay(), retaining(author, 0)
    relay.hear({CHAIN: MANY}, {CHAIN: MANY}, mine, 0)  # it had acknowledged more, of which no disk knows any more
    assert relay.lost({CHAIN: MANY}, mine, WANTED_FOR_MS) == {CHAIN: 0}


def test_what_others_retain_from_further_on_shortens_what_is_lost(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 8)
    relay.hear({CHAIN: 2}, {CHAIN: 2}, mine, 0)
    for piece in pieces(author, 6, 7):
        relay.offer(piece, CHAIN)
    assert relay.lost({CHAIN: 2}, mine, WANTED_FOR_MS) == {CHAIN: 5}


def test_a_sum_that_begins_with_what_the_manager_has_is_handed_on_for_the_rest_of_it(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 7)
    relay.hear({CHAIN: 4}, {CHAIN: 4}, mine, 0)
    folded = pieces(author, 7)[0]._replace(first=3)
    relay.offer(folded, CHAIN)
    assert relay.owed(mine, 64) == [folded.sealed, *author.entries(CHAIN, 7)]
    assert relay.wanted(mine, 1) == {}
    assert relay.lost({CHAIN: 4}, mine, WANTED_FOR_MS) == {}


def test_who_comes_into_contact_is_asked_anew(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 6)
    relay.hear({CHAIN: 4}, {CHAIN: 4}, mine, 0)
    relay.look(frozenset({A}), WANTED_FOR_MS)
    assert relay.wanted(mine, WANTED_FOR_MS) == {CHAIN: 4}
    relay.look(frozenset({A}), 2 * WANTED_FOR_MS)
    assert relay.wanted(mine, 2 * WANTED_FOR_MS) == {}


def test_a_manager_that_does_not_know_that_it_lacks_anything_is_told_what_was_dropped(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 6)
    relay.hear({}, {CHAIN: 4}, mine, 0)
    assert relay.lost({CHAIN: 4}, mine, WANTED_FOR_MS) == {CHAIN: 6}


def test_i5_what_follows_a_lost_stretch_does_not_wait_for_it(author: Journal) -> None:
    """A manager that was put back twice went on behind what it knew to be lost, short of where I begin; others begin
    there."""
    relay, mine = Relay(), retaining(author, 6)
    relay.hear({CHAIN: 2}, {CHAIN: 4}, mine, 0)  # it has lost 3 and 4
    assert relay.wanted(mine, 1) == {CHAIN: 4}
    for piece in pieces(author, 5, 6):
        relay.offer(piece, CHAIN)
    assert numbers(relay.owed(mine, 64)) == [5, 6, 7, 8, 9]
    relay.hear({CHAIN: 2}, {CHAIN: MANY}, mine, WANTED_FOR_MS)
    assert relay.wanted(mine, WANTED_FOR_MS) == {CHAIN: 2}, "then somebody may still have what was lost"


def test_i5_what_nobody_retains_behind_a_lost_stretch_is_lost_too(author: Journal) -> None:
    relay, mine = Relay(), retaining(author, 6)
    relay.hear({CHAIN: 2}, {CHAIN: 4}, mine, 0)
    relay.offer(pieces(author, 4)[0], CHAIN)  # of no use without the one before it
    assert relay.lost({CHAIN: 4}, mine, WANTED_FOR_MS) == {CHAIN: 6}


def test_a_guest_that_was_away_until_all_was_dropped_is_told_how_far_that_went(author: Journal) -> None:
    """It never acknowledged any of it, so it cannot know by itself."""
    relay, mine = Relay(), retaining(author, MANY - 1)
    mine.drop(CHAIN, MANY, MANY)
    relay.hear({}, {CHAIN: 4}, mine, 0)
    assert relay.lost({CHAIN: 4}, mine, WANTED_FOR_MS) == {CHAIN: MANY}


def test_of_what_the_manager_has_counted_as_lost_nothing_more_is_said(author: Journal) -> None:
    """It still asks, as somebody who was away may have it; but each question would be a whole one for ever."""
    relay, mine = Relay(), retaining(author, 6)
    relay.hear({CHAIN: 4}, {CHAIN: 4}, mine, 0)
    assert relay.lost({CHAIN: 4}, mine, WANTED_FOR_MS) == {CHAIN: 6}
    relay.hear({CHAIN: 4}, {CHAIN: 6}, mine, WANTED_FOR_MS)
    assert relay.lost({CHAIN: 6}, mine, WANTED_FOR_MS) == {}
    assert relay.lost({CHAIN: 5}, mine, WANTED_FOR_MS) == {CHAIN: 6}, "it was put back once more"


def test_where_nobody_ever_heard_of_it_the_manager_says_itself_how_far_it_counts_as_lost() -> None:
    relay, mine = Relay(), Journal(me=B, site="shop", life=LifeId("1"), boot="", signer=StandInSigner("b", 0))
    relay.hear({CHAIN: 4}, {CHAIN: 4}, mine, 0)
    assert relay.lost({CHAIN: 4}, mine, WANTED_FOR_MS) == {CHAIN: 0}
    assert relay.lost({CHAIN: MANY}, mine, WANTED_FOR_MS) == {}
