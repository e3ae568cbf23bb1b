"""An operator's hold: what is paused or drained stays so until somebody lifts it (R4).

A pause stops the work of an intent or of one role of it, and keeps it stopped; it keeps nothing alive that is withdrawn
(I9). A drained node gets nothing new, and what it has moves away. Neither changes what is wanted, so that lifting it is
all that it takes to go on.

Each place, a node or a manager, numbers its own holds on a subject. A hold is lifted by its place and number, anywhere:
so an old copy never sets again what was lifted, and nobody lifts what they do not name, as a later one of the same
place, or one of a part of the site that they could not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from skerry.core.kernel.ids import IntentId
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import Value, Whole, digest
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster, owns

RIGHT = "hold"
HOLD_PREFIX = "hold/"
DONE = {"pause": "paused", "drain": "drained"}
"""What a hold makes of its subject."""


class Hold(Value, frozen=True, kw_only=True, tag="hold"):
    """Signed by an operator, or by a guest for what it owns; kept by the whole site."""

    what: Literal["pause", "drain"]
    subject: str
    """A node to be drained; of what is paused the intent, or `<intent>/<element>`."""
    place: str
    """The node or manager where it was handed in."""
    number: Whole
    """Of that place's holds on this subject, from 1."""
    lifted: bool = False
    why: str = ""
    wall_ms: Whole = 0
    """When its author signed it, by their own clock."""
    roster: Whole = 0
    """The version under which they did: it lapses with the right that they had then."""

    def end(self, roster: int) -> Hold:
        """What lifts it, by somebody who knows this version."""
        return msgspec.structs.replace(self, lifted=True, roster=roster)

    @property
    def name(self) -> str:
        """What whoever lifts it from elsewhere has to name: `till-1@till-2`."""
        return f"{self.subject}@{self.place}"

    @property
    def document(self) -> str:
        """The name under which the site keeps it."""
        return f"{HOLD_PREFIX}{self.what}/{self.name}"

    @property
    def version(self) -> tuple[int, int, str]:
        """A lifted hold is newer than the same one set; of two words that differ in nothing else, all take the same."""
        return (self.number, int(self.lifted), digest(self))


class HoldAsked(Value, frozen=True, kw_only=True, tag=True):
    """An operator's hold was handed in here; the signature is good."""

    request: str
    said: Verified[Hold]


def may_hold(signer: str, hold: Hold, roster: Roster) -> bool:
    """Whether the site's roster gives somebody this right: operators, and a guest what it owns (D25)."""
    if signer in roster.operators:
        return roster.gives(signer, RIGHT, hold.roster)
    guest = roster.guest(signer)
    if guest is None or guest.dismissed or not guest.since <= hold.roster <= roster.version:
        return False
    return hold.what == "pause" and owns(signer, hold.subject)


def against(
    hold: Hold,
    known: Hold | None,
    here: str,
    roster: Roster,
    irs: Mapping[IntentId, IntermediateRepresentation],
) -> str | None:
    """Why a hold that is handed in at `here` is refused, in words; `known` is the newest of its name there."""
    if hold.lifted:
        if known is None or known.lifted or known.number != hold.number:
            return f"there is no hold {hold.name} number {hold.number} to be lifted"
        return None
    if hold.place != here:
        return f"it was signed for {hold.place}, and this is {here}"
    subjects = set(roster.members) if hold.what == "drain" else pausable(irs)
    if hold.subject not in subjects:
        return f"there is no {hold.subject!r} to {hold.what}; known: {', '.join(sorted(subjects)) or 'none'}"
    if known is not None and not known.lifted:
        return f"{hold.subject} is {DONE[hold.what]} already: {hold.name}"
    following = known.number + 1 if known is not None else 1
    if hold.number != following:
        return f"it has the number {hold.number}, and the next is {following}: ask again"
    return None


def pausable(irs: Mapping[IntentId, IntermediateRepresentation]) -> set[str]:
    """The intents that are wanted, and their roles."""
    live = [ir for ir in irs.values() if not ir.withdrawn]
    roles = (f"{ir.intent}/{name}" for ir in live for one in ir.sets.values() for name in one.elements)
    return {*(ir.intent for ir in live), *roles}


def in_words(hold: Hold, author: str) -> str:
    """What it comes to, for people: `drained by ann at till-2: new disk`."""
    why = f": {hold.why}" if hold.why else ""
    return f"{DONE[hold.what]} by {author} at {hold.place}{why}"
