"""What every `Storage` does, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skerry.adapters.memory.storage import MemoryDisk, MemoryStorage
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.core.kernel.effects import Drop, Persist, Put
from skerry.ports.storage import Storage, StorageError

Opener = Callable[[], Storage]


@pytest.fixture(params=["memory", "sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same state each time."""
    if request.param == "sqlite":
        return lambda: SqliteStorage(tmp_path / "state")
    disk = MemoryDisk()
    return lambda: MemoryStorage(disk)


def put(key: str, value: bytes) -> Put:
    return Put(key=key, value=value)


def test_what_is_durable_is_got_by_its_key_and_nothing_else_is(opener: Opener) -> None:
    state = opener()
    state.commit([put("a", b"1"), put("b", b"2")])
    state.commit([Drop(key="b")])
    assert (state.get("a"), state.get("b"), state.get("c")) == (b"1", None, None)
    state.close()


def test_what_was_committed_is_there_after_opening_again(opener: Opener) -> None:
    first = opener()
    assert first.load() == {}
    first.commit([put("a", b"1"), put("b", b"\x00\xff"), put("empty", b"")])
    assert first.load() == {"a": b"1", "b": b"\x00\xff", "empty": b""}
    first.close()
    second = opener()
    assert second.load() == {"a": b"1", "b": b"\x00\xff", "empty": b""}
    second.close()


def test_changes_apply_in_their_order(opener: Opener) -> None:
    state = opener()
    state.commit([put("a", b"1"), Drop(key="a"), put("b", b"1"), put("b", b"2"), Drop(key="never there")])
    assert state.load() == {"b": b"2"}
    state.commit([Drop(key="b"), put("b", b"3")])
    assert state.load() == {"b": b"3"}
    state.close()


def test_a_commit_that_breaks_off_changes_nothing_and_the_next_one_works(opener: Opener) -> None:
    def breaking() -> Iterator[Persist]:
        yield put("a", b"new")
        yield Drop(key="b")
        raise RuntimeError("half-way")

    state = opener()
    state.commit([put("a", b"old"), put("b", b"old")])
    with pytest.raises(RuntimeError, match="half-way"):
        state.commit(breaking())
    assert state.load() == {"a": b"old", "b": b"old"}
    state.commit([put("a", b"newer")])
    assert state.load() == {"a": b"newer", "b": b"old"}
    state.close()


def test_only_one_may_hold_a_state_until_it_lets_go(opener: Opener) -> None:
    first = opener()
    with pytest.raises(StorageError, match="another process holds this state"):
        opener()
    first.commit([put("a", b"1")])
    first.close()
    first.close()
    second = opener()
    assert second.load() == {"a": b"1"}
    second.close()


def test_what_was_loaded_does_not_change_with_later_commits(opener: Opener) -> None:
    state = opener()
    state.commit([put("a", b"1")])
    loaded = state.load()
    state.commit([put("a", b"2")])
    assert loaded == {"a": b"1"}
    state.close()


def test_a_closed_state_refuses_to_be_used(opener: Opener) -> None:
    state = opener()
    state.close()
    with pytest.raises(StorageError):
        state.commit([put("a", b"1")])
    with pytest.raises(StorageError):
        state.load()
