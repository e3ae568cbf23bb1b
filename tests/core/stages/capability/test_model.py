"""Amounts of what depletes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skerry.core.stages.capability.model import Resources
from tests.core.things import MIB, mib

amounts = st.builds(
    Resources,
    cpu_milli=st.integers(0, 9_000),
    memory_bytes=st.integers(0, 9 * MIB),
    disk_bytes=st.integers(0, 9 * MIB),
)


@given(amounts, amounts)
def test_what_is_added_can_be_taken_away_again(one, other) -> None:
    assert one + other - other == one


@given(amounts, amounts)
def test_p3_the_larger_of_two_needs_is_enough_for_either_and_for_nothing_less(one, other) -> None:
    both = one.larger(other)
    assert both.lacking(one) == both.lacking(other) == ()
    for name in Resources.__struct_fields__:
        assert getattr(both, name) in (getattr(one, name), getattr(other, name))


@given(amounts, amounts)
def test_nothing_lacks_exactly_if_no_kind_goes_below_zero(have, need) -> None:
    left = have - need
    short = [n for n in Resources.__struct_fields__ if getattr(left, n) < 0]
    assert len(have.lacking(need)) == len(short)


def test_what_lacks_is_said_with_both_amounts() -> None:
    have = Resources(cpu_milli=500, memory_bytes=100 * MIB)
    need = Resources(cpu_milli=750, memory_bytes=300 * MIB)
    assert have.lacking(need) == ("cpu: 750m needed, 500m free", "memory: 300Mi needed, 100Mi free")


def test_less_than_nothing_is_shown_as_nothing() -> None:
    assert (mib(0) - mib(5)).lacking(mib(1)) == ("memory: 1Mi needed, 0Mi free",)
