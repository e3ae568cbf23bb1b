"""Two entries with one number in one life: proof that two wrote with one key, or one wrote twice (J1).

The one that was held stays in its chain, the other is kept beside it. Who finds it says so in its own journal, with the
other entry whole, so that everybody who holds the first finds it as well, and a person at head office. The node whose
life it is must end that life; what it followed in it counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import DecodeError

from skerry.core.group.journal.chain import Piece
from skerry.core.group.journal.model import Entry
from skerry.core.group.journal.proofs import FORK, proof_in
from skerry.core.kernel.effects import NOTHING, Effects, Note, Put, Record
from skerry.core.kernel.evidence import evidence
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode, encode

FORK_PREFIX = "journal-fork/"
TOLD_MAX = 64


@dataclass
class Forks:
    """The lives in which somebody was found to have written one number twice."""

    chains: dict[str, int] = field(default_factory=dict)
    """To each of their chains the number."""
    others: dict[str, Sealed] = field(default_factory=dict)
    """To each of their chains the entry that is not held in it."""
    version: int = 0
    """Grows whenever `chains` changes."""
    told: tuple[bytes, ...] = ()
    """Signatures of what finders handed on as the other entry: it is compared to what is held, and never held."""

    @classmethod
    def recover(cls, kept: dict[str, bytes]) -> Forks:
        """Those of which this disk has the other entry."""
        names = {key.removeprefix(FORK_PREFIX): key for key in sorted(kept) if key.startswith(FORK_PREFIX)}
        return cls(
            chains={name: _number(kept[key]) for name, key in names.items()},
            others={name: decode(kept[key], Sealed) for name, key in names.items()},
        )

    def tell(self, body: object) -> None:
        """What somebody's entry says of a fork, if it does."""
        proof = proof_in(body)
        if proof is not None and isinstance(body, Entry) and body.what == FORK:
            self.told = (*self.told, proof.signature)[-TOLD_MAX:]

    def find(self, chain: str, other: Piece) -> Effects:
        """A piece that contradicts what is held of a chain; the first of each chain is proof enough."""
        if chain in self.chains:
            return NOTHING
        self.chains[chain], self.others[chain] = other.last, other.sealed
        self.version += 1
        signer, _, life = chain.rpartition("/")
        about = {"number": other.last, "life": life}
        return Effects(
            persist=(Put(key=FORK_PREFIX + chain, value=encode(other.sealed)),),
            record=(Record(kind="decision", what=FORK, about=signer, data={**about, **evidence(other.sealed)}),),
            note=(Note(what=FORK, about=signer, data=about),),
        )


def _number(raw: bytes) -> int:
    """Of a kept entry; 0 if what a finder handed on as proof is no statement."""
    try:
        return decode(decode(raw, Sealed).statement, Statement).number
    except DecodeError:
        return 0
