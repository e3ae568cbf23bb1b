"""One table of keys and bytes in `<folder>/state.db`, durable on every commit.

Rules: one process holds a folder (N5), by a lock on a file of its own, which the system lets go when the process dies;
write-ahead log with `synchronous=FULL`, so that what was committed survives a power cut; folder 0700, files 0600. What
fails to commit is rolled back in full.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from skerry.core.kernel.effects import Persist, Put
from skerry.ports.storage import DAMAGED_ADVICE, NoRoom, StorageError

T = TypeVar("T")

_PASSING = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "the disk or the file is read-only; make it writable",
    sqlite3.SQLITE_IOERR: "the disk reports an error, or is full; check it",
}
_DAMAGED = f"the file is damaged; {DAMAGED_ADVICE}"
_OF_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""The last is said of a statement that does not fit the tables; ours always do."""
_PRIMARY = 0xFF
"""The part of SQLite's error codes that names the kind."""


class SqliteStorage:
    """A `ports.storage.Storage` in a folder that is made if need be."""

    def __init__(self, folder: Path) -> None:
        """Take the folder and check the file. Raises `StorageError`: held by another process, not ours, damaged. Where
        the disk has no room even to open it, it is opened when it is used."""
        self._path = folder / "state.db"
        self._lock = _take(folder)
        self._opened: sqlite3.Connection | None = None
        try:
            with suppress(NoRoom):
                self._opened = self._open()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def _db(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> sqlite3.Connection:
        db = None
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            verdict = db.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != ("ok",):
                raise StorageError(f"{self._path}: {_DAMAGED} ({verdict[0]})")
            db.execute("CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            if db is not None:
                db.close()
            raise self._failure("open", error) from error
        except StorageError:
            if db is not None:
                db.close()
            raise
        return db

    def load(self) -> Mapping[str, bytes]:
        """Everything that is kept. Raises `NoRoom`, `StorageError`."""
        try:
            rows = self._db.execute("SELECT key, value FROM state").fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._failure("read", error) from error
        return {self._of(str, key): self._of(bytes, value) for key, value in rows}

    def get(self, key: str) -> bytes | None:
        """What is durable under a key by now. Raises `NoRoom`, `StorageError`."""
        try:
            row = self._db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._failure("read", error) from error
        return self._of(bytes, row[0]) if row is not None else None

    def _of(self, kind: type[T], value: object) -> T:
        """What a row says its value is may be damaged, too: SQLite gives it as that."""
        if type(value) is kind:
            return value
        raise StorageError(f"{self._path}: {_DAMAGED} (a {kind.__name__} is a {type(value).__name__})")

    def commit(self, changes: Iterable[Persist]) -> None:
        """Apply all changes or none; durable on return. Raises `NoRoom`, `StorageError`."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            for change in changes:
                if isinstance(change, Put):
                    db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (change.key, change.value))
                else:
                    db.execute("DELETE FROM state WHERE key = ?", (change.key,))
            db.execute("COMMIT")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._roll_back(db)
            raise self._failure("write", error) from error
        except BaseException:
            self._roll_back(db)
            raise

    def _roll_back(self, db: sqlite3.Connection) -> None:
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise self._failure("roll back", error) from error

    def close(self) -> None:
        """Let the folder go; a second call does nothing."""
        if self._lock >= 0:
            if self._opened is not None:
                self._opened.close()
            os.close(self._lock)
            self._lock = -1

    def _failure(self, doing: str, error: sqlite3.Error | OSError | UnicodeDecodeError) -> StorageError:
        if isinstance(error, UnicodeDecodeError):  # SQLite quotes in its complaint what it has found
            return StorageError(f"{self._path}: {_DAMAGED} ({error})")
        if isinstance(error, OSError):
            return StorageError(f"{self._path}: cannot {doing} the state ({error.strerror}); make the folder writable")
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        if code in _OF_DAMAGE:
            return StorageError(f"{self._path}: {_DAMAGED} ({error})")
        kind = NoRoom if code in _PASSING else StorageError
        advice = _PASSING.get(code, "nothing was changed; try again")
        return kind(f"{self._path}: cannot {doing} the state ({error}); {advice}")


def _take(folder: Path) -> int:
    """Lock the folder for this process. Raises `StorageError`."""
    lock = folder / "lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"{lock}: cannot be opened ({error.strerror}); make the folder writable") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StorageError(
            f"{folder}: another process holds this state; stop it first, or give this one a folder of its own"
        ) from error
    return handle
