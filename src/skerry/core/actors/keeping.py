"""Keeping a document that was taken, with what follows from it at a member of a site."""

from __future__ import annotations

from skerry.core.actors.lapsing import HANDED_IN, WORDS, lapse
from skerry.core.actors.telling import MENTIONED_MAX
from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import Kept
from skerry.core.group.journal.model import Acknowledgement
from skerry.core.group.journal.proofs import FORGOTTEN
from skerry.core.kernel.effects import NOTHING, Effects, Record
from skerry.core.kernel.evidence import evidence


def keep(document: Kept, custody: Custody) -> Effects:
    """Keep what is news and may be said, durably."""
    forgotten = _forgotten(document.value, custody.kept.get(document.name))
    return forgotten + custody.keep(document) + lapse(document.value, custody, (*WORDS, HANDED_IN))


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
