"""Keeping a document that was taken, with what follows from it at a member of a site."""

from __future__ import annotations

from typing import Any

from skerry.core.actors.lapsing import lapse
from skerry.core.actors.telling import MENTIONED_MAX
from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import Kept
from skerry.core.group.journal.model import Acknowledgement
from skerry.core.group.journal.proofs import FORGOTTEN
from skerry.core.kernel.effects import NOTHING, Effects, Note, Record
from skerry.core.kernel.evidence import evidence
from skerry.core.stages.ir.model import Roster


def keep(document: Kept, custody: Custody) -> Effects:
    """Keep what is news and may be said, durably."""
    forgotten = _forgotten(document.value, custody.kept.get(document.name))
    return forgotten + custody.keep(document) + lapse(document.value, custody) + _forsake(document.value, custody)


def _forsake(taken: Any, custody: Custody) -> Effects:
    """With a roster go the intents that were handed in at who is taken out by it: who has this roster takes them from
    nobody, so whoever kept them would offer them for ever. The operator's own word stays in the journal, by which their
    manager says what becomes of them (U4)."""
    done = NOTHING
    for kept in list(custody.shelves["intent"].kept.values()) if isinstance(taken, Roster) else ():
        if kept.value.local and kept.author not in taken.members:
            note = Note(what="intent.lapsed", about=kept.value.intent, data={"author": kept.author})
            done = done + custody.let_go(kept) + Effects(note=(note,))
    return done


def _forgotten(word: object, before: Kept | None) -> Effects:
    """A manager that was put back to a backup has heard of its last word before it says another; not if who it heard
    did not know that one either. Then it says less and owns to nothing, and what it forgot is shown to it, as signed,
    so that it asks for what it lacks (J3, J4)."""
    if not isinstance(word, Acknowledgement) or before is None:
        return NOTHING
    said = {name: number for name, (number, _) in word.heads.items()} | word.owed
    is_all = len(word.heads) < MENTIONED_MAX  # of more, some that nobody holds any more are left out
    if all(said.get(name, 0 if is_all else number) >= number for name, (number, _) in before.value.heads.items()):
        return NOTHING
    return Effects(record=(Record(kind="decision", what=FORGOTTEN, about=before.author, data=evidence(before.sealed)),))
