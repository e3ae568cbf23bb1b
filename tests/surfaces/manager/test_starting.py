"""A manager's first start, its next ones, and what keeps it from starting."""

from __future__ import annotations

import signal
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from skerry.api.refusing import NotDone
from skerry.bootstrap.manager import add_operator
from skerry.lab.asking import Api, context
from tests.support.office import END_WITHIN_S, EXAMPLE, Member, RunningManager

pytestmark = pytest.mark.timeout(180)  # a busy machine takes its time to start processes


def test_the_first_start_makes_an_authority_and_an_operator_and_says_where_it_listens(empty: RunningManager) -> None:
    line = empty.start()
    assert f"https://{empty.api_address}" in line and empty.uplink_address in line
    for key in ("key.pem", "authority/key.pem", "operators/admin/key.pem", "manager.db"):
        assert stat.S_IMODE((empty.folder / key).stat().st_mode) == 0o600, key
    assert stat.S_IMODE(empty.folder.stat().st_mode) == 0o700
    assert empty.admin.get("/v1/sites") == {"sites": []}
    assert empty.end() == (0, "")


def test_the_next_start_is_the_same_manager(empty: RunningManager) -> None:
    empty.start()
    before = (empty.folder / "ca.pem").read_bytes()
    empty.end(signal.SIGINT)
    empty.start()
    assert (empty.folder / "ca.pem").read_bytes() == before
    assert empty.admin.get("/v1/sites") == {"sites": []}


@pytest.mark.parametrize("taken", ["api", "uplink"])
def test_a_port_that_is_taken_is_named_and_ends_the_start(empty: RunningManager, taken: str) -> None:
    address = empty.api_address if taken == "api" else empty.uplink_address
    with socket.socket() as other:
        host, _, port = address.rpartition(":")
        other.bind((host, int(port)))
        other.listen()
        process = empty.begin()
        _, complained = process.communicate(timeout=END_WITHIN_S)
    empty.process = None
    assert process.returncode != 0
    assert address in complained.splitlines()[-1]


def test_a_second_manager_may_not_use_the_first_ones_folder(empty: RunningManager) -> None:
    empty.start()
    second = RunningManager(empty.folder)
    _, complained = second.begin().communicate(timeout=END_WITHIN_S)
    assert "another process" in complained.splitlines()[-1]


def test_a_further_operator_may_act_at_the_manager_at_once_and_at_sites_from_the_next_start(
    empty: RunningManager, tmp_path: Path
) -> None:
    empty.start()
    empty.apply((EXAMPLE / "catalogue.yaml").read_text(), (EXAMPLE / "site.yaml").read_text())
    bundle = add_operator(empty.folder, "ann")
    assert Api(empty.api_address, context(bundle)).get("/v1/sites")["sites"][0]["site"] == "shop"
    assert set(Member(empty, "shop", "n1", tmp_path / "n1").roster.operators) == {"admin"}
    empty.end()
    empty.start()
    assert set(Member(empty, "shop", "n2", tmp_path / "n2").roster.operators) == {"admin", "ann"}
    with pytest.raises(NotDone, match="already"):
        add_operator(empty.folder, "ann")


def test_a_start_that_changes_nothing_about_operators_makes_no_roster_and_who_comes_back_begins_anew(
    empty: RunningManager, tmp_path: Path
) -> None:
    """What ann held before she went stays void: her right is given by a later version (R4)."""
    empty.start()
    empty.apply((EXAMPLE / "catalogue.yaml").read_text(), (EXAMPLE / "site.yaml").read_text())
    add_operator(empty.folder, "ann")
    versions, since = [], []
    for number, folder in enumerate(("ann", "ann", "gone", "ann")):
        _rename_operator(empty, folder)
        empty.end()
        empty.start()
        roster = Member(empty, "shop", f"n{number}", tmp_path / f"n{number}").roster
        versions.append(roster.version)
        since.append(roster.operators["ann"].since.get("hold") if "ann" in roster.operators else None)
    first = versions[0]
    assert versions == [first, first + 1, first + 3, first + 5], "each joining is one, each change of operators another"
    assert since == [first - 1, first - 1, None, first + 4]


def _rename_operator(manager: RunningManager, to: str) -> None:
    """What is not in the folder of operators is none."""
    aside = manager.folder / "gone"
    known = manager.folder / "operators" / "ann"
    source, target = (known, aside) if to == "gone" else (aside, known)
    if source.exists():
        source.rename(target)


def test_a_store_with_damaged_documents_ends_the_start_with_a_word_on_what_to_do(empty: RunningManager) -> None:
    empty.start()
    empty.apply((EXAMPLE / "catalogue.yaml").read_text(), (EXAMPLE / "site.yaml").read_text())
    empty.end()
    with closing(sqlite3.connect(empty.folder / "manager.db")) as database:
        assert database.execute("UPDATE kept SET value = x'00' WHERE key LIKE 'document/roster/%'").rowcount > 0
        database.commit()
    process = empty.begin()
    _, complained = process.communicate(timeout=END_WITHIN_S)
    empty.process = None
    assert process.returncode != 0
    assert "what is kept of shop is damaged" in complained.splitlines()[-1] and "backup" in complained.splitlines()[-1]
