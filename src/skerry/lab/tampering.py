"""Changing one byte of what a node has written down, on its disk, while its agent is not there.

Only somebody with the node's own rights can do that; whoever gets a copy of the entry can tell, by its signature.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from skerry.core.group.journal.chain import ENTRY_PREFIX
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.lab.state import LabError

STATE_DATABASE = "state.db"
OTHER_CASE = 0x20


class Changed(NamedTuple):
    """What was changed."""

    byte: int
    """Its place in the entry, from 0."""
    before: str
    after: str


def change(home: Path, chain: str, number: int) -> Changed:
    """Change one letter of what an entry of the journal says was done, in the copy in a node's folder. Raises
    `LabError` if there is none."""
    key = f"{ENTRY_PREFIX}{chain}/{number:08d}"
    path = home / STATE_DATABASE
    if not path.exists():
        raise LabError(f"{path}: there is no state of an agent")
    try:
        with sqlite3.connect(path, isolation_level=None) as database:
            row = database.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
            if row is None:
                raise LabError(f"{path}: entry {number} of chain {chain} is not there")
            kept = bytes(row[0])
            what = decode(decode(decode(kept, Sealed).statement, Statement).body, Entry).what
            at = kept.index(what.encode())
            changed = kept[:at] + bytes([kept[at] ^ OTHER_CASE]) + kept[at + 1 :]
            database.execute("UPDATE state SET value = ? WHERE key = ?", (changed, key))
        database.close()
    except sqlite3.Error as error:
        raise LabError(f"{path}: {error}; is its agent still running?") from error
    return Changed(at, what, changed[at : at + len(what.encode())].decode())
