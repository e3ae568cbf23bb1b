"""What operators and guests say ends with the right to it (R4, X8, D25)."""

from __future__ import annotations

from typing import Any

from skerry.core.conversation import DECLARE_DEAD
from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import Kept
from skerry.core.group.granting.model import DeclaredDead
from skerry.core.kernel.effects import NOTHING, Effects, Note
from skerry.core.stages.intent.holds import Hold, may_hold
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster

WORDS = ("hold", "dead")
"""What operators and guests say themselves, by the kind of its document."""
HANDED_IN = "intent"
"""What a member made of an operator's word: members let go of it; its manager says what becomes of it (U4)."""


def lapse(taken: Any, custody: Custody, kinds: tuple[str, ...] = WORDS) -> Effects:
    """With a roster goes what its author may not say any more by it, as a guest that was dismissed: who has this
    roster takes that from nobody, so whoever kept it would offer it for ever."""
    done = NOTHING
    for kept in _held(custody, kinds) if isinstance(taken, Roster) else ():
        if not _may_say(kept, taken):
            note = Note(what="word.lapsed", about=kept.name, data={"author": kept.author})
            done = done + custody.let_go(kept) + Effects(note=(note,))
    return done


def _held(custody: Custody, kinds: tuple[str, ...]) -> list[Kept]:
    return [kept for kind in kinds for kept in custody.shelves[kind].kept.values()]


def _may_say(kept: Kept, roster: Roster) -> bool:
    match kept.value:
        case Hold() as hold:
            return may_hold(kept.author, hold, roster)
        case DeclaredDead(roster=under):
            return roster.gives(kept.author, DECLARE_DEAD, under)
        case IntermediateRepresentation(local=True):
            return kept.author in roster.members  # the operator's own word is in the journal, and counts by itself (U4)
        case _:
            return True  # a node's own word that it lives, and what is head office's
