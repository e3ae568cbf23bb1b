"""An instance's folder has a name that any file system takes, and that no other instance has."""

from __future__ import annotations

import pytest

from skerry.adapters.workload.folders import safe_name


@pytest.mark.parametrize("name", ["shop-files/store#2", "..", "a" * 500, "über/alles#1", "trial:x", ""])
def test_a_safe_name_is_short_and_plain(name: str) -> None:
    safe = safe_name(name)
    assert len(safe) <= 72
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")
    assert safe not in (".", "..")


def test_names_that_read_alike_stay_apart() -> None:
    assert len({safe_name(name) for name in ("a/b#1", "a-b#1", "a/b/1", "a b 1")}) == 4
