"""Intents that operators handed in at a site while it was cut off, and what their manager makes of them (U4, D18).

A member's IR alone counts for nothing here: what counts is the operator's own signed word, which the site's journal
carries. If the operator may, the manager translates that word itself and takes the intent over as its own next
generation; if not, its next generation is a withdrawal. Where both sides made a generation of one intent, the manager's
next one settles it (R2).

Who took the word may be taken out of the roster before it is heard here. Its IR counts for nothing then, here as at the
site, where whoever has it lets go of it: the operator's word counts by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from skerry.core.actors.dealings import Stock
from skerry.core.conversation import Refused, open_sealed
from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import Kept
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Note
from skerry.core.kernel.evidence import evidence_in
from skerry.core.kernel.ids import IntentId
from skerry.core.kernel.sealing import Sealed, Verifier
from skerry.core.kernel.values import WHOLE_MAX, Value, digest_bytes
from skerry.core.stages.intent.events import LocalIntent
from skerry.core.stages.intent.local import RIGHT
from skerry.core.stages.ir.issuing import withdrawn
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster

Translate = Callable[[str], IntermediateRepresentation]
"""Makes an IR of an operator's manifests, one intent in them; raises ValueError with the reason."""


class Settled(Value, frozen=True, kw_only=True):
    """What a manager makes of one."""

    ours: IntermediateRepresentation
    """Its next generation."""
    why: str

    @property
    def note(self) -> Note:
        """What there is to be told of it."""
        what = "intent.refused" if self.ours.withdrawn else "intent.taken_over"
        return Note(what=what, about=self.ours.intent, data={"generation": self.ours.generation, "why": self.why})


class Word(Value, frozen=True, kw_only=True):
    """What an operator said, and who took it."""

    node: str
    generation: int
    """That the site made of it."""
    said: Sealed


@dataclass
class HandedIn:
    """One site's local intents."""

    site: str
    verifier: Verifier
    translate: Translate
    _words: dict[IntentId, Word] = field(default_factory=dict)
    """To each intent the last one."""
    _refused: set[IntentId] = field(default_factory=set)
    """Those of which the word is no good, and there is nothing to withdraw."""
    _taken: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    """Digests of the operators' statements that the journal holds."""

    def taken(self) -> tuple[str, ...]:
        """Manifests that were taken over since this was last asked, for whoever keeps manifests."""
        taken, self._taken = tuple(self._taken), []
        return taken

    def take(self, node: str, entry: Entry) -> IntentId | None:
        """Look at an entry of this node's journal; the intent that it is evidence for."""
        data = entry.data
        said, generation = evidence_in(data), data.get("generation")
        if entry.what != "intent.local" or not isinstance(generation, int) or not 0 <= generation <= WHOLE_MAX:
            return None
        if said is None:
            return None
        name = digest_bytes(said.statement)
        if name in self._seen:
            return None  # an operator's word counts once, whoever plays it again
        self._seen.add(name)
        intent = IntentId(entry.about)
        if intent not in self._words or self._words[intent].generation <= generation:
            self._words[intent] = Word(node=node, generation=generation, said=said)
            self._refused.discard(intent)
        return intent

    def settle(
        self, intents: Iterable[IntentId], custody: Custody, journal: Journal, roster: Roster, theirs: Stock | None
    ) -> list[Settled]:
        """What is to be said of these intents, if anything is by now. `theirs` is what a member has who asks: also of
        those whose node was taken out, once all of its journal is here that this member has."""
        held = {k.value.intent: k for k in custody.shelves["intent"].kept.values()}
        found = [self._settled(intent, held[intent].value, roster) for intent in intents if intent in held]
        if theirs is not None:
            behind = {c.split("/")[0] for c, number in theirs.heads.items() if number > journal.heads.get(c, 0)}
            found += [self._of_former(i, held.get(i), roster) for i in self._formers(held, {*roster.members, *behind})]
        return [one for one in found if one is not None]

    def _settled(self, intent: IntentId, held: IntermediateRepresentation, roster: Roster) -> Settled | None:
        word = self._words.get(intent)
        if word is None or word.generation < held.generation:
            return None  # the word on this generation is still to come, or was heard
        stands = msgspec.structs.replace(held, generation=word.generation + 1)
        if not held.local and word.generation == held.generation:
            return Settled(ours=stands, why="head office had its own of this generation")
        try:
            return self._taken_over(intent, word, word.generation + 1, roster)
        except ValueError as error:
            return Settled(ours=withdrawn(held) if held.local else stands, why=f"refused: {error}")

    def _formers(self, held: Mapping[IntentId, Kept], others: Collection[str]) -> list[IntentId]:
        """Those of which nothing was said yet, by whom they came, or the word alone did: by none of these others."""
        came = {intent: kept.author for intent, kept in held.items() if kept.value.local}
        came |= {i: word.node for i, word in self._words.items() if i not in held and i not in self._refused}
        return [intent for intent, node in came.items() if node not in others]

    def _of_former(self, intent: IntentId, held: Kept | None, roster: Roster) -> Settled | None:
        if held is not None:
            why = f"refused: {held.author} was taken out, and no operator's word came of it"
            return self._settled(intent, held.value, roster) or Settled(ours=withdrawn(held.value), why=why)
        word = self._words[intent]
        try:
            return self._taken_over(intent, word, word.generation + 1, roster)
        except ValueError:
            self._refused.add(intent)
            return None

    def _taken_over(self, intent: IntentId, word: Word, generation: int, roster: Roster) -> Settled:
        """The operator's word as the manager's own. Raises ValueError with the reason why it cannot be."""
        text = self._manifests(word.said, roster)
        ours = self.translate(text)
        if ours.intent != intent:
            raise ValueError(f"the operator's own word is about {ours.intent}")
        self._taken.append(text)
        return Settled(ours=msgspec.structs.replace(ours, generation=generation, local=False), why="taken over")

    def _manifests(self, word: Sealed, roster: Roster) -> str:
        """What the operator wrote. Raises `Refused` (a ValueError): not an operator's, or one who may not."""
        operators = roster.operators
        said = open_sealed(
            word, self.site, lambda s: operators[s].public_key if s in operators else None, self.verifier
        )
        if not isinstance(said.body, LocalIntent):
            raise Refused(f"expected an operator's intent, found {said.statement.kind}")
        if RIGHT not in operators[said.statement.signer].may:
            raise Refused(f"{said.statement.signer!r} may not {RIGHT} at this site")
        return said.body.manifests
