"""Holds end with the right to them (R4, D25)."""

from __future__ import annotations

from typing import Any

from skerry.core.group.custody.machine import Custody
from skerry.core.kernel.effects import NOTHING, Effects, Note
from skerry.core.stages.intent.holds import may_hold
from skerry.core.stages.ir.model import Roster


def lapse(taken: Any, custody: Custody) -> Effects:
    """With a roster go the holds of who may hold nothing any more by it, as a guest that was dismissed: who has this
    roster takes them from nobody, so whoever kept them would offer them for ever."""
    done = NOTHING
    for kept in list(custody.shelves["hold"].kept.values()) if isinstance(taken, Roster) else ():
        if not may_hold(kept.author, kept.value, taken):
            note = Note(what="hold.lapsed", about=kept.value.subject, data={"hold": kept.name, "author": kept.author})
            done = done + custody.let_go(kept) + Effects(note=(note,))
    return done
