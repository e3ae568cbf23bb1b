"""Intents that operators handed in at a site while it was cut off, and what their manager makes of them (U4, D18).

A member's IR alone counts for nothing here: what counts is the operator's own signed word, which the site's journal
carries. If the operator may, the manager translates that word itself and takes the intent over as its own next
generation; if not, its next generation is a withdrawal. Where both sides made a generation of one intent, the manager's
next one settles it (R2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from skerry.core.conversation import Refused, open_sealed
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.ids import IntentId
from skerry.core.kernel.sealing import Sealed, Verifier
from skerry.core.kernel.values import digest_bytes
from skerry.core.stages.intent.events import LocalIntent
from skerry.core.stages.intent.local import RIGHT
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster

Translate = Callable[[str], IntermediateRepresentation]
"""Makes an IR of an operator's manifests, one intent in them; raises ValueError with the reason."""


@dataclass
class HandedIn:
    """One site's local intents."""

    site: str
    verifier: Verifier
    translate: Translate
    _words: dict[IntentId, tuple[int, Sealed]] = field(default_factory=dict)
    """To each intent the generation that the site made of it, and the operator's statement."""
    _taken: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    """Digests of the operators' statements that the journal holds."""

    def taken(self) -> tuple[str, ...]:
        """Manifests that were taken over since this was last asked, for whoever keeps manifests."""
        taken, self._taken = tuple(self._taken), []
        return taken

    def take(self, entry: Entry) -> IntentId | None:
        """Look at an entry of the journal; the intent that it is evidence for."""
        data = entry.data
        statement, signature, generation = data.get("statement"), data.get("signature"), data.get("generation")
        if entry.what != "intent.local" or not isinstance(generation, int):
            return None
        if not isinstance(statement, bytes) or not isinstance(signature, bytes):
            return None
        name = digest_bytes(statement)
        if name in self._seen:
            return None  # an operator's word counts once, whoever plays it again
        self._seen.add(name)
        intent = IntentId(entry.about)
        if self._words.get(intent, (0,))[0] <= generation:
            self._words[intent] = (generation, Sealed(statement=statement, signature=signature))
        return intent

    def settle(
        self, intent: IntentId, held: IntermediateRepresentation | None, roster: Roster
    ) -> tuple[IntermediateRepresentation, str] | None:
        """The manager's next generation of an intent, and why; None if nothing is to be said, or not yet."""
        if held is None or intent not in self._words:
            return None
        generation, word = self._words[intent]
        if not held.local:
            if generation < held.generation:
                return None
            return msgspec.structs.replace(held, generation=generation + 1), "head office wants it already"
        if generation < held.generation:
            return None  # the word on this generation is still to come
        following = held.generation + 1
        try:
            text = self._manifests(word, roster)
            ours = self.translate(text)
            if ours.intent != intent:
                raise ValueError(f"the operator's own word is about {ours.intent}")
        except ValueError as error:
            withdrawn = msgspec.structs.replace(held, generation=following, withdrawn=True, local=False)
            return withdrawn, f"refused: {error}"
        self._taken.append(text)
        return msgspec.structs.replace(ours, generation=following, local=False), "taken over"

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
