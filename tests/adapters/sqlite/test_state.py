"""The state file on a real disk: its modes, its lock, and what a bad disk does to it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from skerry.adapters.sqlite.state import SqliteStorage
from skerry.core.kernel.effects import Put
from skerry.ports.storage import NoRoom, StorageError

HOLDER = """
import sys, time
from pathlib import Path
from skerry.adapters.sqlite.state import SqliteStorage
from skerry.core.kernel.effects import Put
state = SqliteStorage(Path(sys.argv[1]))
state.commit([Put(key="who", value=b"the first")])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    if mounted.returncode != 0:
        pytest.skip(f"this machine refuses to mount: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=10)


def fill(ballast: Path) -> None:
    """Write into `ballast` until nothing more fits."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(ballast.parent).f_bavail == 0


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = SqliteStorage(tmp_path / "state")
        state.commit([Put(key="a", value=b"1")])
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert set(modes.values()) == {0o600}
    assert {"state.db", "state.db-wal"} <= set(modes)
    state.close()


def test_a_killed_holder_leaves_what_it_committed_and_its_place(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, env=environment)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StorageError, match="another process holds this state; stop it first"):
            SqliteStorage(tmp_path)
        holder.kill()
        holder.wait(10)
    state = SqliteStorage(tmp_path)
    assert state.load() == {"who": b"the first"}
    state.close()


@pytest.mark.parametrize(
    "damage", ["no database", "a page overwritten", "cut short", "a name that is no text", "keys out of order"]
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    state = SqliteStorage(tmp_path)
    state.commit([Put(key=f"k{number}", value=bytes(3000)) for number in range(50)])
    state.close()
    path = tmp_path / "state.db"
    raw = path.read_bytes()
    path.write_bytes(
        {
            "no database": b"this is something else entirely" * 200,
            "a page overwritten": raw[:4096] + b"\xa5" * 8192 + raw[12288:],
            "cut short": raw[: len(raw) // 2],
            "keys out of order": raw.replace(b"k49", b"a49"),
            "a name that is no text": raw.replace(b"tablestatestate", b"tablesta\xa3estate"),
        }[damage]
    )
    with pytest.raises(StorageError, match=r"state\.db: the file is damaged; move the folder away"):
        SqliteStorage(tmp_path)
    path.write_bytes(raw)
    SqliteStorage(tmp_path).close()


@pytest.mark.parametrize("row", [("a", 7), ("a", "text"), (b"\xff", b"1")])
def test_a_value_that_the_file_says_is_no_bytes_or_a_key_no_text_is_damage(
    tmp_path: Path, row: tuple[object, object]
) -> None:
    SqliteStorage(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as db:
        db.execute("INSERT INTO state VALUES (?, ?)", row)
    state = SqliteStorage(tmp_path)
    with pytest.raises(StorageError, match=r"state\.db: the file is damaged; move the folder away"):
        state.load()
    state.close()


def test_a_full_disk_applies_nothing_and_is_told_and_room_makes_it_work_again(tiny_disk: Path) -> None:
    state = SqliteStorage(tiny_disk / "state")
    state.commit([Put(key="a", value=b"old")])
    ballast = tiny_disk / "ballast"
    fill(ballast)
    with pytest.raises(NoRoom, match=r"state\.db: cannot write the state .*full"):
        state.commit([Put(key="a", value=b"new"), Put(key="large", value=bytes(100_000))])
    assert state.load() == {"a": b"old"}
    ballast.unlink()
    state.commit([Put(key="a", value=b"new")])
    assert state.load() == {"a": b"new"}
    state.close()


def test_n5_what_a_full_disk_does_not_let_be_opened_is_read_when_there_is_room(tiny_disk: Path) -> None:
    """After a clean end: the files that SQLite needs beside its own are gone, and cannot be made."""
    state = SqliteStorage(tiny_disk / "state")
    state.commit([Put(key="a", value=b"1")])
    state.close()
    ballast = tiny_disk / "ballast"
    fill(ballast)
    state = SqliteStorage(tiny_disk / "state")
    for use in (state.load, lambda: state.get("a"), lambda: state.commit([Put(key="a", value=b"2")])):
        with pytest.raises(NoRoom, match=r"state\.db: cannot open the state .*full"):
            use()
    ballast.unlink()
    assert state.load() == {"a": b"1"}
    state.commit([Put(key="a", value=b"2")])
    assert state.get("a") == b"2"
    state.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"file/state/lock: cannot be opened .*make the folder writable"):
        SqliteStorage(tmp_path / "file" / "state")
