"""What a manager is told of nodes that were taken out of a site's roster (PROTOCOL, interleaving 53).

A node that is cut off, or stolen, goes on writing in its name. What is told of it after its removal verifies like all
else and is kept, but nobody vouches for it: it is that node's claim, and is shown to a person. Who left by its own word
is not meant: that word is among the last that it said.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.group.journal.model import chain_name
from skerry.core.kernel.effects import Effects, Note, Put
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode, encode

CLAIMS_KEY = "claims"


@dataclass
class Claims:
    """Of one site."""

    chains: dict[str, int] = field(default_factory=dict)
    """Of each chain of which something was told after its node was taken out, the number from which on."""

    @classmethod
    def recover(cls, kept: bytes | None) -> Claims:
        """From the store."""
        return cls(decode(kept, dict[str, int]) if kept is not None else {})

    def take(self, statement: Statement, first: int) -> Effects:
        """A piece of the journal of somebody who was taken out, whose first entry has this number, is kept."""
        chain = chain_name(statement.signer, statement.life)
        if self.chains.get(chain, first + 1) <= first:
            return Effects()
        self.chains[chain] = first
        note = Note(what="journal.claimed", about=chain, data={"entry": first})
        return Effects(persist=(Put(key=CLAIMS_KEY, value=encode(self.chains)),), note=(note,))
