"""A manager whose disk refuses: nothing is acknowledged or half-applied, and all is as before once it takes again."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.office import EXAMPLE, Member, RunningManager

pytestmark = pytest.mark.timeout(180)  # a busy machine takes its time to start processes

INTENT = (EXAMPLE / "intent.yaml").read_text()


@contextmanager
def refusing(manager: RunningManager, table: str) -> Iterator[None]:
    """As long as the block runs the store takes nothing into a table: every commit that needs it fails."""
    trigger = f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    _tell(manager, trigger)
    try:
        yield
    finally:
        _tell(manager, "DROP TRIGGER full")


def _tell(manager: RunningManager, statement: str) -> None:
    with closing(sqlite3.connect(manager.folder / "manager.db", timeout=10)) as database:
        database.execute(statement)
        database.commit()


@contextmanager
def no_room(manager: RunningManager) -> Iterator[None]:
    """As long as the block runs the system lets the manager's process write to no file, as on a full disk."""
    assert manager.process is not None
    before = resource.prlimit(manager.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(manager.process.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(manager.process.pid, resource.RLIMIT_FSIZE, before)


def generations(manager: RunningManager) -> dict[tuple[str, str], int]:
    return {(row["site"], row["name"]): row["generation"] for row in manager.admin.get("/v1/intents")["intents"]}


def test_what_cannot_be_kept_is_not_applied_and_can_be_applied_again(manager: RunningManager) -> None:
    text = INTENT.replace("shop-files", "unlucky")
    before = generations(manager)
    with refusing(manager, "kept"):
        status, answer = manager.apply(text)
        assert status == 507 and "disk is full" in answer["error"]
        assert manager.apply(text)[0] == 507
    assert manager.apply(text)[1]["applied"][0]["change"] == "created"
    assert generations(manager) == {**before, ("shop", "unlucky"): 1}


def test_a_token_is_not_used_up_by_a_node_that_could_not_be_taken_in(manager: RunningManager) -> None:
    token = manager.token("depot")
    with refusing(manager, "kept"):
        assert manager.ask_to_join(token, "depot", "patient")[0] == 507
    assert "patient" not in manager.admin.get("/v1/sites/depot")["members"]
    assert manager.ask_to_join(token, "depot", "patient")[0] == 200


def test_what_cannot_be_kept_is_not_acknowledged(manager: RunningManager, tmp_path: Path) -> None:
    member = Member(manager, "depot", "insists", tmp_path / "insists")
    entry = member.write("something")
    with refusing(manager, "kept"):
        # The first question is lost with what it brings; the second brings nothing, so it is answered.
        (answer,) = member.converse([member.question(1, (entry,)), member.question(2)], until=2)
    assert answer.number == 2
    assert b"insists/1" not in answer.carried
    assert member.ask(entry).heads["insists/1"] == 1


def test_without_room_on_the_disk_nothing_is_applied_joined_or_acknowledged_and_with_room_all_of_it_is(
    manager: RunningManager, tmp_path: Path
) -> None:
    member, text, token = (
        Member(manager, "depot", "stores", tmp_path / "n"),
        INTENT.replace("shop-files", "roomless"),
        manager.token("depot"),
    )
    entry, before = member.write("something"), generations(manager)
    with no_room(manager):
        status, answer = manager.apply(text)
        assert status == 507 and "is the disk full" in answer["error"]
        assert manager.ask_to_join(token, "depot", "roomy")[0] == 507
        assert generations(manager) == before, "it still answers, with what it had"
        (answered,) = member.converse([member.question(1, (entry,)), member.question(2)], until=2)
        assert b"stores/1" not in answered.carried
    assert manager.apply(text)[0] == 200
    assert generations(manager) == {**before, ("shop", "roomless"): 1}
    assert manager.ask_to_join(token, "depot", "roomy")[0] == 200
    assert member.ask(entry).heads["stores/1"] == 1
    manager.restart()
    assert generations(manager) == {**before, ("shop", "roomless"): 1}
