"""What waits at a manager for its turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.actors.inbox import Inbox


def taken(inbox: Inbox[str]) -> list[tuple[str, bytes]]:
    found = []
    while inbox:
        found.append(inbox.take())
    return found


def test_messages_are_taken_in_the_order_in_which_they_came() -> None:
    inbox: Inbox[str] = Inbox(9)
    assert all(inbox.put(sender, message) for sender, message in (("a", b"1"), ("b", b"2"), ("a", b"3")))
    assert len(inbox) == 3
    assert taken(inbox) == [("a", b"1"), ("b", b"2"), ("a", b"3")]


def test_the_newest_of_a_sender_takes_the_place_of_the_one_before_it_and_never_of_the_first() -> None:
    inbox: Inbox[str] = Inbox(9)
    for sender, message in (("a", b"1"), ("a", b"2"), ("b", b"3"), ("a", b"4"), ("a", b"5")):
        assert inbox.put(sender, message)
    assert taken(inbox) == [("a", b"1"), ("a", b"5"), ("b", b"3")]


def test_what_there_is_no_room_for_is_lost_and_that_is_said() -> None:
    inbox: Inbox[str] = Inbox(2)
    assert inbox.put("a", b"1")
    assert inbox.put("a", b"2")
    assert not inbox.put("b", b"3")
    assert inbox.put("a", b"4"), "it takes the place of another"
    assert taken(inbox) == [("a", b"1"), ("a", b"4")]


def test_nothing_is_left_of_what_is_forgotten() -> None:
    inbox: Inbox[str] = Inbox(2)
    inbox.put("a", b"1")
    inbox.clear()
    assert (len(inbox), taken(inbox)) == (0, [])
    with pytest.raises(StopIteration):
        inbox.take()
    assert inbox.put("a", b"2")
    assert taken(inbox) == [("a", b"2")]


@given(st.lists(st.one_of(st.none(), st.sampled_from("abc"))))
def test_of_each_sender_two_wait_at_most_and_the_last_word_is_heard(turns: list[str | None]) -> None:
    """`None`: one is taken."""
    inbox: Inbox[str] = Inbox(100)
    heard: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    last: dict[str, int] = {}

    def take() -> None:
        sender, message = inbox.take()
        heard[sender].append(int(message))

    for number, sender in enumerate(turns):
        if sender is not None:
            assert inbox.put(sender, str(number).encode())
            last[sender] = number
        elif inbox:
            take()
        assert len(inbox) <= 2 * len(heard)
    while inbox:
        take()
    assert {sender: numbers[-1] for sender, numbers in heard.items() if numbers} == last
    assert all(numbers == sorted(numbers) for numbers in heard.values())
