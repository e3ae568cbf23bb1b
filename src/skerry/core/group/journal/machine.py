"""The journal: my own chain, and copies of everybody else's, as prefixes without gaps (J1).

An entry is signed and chained in the step that decided it, and is on disk before anything of that step leaves. Copies
spread by the rule that holds for all state: who sees in a beat that another lacks something sends it (C2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.group.journal.model import COPY_MAX, Entry, chain_name
from skerry.core.kernel.effects import Effects, Note, Put, Record
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Signer, Statement, Verified, seal
from skerry.core.kernel.values import Value, decode, digest_bytes, encode

ENTRY_PREFIX = "journal/"


class Heads(Value, frozen=True, kw_only=True):
    """What is held of each chain: the number of its last entry."""

    heads: dict[str, int] = {}


@dataclass
class Journal:
    """One node's chain, and its copies of the others'."""

    me: NodeId
    site: str
    life: LifeId
    boot: str
    signer: Signer
    heads: dict[str, int] = field(default_factory=dict)
    version: int = 0
    """Grows whenever `heads` changes."""
    _hashes: dict[str, str] = field(default_factory=dict)
    """To each chain the hash of its last entry."""
    _entries: dict[str, list[Sealed]] = field(default_factory=dict)
    """By chain; entry n stands at index n - 1."""
    _last_own: str = ""

    @classmethod
    def recover(cls, me: NodeId, site: str, life: LifeId, boot: str, signer: Signer, kept: dict[str, bytes]) -> Journal:
        """A start opens a new life, whose first entry will link to the last own entry that the disk holds (N1): to the
        one that none of them names as the one before. Their wall times prove nothing, since clocks are set (T1)."""
        journal = cls(me=me, site=site, life=life, boot=boot, signer=signer)
        own: dict[str, str] = {}
        for key in sorted(k for k in kept if k.startswith(ENTRY_PREFIX)):
            sealed = decode(kept[key], Sealed)
            statement = decode(sealed.statement, Statement)
            chain = chain_name(statement.signer, statement.life)
            journal._add(chain, sealed)
            if statement.signer == me:
                own[digest_bytes(sealed.statement)] = decode(statement.body, Entry).predecessor
        named = set(own.values())
        journal._last_own = next((last for last in reversed(own) if last not in named), "")
        return journal

    @property
    def own_chain(self) -> str:
        """The name of the chain that this life writes."""
        return chain_name(self.me, self.life)

    def record(self, record: Record, given: Input[object]) -> Effects:
        """Chain and sign one entry of mine."""
        chain = self.own_chain
        number = self.heads.get(chain, 0) + 1
        entry = Entry(
            predecessor=self._hashes.get(chain, self._last_own),
            kind=record.kind,
            what=record.what,
            about=record.about,
            data=record.data,
            boot=self.boot,
            at_ms=given.at_ms,
            wall_ms=given.wall_ms,
            cause=given.id,
        )
        sealed = seal(
            self.signer,
            Statement(kind="entry", site=self.site, signer=self.me, life=self.life, number=number, body=encode(entry)),
        )
        self._add(chain, sealed)
        return Effects(persist=(Put(key=_key(chain, number), value=encode(sealed)),))

    def take(self, copied: Verified[Entry]) -> Effects:
        """A copied entry: kept if it is the next of its chain and names the one before, else dropped (J1)."""
        statement = copied.statement
        chain = chain_name(statement.signer, statement.life)
        have = self.heads.get(chain, 0)
        if statement.number <= have:
            known = self._entries[chain][statement.number - 1]
            if known.statement != copied.sealed.statement:
                about = {"number": statement.number, "life": statement.life}
                return Effects(note=(Note(what="journal.fork", about=statement.signer, data=about),))
            return Effects()
        if statement.number != have + 1 or (have and copied.body.predecessor != self._hashes[chain]):
            return Effects()
        self._add(chain, copied.sealed)
        return Effects(persist=(Put(key=_key(chain, statement.number), value=encode(copied.sealed)),))

    def after(self, chain: str, number: int) -> tuple[Sealed, ...]:
        """The next entries of a chain for somebody who holds it up to `number`, at most `COPY_MAX`."""
        return tuple(self._entries.get(chain, ())[number : number + COPY_MAX])

    def entries(self, chain: str, after: int) -> tuple[Sealed, ...]:
        """All entries of a chain after a number."""
        return tuple(self._entries.get(chain, ())[after:])

    def lacking(self, heads: dict[str, int], most: int = COPY_MAX) -> tuple[Sealed, ...]:
        """What somebody with these heads lacks of what I hold, chains in order, at most `most` entries."""
        found: list[Sealed] = []
        for chain in sorted(self.heads):
            if len(found) >= most:
                break
            if heads.get(chain, 0) < self.heads[chain]:
                found.extend(self.after(chain, heads.get(chain, 0))[: most - len(found)])
        return tuple(found)

    def check_invariants(self) -> None:
        """J1: no gaps."""
        for chain, head in self.heads.items():
            assert len(self._entries[chain]) == head, f"J1: {chain} has a gap"

    def _add(self, chain: str, sealed: Sealed) -> None:
        self._entries.setdefault(chain, []).append(sealed)
        self.heads = {**self.heads, chain: len(self._entries[chain])}
        self._hashes[chain] = digest_bytes(sealed.statement)
        self.version += 1


def _key(chain: str, number: int) -> str:
    return f"{ENTRY_PREFIX}{chain}/{number:08d}"
