"""What a site and its manager tell each other of what they hold: once, then what has changed, then nothing (R1)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.actors.dealings import REMEMBERED_MAX, Dealings, Stock, accord
from skerry.core.conversation import Exchange
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode, encode

ITEM = Sealed(statement=b"something", signature=b"good")
BEFORE = Stock(versions={"site": (1,), "fit/a": (1,)}, heads={"a/1": 3})
AFTER = Stock(versions={"site": (1,), "fit/a": (2,)}, heads={"a/1": 4, "b/1": 1})
LATER = Stock(versions={"site": (1,), "fit/a": (2,)}, heads={"a/1": 7, "b/1": 2})
OTHER = Stock(versions={"site": (1,)})


@dataclass
class Pair:
    """A site and a manager that ask and answer."""

    site: Stock = BEFORE
    manager: Stock = OTHER
    asking: Dealings = field(default_factory=Dealings)
    answering: Dealings = field(default_factory=Dealings)

    def asks(self, *items: Sealed) -> Exchange:
        return decode(self.asking.ask(self.site, items), Exchange)

    def answered(self, asked: Exchange) -> bytes:
        self.answering.hear(asked)
        if self.answering.agrees(asked, self.manager):
            return b""
        return encode(self.answering.tell(self.manager, ()))

    def takes(self, answer: bytes) -> None:
        if answer:
            self.asking.hear(decode(answer, Exchange))

    def round(self, *items: Sealed) -> tuple[Exchange, bytes]:
        asked = self.asks(*items)
        answer = self.answered(asked)
        self.takes(answer)
        return asked, answer


@pytest.fixture
def at_rest() -> Pair:
    """Two that know each other's stock."""
    pair = Pair()
    pair.round()
    pair.round()
    return pair


def test_the_first_question_and_its_answer_tell_everything() -> None:
    pair = Pair()
    asked, answer = pair.round()
    assert (asked.versions, asked.heads, asked.base) == (BEFORE.versions, BEFORE.heads, "")
    assert decode(answer, Exchange).versions == OTHER.versions
    assert (pair.asking.theirs, pair.answering.theirs) == (OTHER, BEFORE)


def test_two_at_rest_say_nothing_but_that_they_agree(at_rest: Pair) -> None:
    asked, answer = at_rest.round()
    assert asked == Exchange(accord=accord(BEFORE, OTHER))
    assert answer == b""


def test_what_has_changed_at_the_site_is_told_alone(at_rest: Pair) -> None:
    at_rest.site = AFTER
    asked, _ = at_rest.round()
    assert (asked.versions, asked.heads) == ({"fit/a": (2,)}, {"a/1": 4, "b/1": 1})
    assert at_rest.answering.theirs == AFTER
    assert at_rest.round()[1] == b""


def test_what_has_changed_at_the_manager_is_told_alone(at_rest: Pair) -> None:
    at_rest.manager = AFTER
    _, answer = at_rest.round()
    assert decode(answer, Exchange).heads == AFTER.heads
    assert "site" not in decode(answer, Exchange).versions
    assert at_rest.asking.theirs == AFTER
    assert at_rest.round()[1] == b""


def test_whoever_has_something_to_hand_over_tells_it_although_both_agree(at_rest: Pair) -> None:
    assert at_rest.asks(ITEM).items == (ITEM,)


@pytest.mark.parametrize("forgetful", ["asking", "answering"])
def test_a_restart_of_either_is_noticed_and_made_good(at_rest: Pair, forgetful: str) -> None:
    setattr(at_rest, forgetful, Dealings())
    at_rest.site = AFTER
    for _ in range(3):
        at_rest.round()
    assert (at_rest.asking.theirs, at_rest.answering.theirs) == (OTHER, AFTER)
    assert at_rest.round()[1] == b""


def test_a_list_that_starts_from_something_unknown_is_not_taken() -> None:
    taking = Dealings()
    taking.hear(Exchange(versions=OTHER.versions))
    taking.hear(Exchange(digest="0" * 16, base="f" * 16, heads={"a/1": 9}))
    assert taking.theirs is None


def test_a_list_that_does_not_lead_to_what_it_names_is_not_taken() -> None:
    taking = Dealings()
    taking.hear(Exchange(digest="0" * 16, heads={"a/1": 9}))
    assert taking.theirs is None


def test_an_accord_that_is_not_mine_is_answered_with_what_i_hold(at_rest: Pair) -> None:
    answer = decode(at_rest.answered(Exchange(accord=b"somebody")), Exchange)
    assert answer.digest
    assert at_rest.answering.theirs == BEFORE


stocks = st.builds(
    Stock,
    versions=st.dictionaries(st.sampled_from(["site", "plan", "fit/a"]), st.tuples(st.integers(1, 3))),
    heads=st.dictionaries(st.sampled_from(["a/1", "b/1"]), st.integers(1, 3)),
)


def grown(before: Stock, more: Stock) -> Stock:
    """What anybody holds only grows (I10); whose disk goes back has restarted."""
    versions = {n: max(v, before.versions.get(n, v)) for n, v in more.versions.items()}
    heads = {n: max(v, before.heads.get(n, v)) for n, v in more.heads.items()}
    return Stock(versions={**before.versions, **versions}, heads={**before.heads, **heads})


happenings = st.sampled_from(["well", "question lost", "answer lost", "site restarts", "manager restarts"])


@given(st.lists(st.tuples(happenings, stocks, stocks), max_size=8))
def test_r1_whatever_was_lost_before_four_good_rounds_settle_it(story: list[tuple[str, Stock, Stock]]) -> None:
    pair = Pair()
    for happening, site, manager in story:
        pair.site, pair.manager = grown(pair.site, site), grown(pair.manager, manager)
        if happening == "site restarts":
            pair.asking = Dealings()
        if happening == "manager restarts":
            pair.answering = Dealings()
        asked = pair.asks()
        if happening == "question lost":
            continue
        answer = pair.answered(asked)
        if happening != "answer lost":
            pair.takes(answer)
        for known, real in ((pair.answering.theirs, pair.site), (pair.asking.theirs, pair.manager)):
            assert known in (None, real) or happening == "answer lost"
    for _ in range(4):
        pair.round()
    assert (pair.asking.theirs, pair.answering.theirs) == (pair.manager, pair.site)
    assert pair.round()[1] == b""


def test_questions_that_overlap_are_answered_as_if_they_did_not(at_rest: Pair) -> None:
    """A slow answer: the second question was written before it was heard (R1)."""
    at_rest.site = AFTER
    first = at_rest.asks(ITEM)
    at_rest.site = LATER
    second = at_rest.asks(ITEM)
    at_rest.manager = AFTER
    slow = at_rest.answered(first)
    at_rest.manager = LATER
    slower = at_rest.answered(second)
    assert at_rest.answering.theirs == LATER
    at_rest.takes(slow)
    assert at_rest.asking.theirs == AFTER
    at_rest.takes(slower)
    assert at_rest.asking.theirs == LATER


def test_nothing_is_told_whole_again_because_questions_overlap(at_rest: Pair) -> None:
    at_rest.site = AFTER
    first = at_rest.asks()
    at_rest.site = LATER
    second = at_rest.asks()
    at_rest.takes(at_rest.answered(first))
    third = at_rest.asks()
    at_rest.answered(second)
    at_rest.answered(third)
    assert "site" not in third.versions
    assert at_rest.answering.theirs == LATER


def test_what_both_know_is_remembered_however_long_nobody_answers(at_rest: Pair) -> None:
    for number in range(20):
        at_rest.site = Stock(versions=BEFORE.versions, heads={"a/1": 4 + number})
        asked = at_rest.asks()
    assert "site" not in asked.versions
    assert len(at_rest.asking._told) <= REMEMBERED_MAX
    at_rest.takes(at_rest.answered(asked))
    assert at_rest.answering.theirs == at_rest.site
