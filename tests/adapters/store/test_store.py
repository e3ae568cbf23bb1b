"""The manager's store, over a real SQLite file: an act is a transaction, a token is good once, the schema moves up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from skerry.adapters.store.store import Applied, Store, StoreError
from skerry.core.kernel.effects import Drop, Persist, Put

T = TypeVar("T")

HASH = "5e884898"
SITE_TEXT = "apiVersion: skerry/v1\nkind: Site\n"


def url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'manager.db'}"


def with_store(folder: Path, act: Callable[[Store], Awaitable[T]]) -> T:
    """Open the store, do something, close it again: every call is a new start of the manager."""

    async def whole() -> T:
        store = Store(url(folder))
        await store.open()
        try:
            return await act(store)
        finally:
            await store.close()

    return asyncio.run(whole())


def on_disk(folder: Path, statement: str) -> list[tuple[object, ...]]:
    """What another program reads in the file."""
    database = sqlite3.connect(folder / "manager.db")
    try:
        found = database.execute(statement).fetchall()
        database.commit()
        return found
    finally:
        database.close()


def left_open() -> list[str]:
    """Connections that nobody closed: the driver has a thread for each, which ends soon after it."""
    threads = [one for one in threading.enumerate() if "connection" in one.name]
    for one in threads:
        one.join(2)
    return [one.name for one in threads if one.is_alive()]


def test_what_one_act_changed_is_there_after_the_next_start(tmp_path: Path) -> None:
    async def act(store: Store) -> None:
        puts: list[Persist] = [Put(key="a", value=b"1"), Put(key="b", value=b""), Put(key="a", value=b"2")]
        puts.append(Drop(key="b"))
        await store.commit({"shop": puts, "depot": [Put(key="a", value=b"3")]}, [], 1)
        await store.commit({}, [Applied(kind="Site", name="shop", text=SITE_TEXT)], 2)

    with_store(tmp_path, act)
    assert with_store(tmp_path, lambda s: s.sites()) == {"shop": {"a": b"2"}, "depot": {"a": b"3"}}
    assert with_store(tmp_path, lambda s: s.manifests()) == [Applied(kind="Site", name="shop", text=SITE_TEXT)]


def test_an_act_of_which_one_part_fails_leaves_nothing(tmp_path: Path) -> None:
    with_store(tmp_path, lambda s: s.commit({"shop": [Put(key="a", value=b"1")]}, [], 1))
    refusing = "CREATE TRIGGER no BEFORE INSERT ON manifests BEGIN SELECT RAISE(ABORT, 'full'); END"
    on_disk(tmp_path, refusing)
    applied = [Applied(kind="Site", name="shop", text=SITE_TEXT)]
    with pytest.raises(StoreError, match="nothing was kept"):
        with_store(tmp_path, lambda s: s.commit({"shop": [Put(key="a", value=b"2")]}, applied, 2))
    assert with_store(tmp_path, lambda s: s.sites()) == {"shop": {"a": b"1"}}


def test_a_manifest_applied_again_takes_the_place_of_the_first_and_one_forgotten_is_gone(tmp_path: Path) -> None:
    first, second = (Applied(kind="Intent", name="files", text=text) for text in ("one", "two"))
    with_store(tmp_path, lambda s: s.commit({}, [first], 1))
    with_store(tmp_path, lambda s: s.commit({}, [second], 2))
    assert with_store(tmp_path, lambda s: s.manifests()) == [second]
    with_store(tmp_path, lambda s: s.commit({}, [], 3, forgotten=[("Intent", "files")]))
    assert with_store(tmp_path, lambda s: s.manifests()) == []


@pytest.mark.parametrize(
    ("site", "node", "at_ms", "state"),
    [
        ("shop", "n1", 99, "good"),
        ("shop", "n1", 100, "expired"),
        ("depot", "n1", 99, "other site"),
        ("shop", "n2", 99, "other node"),
    ],
)
def test_a_token_is_good_for_its_site_and_node_until_it_expires(
    tmp_path: Path, site: str, node: str, at_ms: int, state: str
) -> None:
    with_store(tmp_path, lambda s: s.add_token(HASH, "shop", "n1", 100))
    assert with_store(tmp_path, lambda s: s.token_state(HASH, site, node, at_ms)) == state


def test_a_token_is_used_up_by_the_act_that_it_pays_for_and_by_no_other(tmp_path: Path) -> None:
    with_store(tmp_path, lambda s: s.add_token(HASH, "shop", None, 100))
    with_store(tmp_path, lambda s: s.commit({"shop": [Put(key="a", value=b"1")]}, [], 50, token=HASH))
    assert with_store(tmp_path, lambda s: s.token_state(HASH, "shop", "n1", 60)) == "used"
    with pytest.raises(StoreError, match="used already"):
        with_store(tmp_path, lambda s: s.commit({"shop": [Put(key="a", value=b"2")]}, [], 60, token=HASH))
    assert with_store(tmp_path, lambda s: s.sites()) == {"shop": {"a": b"1"}}


def test_an_unknown_token_is_worth_nothing(tmp_path: Path) -> None:
    assert with_store(tmp_path, lambda s: s.token_state(HASH, "shop", "n1", 0)) == "unknown"


def test_a_store_that_a_newer_version_has_moved_on_is_refused_and_not_left_open(tmp_path: Path) -> None:
    with_store(tmp_path, lambda s: s.sites())
    on_disk(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="cannot be opened"):
        with_store(tmp_path, lambda s: s.sites())
    assert left_open() == [], "nobody would close it any more"


@pytest.mark.parametrize(
    "wrong", ["manager.db", "nosuch+driver:///x", "sqlite+aiosqlite:////no/such/folder/manager.db", "sqlite:///m.db"]
)
def test_a_database_that_cannot_be_used_is_named_with_the_reason(wrong: str) -> None:
    async def opening() -> None:
        store = Store(wrong)
        try:
            await store.open()
        finally:
            await store.close()

    with pytest.raises(StoreError, match="cannot be opened"):
        asyncio.run(opening())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manager.db").write_bytes(b"not a database, and long enough to be looked at" * 40)
    with pytest.raises(StoreError, match="cannot be opened"):
        with_store(tmp_path, lambda s: s.sites())
