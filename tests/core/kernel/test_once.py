"""Each statement is heard once (I8), against a twin that remembers everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skerry.core.kernel.once import LIVES_MAX, WINDOW, Once
from skerry.core.kernel.sealing import Statement


def statement(number: int, signer: str = "a", life: str = "1") -> Statement:
    return Statement(kind="beat", site="shop", signer=signer, life=life, number=number, body=b"")


steps = st.integers(-WINDOW - 3, WINDOW + 3)


@given(st.lists(steps, max_size=60))
def test_i8_a_number_is_news_once_and_not_if_it_is_older_than_the_window(jumps) -> None:
    once, seen, highest, number = Once(), set(), 0, 0
    for jump in jumps:
        number = max(1, number + jump)
        expected = number not in seen and highest - number < WINDOW
        assert once.is_news(statement(number)) is expected
        seen.add(number)
        highest = max(highest, number)


def test_i8_numbers_of_another_life_or_signer_are_their_own() -> None:
    once = Once()
    assert once.is_news(statement(5))
    assert once.is_news(statement(5, life="2"))
    assert once.is_news(statement(5, signer="b"))
    assert not once.is_news(statement(5))


def test_the_memory_is_bounded_and_whoever_speaks_is_not_forgotten() -> None:
    once = Once()
    assert once.is_news(statement(1, signer="speaker"))
    for other in range(2 * LIVES_MAX):
        assert once.is_news(statement(1, signer=f"n{other}"))
        assert not once.is_news(statement(1, signer="speaker"))
    assert len(once._heard) == LIVES_MAX
