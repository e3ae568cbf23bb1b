"""What is held, listed as documents come: the same as if it were listed anew each time (C2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.group.custody.listing import Listing, _map_of
from skerry.core.group.custody.model import Version
from skerry.core.kernel.values import digest, encode

names = st.sampled_from(("site", "fit/a", "fit/a0", "fit/ä", "fit/", "plan", "")) | st.text(max_size=40)
versions = st.lists(st.integers(0, 1 << 40) | st.text(max_size=5), max_size=3).map(tuple)
changes = st.tuples(names, st.none() | versions)


@given(st.lists(changes, max_size=40))
def test_the_digest_of_a_listing_is_that_of_all_its_versions_in_order(story: list[tuple[str, Version | None]]) -> None:
    listing, held = Listing(), dict[str, Version]()
    for name, version in story:
        if version is not None:
            listing.put(name, version)
            held[name] = version
        elif name in held:
            listing.drop(name)
            del held[name]
        assert listing.digest() == digest(held)
        assert list(listing.versions.items()) == sorted(held.items())


@pytest.mark.parametrize("size", [0, 15, 16, (1 << 16) - 1, 1 << 16])
def test_a_listing_of_any_length_begins_as_a_map_does(size: int) -> None:
    assert encode(dict.fromkeys(map(str, range(size)))).startswith(_map_of(size))
