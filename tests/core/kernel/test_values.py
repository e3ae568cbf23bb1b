"""Encoding: equal bytes for equal values, and one kind of error for whatever else comes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.values import decode, digest, encode

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_what_is_encoded_is_decoded_to_the_same(value) -> None:
    assert decode(encode(value), object) == value


@given(st.dictionaries(st.text(), st.integers(0, 9), min_size=2), st.randoms())
def test_equal_values_have_equal_bytes_in_whatever_order_they_were_made(value, shuffle) -> None:
    items = list(value.items())
    shuffle.shuffle(items)
    assert encode(dict(items)) == encode(value)
    assert digest(dict(items)) == digest(value)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", object),
        (b"\xa2\xff\xfe", object),  # a text that is none
        (b"\x91" * 100_000, object),  # lists in lists in lists
        (b"\xdd\xff\xff\xff\xff", object),  # a list that says it is four billion long
        (encode({"term": 1}), PlanId),
        (encode([1, "a"]), PlanId),
        (encode(["one", "a", 1]), PlanId),
    ],
)
def test_i8_whatever_else_comes_is_one_kind_of_error(raw: bytes, kind: Any) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(raw, kind)


@given(st.binary(max_size=60))
def test_i8_no_bytes_at_all_raise_anything_else(raw) -> None:
    try:
        decode(raw, object)
    except msgspec.DecodeError:
        return


def test_p1_plan_ids_are_ordered_by_term_then_leader_then_number() -> None:
    a, b = NodeId("a"), NodeId("b")
    ids = [PlanId(term=t, leader=n, number=k) for t in (1, 2) for n in (a, b) for k in (1, 2, 10)]
    ids_backwards = ids[::-1]
    assert sorted(ids_backwards) == ids
    assert str(ids[2]) == "1.a.10"
