"""The journal: my own chain, and copies of everybody else's, as prefixes without gaps (J1).

An entry is signed and chained in the step that decided it, and is on disk before anything of that step leaves. Copies
spread by the rule that holds for all state: who sees in a beat that another lacks something sends it (C2). What the
manager has acknowledged need not be copied any more, and goes in its time (`retention`); whoever has nothing of a chain
begins above what was acknowledged (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from skerry.core.group.journal.chain import (
    BASE_PREFIX,
    ENTRY_PREFIX,
    Base,
    Chain,
    Piece,
    Shelf,
    body_of,
    piece_key,
    piece_of,
    stored_piece,
)
from skerry.core.group.journal.forks import Forks
from skerry.core.group.journal.model import COPY_MAX, Acknowledgement, Entry, Fold, Folded, chain_name
from skerry.core.kernel.effects import NOTHING, Drop, Effects, Put, Record
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Signer, Statement, Verified, seal
from skerry.core.kernel.values import Value, decode, encode

LAST_KEY = "journal-last"
WINDOW = 256
"""Pieces of each chain that stay in memory where there is a shelf to read the older ones from."""


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
    shelf: Shelf | None = None
    """None: everything stays in memory."""
    chains: dict[str, Chain] = field(default_factory=dict)
    """In the order in which they were first heard of."""
    heads: dict[str, int] = field(default_factory=dict)
    """Of each chain the number of its last entry."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Of each chain the number up to which the manager has it, by its own signed word."""
    forks: Forks = field(default_factory=Forks)
    decided_ms: int = 0
    """When the last entry came, of anybody, that is no reading; by this holder's boot-time."""
    version: int = 0
    """Grows whenever `heads` or `acknowledged` changes."""
    _last_own: str = ""
    """The hash of the last entry that I wrote, in whatever life: the next life's first names it."""

    @classmethod
    def recover(
        cls,
        me: NodeId,
        site: str,
        life: LifeId,
        boot: str,
        signer: Signer,
        kept: dict[str, bytes],
        shelf: Shelf | None = None,
    ) -> Journal:
        """A start opens a new life, whose first entry will link to the last own entry that the disk holds (N1). Raises
        `msgspec.DecodeError` if what it holds is damaged."""
        journal = cls(me=me, site=site, life=life, boot=boot, signer=signer, shelf=shelf, forks=Forks.recover(kept))
        for key in sorted(k for k in kept if k.startswith(BASE_PREFIX)):
            journal._hold(Chain.above(key.removeprefix(BASE_PREFIX), decode(kept[key], Base)))
        for key in sorted(k for k in kept if k.startswith(ENTRY_PREFIX)):
            name = key.removeprefix(ENTRY_PREFIX).rpartition("/")[0]
            journal._put(journal.chains.get(name) or Chain(name=name), stored_piece(kept[key], name))
        for chain in journal.chains.values():
            if not chain.whole:
                raise msgspec.ValidationError(f"the journal {chain.name} has a gap")
        journal._last_own = kept.get(LAST_KEY, b"").decode(errors="replace")
        return journal

    @property
    def own_chain(self) -> str:
        """The name of the chain that this life writes."""
        return chain_name(self.me, self.life)

    # --- writing --------------------------------------------------------------------------------------------------

    def record(self, record: Record, given: Input[object]) -> tuple[Effects, Sealed]:
        """Chain and sign one entry of mine."""
        chain = self.chains.get(self.own_chain) or Chain(name=self.own_chain)
        entry = Entry(
            predecessor=chain.hash if chain.head else self._last_own,
            kind=record.kind,
            what=record.what,
            about=record.about,
            data=record.data,
            boot=self.boot,
            at_ms=given.at_ms,
            wall_ms=given.wall_ms,
            cause=given.id,
        )
        sealed, statement = self._sealed("entry", chain.head + 1, encode(entry))
        return self._put(chain, piece_of(sealed, statement, entry, given.at_ms)), sealed

    def _sealed(self, kind: str, number: int, body: bytes) -> tuple[Sealed, Statement]:
        statement = Statement(kind=kind, site=self.site, signer=self.me, life=self.life, number=number, body=body)
        return seal(self.signer, statement), statement

    # --- copies ---------------------------------------------------------------------------------------------------

    def take(self, copied: Verified[Entry] | Verified[Fold], at_ms: int = 0) -> Effects:
        """A copied piece: kept if it is the next of its chain and names the one before, or fills what was lost, or
        stands for what is held; else dropped (J1)."""
        name = chain_name(copied.statement.signer, copied.statement.life)
        piece = piece_of(copied.sealed, copied.statement, copied.body, at_ms)
        chain = self.chains.get(name)
        self.forks.tell(copied.body)
        if piece.first > piece.last:
            return NOTHING
        if copied.sealed.signature in self.forks.told and (chain is None or piece.last > chain.head):
            return NOTHING
        if chain is None:
            return self._begin(name, piece)
        if piece.last <= chain.head:
            return self._again(chain, piece)
        if piece.first == chain.head + 1 and chain.hash in ("", piece.before):
            return self._put(chain, piece)
        return self._replace(chain, piece) if piece.first <= chain.head else self._begin_anew(chain, piece)

    def _begin_anew(self, chain: Chain, piece: Piece) -> Effects:
        """Who could send what stands between has dropped it: go on behind it, and drop what stands before."""
        return self._instead(chain, piece) if self._is_acknowledged_before(chain.name, piece) else NOTHING

    def _instead(self, chain: Chain, piece: Piece) -> Effects:
        """Hold this one in the place of all that is held of a chain. If my last own entry was among that, it is the one
        before this now."""
        held = list(chain.pieces(0, self.shelf))
        if self._last_own in {chain.hash, *(one.hash for one in held)}:
            self._last_own = piece.before
        drops = tuple(Drop(key=piece_key(chain.name, one.last)) for one in held)
        return Effects(persist=drops) + self._begin_with(chain.name, piece)

    def _begin(self, name: str, piece: Piece) -> Effects:
        """The first of a chain; of one that was acknowledged, also the first that is needed still."""
        return self._begin_with(name, piece) if self._is_acknowledged_before(name, piece) else NOTHING

    def _is_acknowledged_before(self, name: str, piece: Piece) -> bool:
        return piece.first - 1 <= self.acknowledged.get(name, 0)

    def _begin_with(self, name: str, piece: Piece) -> Effects:
        if piece.first == 1 and name not in self.chains:
            return self._put(Chain(name=name), piece)
        base = Base(number=piece.first - 1, hash=piece.before)
        kept = Effects(persist=(Put(key=BASE_PREFIX + name, value=encode(base)),))
        return kept + self._put(Chain.above(name, base), piece)

    def _again(self, chain: Chain, piece: Piece) -> Effects:
        """A piece with numbers that are held, were lost, or were dropped."""
        if piece.last > piece.first:
            return self._replace(chain, piece)
        if chain.is_lost(piece.first):  # they are filled from their beginning
            found = not chain.is_lost(piece.first - 1) and self._joins(chain, piece)
            return self._put(chain, piece) if found else NOTHING
        known = chain.piece_with(piece.last, self.shelf)
        if known is None or known.last != piece.last or known.hash == piece.hash:
            return NOTHING
        return self.forks.find(chain.name, piece)

    def _joins(self, chain: Chain, piece: Piece) -> bool:
        """Whether a piece that was lost names the one before it, as far as that is held."""
        before = chain.piece_with(piece.first - 1, self.shelf)
        return before is None or before.hash == piece.before

    def _replace(self, chain: Chain, fold: Piece) -> Effects:
        """A fold takes the place of what it stands for, if all of that is held from its first on, or was lost."""
        if fold.first <= chain.base.number:  # its author had not heard that so much of it was acknowledged
            return self._instead(chain, fold) if fold.last > chain.head else NOTHING
        within = [p for p in chain.pieces(fold.first - 1, self.shelf) if p.first <= fold.last]
        begins = any((p.first, p.before) == (fold.first, fold.before) for p in within)
        if not begins and not (chain.is_lost(fold.first) and self._joins(chain, fold)):
            return NOTHING
        if any(p.last > fold.last or (p.last == fold.last and p.hash != fold.hash) for p in within):
            return NOTHING
        if [held.sealed for held in within] == [fold.sealed]:
            return NOTHING
        chain.take_out(within)
        gone = tuple(Drop(key=piece_key(chain.name, p.last)) for p in within if p.last != fold.last)
        return Effects(persist=gone) + self._put(chain, fold)

    # --- what others lack -----------------------------------------------------------------------------------------

    def written_twice(self, signer: str, life: LifeId) -> list[Sealed]:
        """Both entries of the number that was found to be written twice in this life, for who lives it: it may not be
        given the finder's own entry any more, which everybody has and has had acknowledged (J1)."""
        if not self.forks.others:
            return []
        name = chain_name(signer, life)
        other = self.forks.others.get(name)
        return [other, *self.after(name, self.forks.chains[name] - 1, 1)] if other is not None else []

    def after(self, chain: str, number: int, most: int = COPY_MAX, until: int | None = None) -> tuple[Sealed, ...]:
        """The next pieces of a chain for somebody who holds it up to `number`, at most `COPY_MAX`; none that ends after
        `until`."""
        held = self.chains.get(chain)
        if held is None:
            return ()
        found: list[Sealed] = []
        for piece in held.pieces(number, self.shelf):
            if len(found) == most or (until is not None and piece.last > until):
                break
            found.append(piece.sealed)
        return tuple(found)

    def entries(self, chain: str, after: int) -> tuple[Sealed, ...]:
        """All pieces of a chain that are held above a number."""
        held = self.chains.get(chain)
        return tuple(piece.sealed for piece in held.pieces(after, self.shelf)) if held is not None else ()

    def open_heads(self) -> dict[str, int]:
        """The heads of chains that the manager has not acknowledged to their ends: what members compare."""
        return {name: head for name, head in self.heads.items() if head > self.acknowledged.get(name, 0)}

    def lacking(self, heads: dict[str, int], chains: Iterable[str], most: int = COPY_MAX) -> tuple[Sealed, ...]:
        """What a member with these heads lacks of what I hold of these chains and the manager does not, chains in
        order, at most `most` pieces."""
        found: list[Sealed] = []
        for chain in sorted(chains):
            if len(found) >= most:
                break
            has = max(heads.get(chain, 0), self.acknowledged.get(chain, 0))
            if has < self.heads[chain]:
                found.extend(self.after(chain, has, most - len(found)))
        return tuple(found)

    def beyond(self, heads: dict[str, int], most: int, told: dict[str, int] | None = None) -> tuple[Sealed, ...]:
        """What a manager with these heads lacks of what I hold, or of what it is `told` of, as far as it goes on from
        there."""
        told = self.heads if told is None else told
        found: list[Sealed] = []
        for name, chain in sorted(self.chains.items()):
            if len(found) >= most:
                break
            if chain.base.number <= heads.get(name, 0) < told[name]:
                found.extend(self.after(name, heads.get(name, 0), most - len(found), told[name]))
        return tuple(found)

    def heads_without_readings(self, since_ms: int, known: dict[str, int]) -> dict[str, int]:
        """Of each chain the head, but for the readings at its end that came since, and may become part of a sum; not
        less than what is `known` of it already."""
        found = dict(self.heads)
        for name, chain in self.chains.items():
            for piece in reversed(chain.recent):
                if not piece.alone or piece.at_ms < since_ms or piece.last <= known.get(name, 0):
                    break
                found[name] = piece.first - 1
        return found

    # --- what was acknowledged ------------------------------------------------------------------------------------

    def acknowledge(self, word: Acknowledgement) -> None:
        """The manager's newest word. It says less than before if the manager was put back to a backup: then what it
        lacks is kept, as far as it is here (J3)."""
        self.acknowledged = {name: number for name, (number, _) in word.heads.items()}
        self.version += 1

    def drop(self, name: str, most: int, until: int) -> Effects:
        """Let go of the first pieces of a chain up to a number, as far as they were acknowledged, at most so many."""
        chain, until = self.chains[name], min(until, self.acknowledged.get(name, 0))
        if until <= chain.base.number:
            return NOTHING
        gone: list[Piece] = []
        for piece in chain.pieces(0, self.shelf):
            if piece.last > until or len(gone) >= most:
                break
            gone.append(piece)
        if not gone:
            return NOTHING
        chain.drop_to(gone)
        drops = tuple(Drop(key=piece_key(name, piece.last)) for piece in gone)
        return self._kept_base(chain) + Effects(persist=drops)

    def is_over(self, name: str) -> bool:
        """Whether nothing is held of a chain any more, and nothing links to its end."""
        chain = self.chains[name]
        dropped = chain.base.number == chain.head and self.acknowledged.get(name, 0) >= chain.head
        return dropped and name != self.own_chain and chain.hash != self._last_own

    def forget(self, name: str) -> Effects:
        """Let go of a chain that is over."""
        assert self.is_over(name), f"J1: {name} is not over"
        del self.chains[name]
        self.heads = {chain: head for chain, head in self.heads.items() if chain != name}
        self.version += 1
        return Effects(persist=(Drop(key=BASE_PREFIX + name),))

    def lose(self, name: str, until: int) -> Effects:
        """A manager's: nobody retains the next entries of this chain up to that number (J3)."""
        chain = self.chains.get(name) or Chain(name=name)
        chain.lose(chain.head + 1, until)
        self._hold(chain)
        return self._kept_base(chain)

    def ends(self) -> frozenset[str]:
        """The chains after which no other begins: the newest life of each signer, as far as it was heard of; and all
        whose end is lost. A first life begins after none."""
        begins = {chain.recent[0].before for chain in self.chains.values() if chain.recent} - {""}
        return frozenset(name for name, chain in self.chains.items() if chain.hash not in begins)

    def lost(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """Of each chain the stretches, both ends included, that were acknowledged once and that nobody retains."""
        return {name: chain.base.lost for name, chain in self.chains.items() if chain.base.lost}

    # --- folding my own -------------------------------------------------------------------------------------------

    def trailing(self, name: str, *, sums: bool = True) -> list[tuple[Piece, Entry | Fold]]:
        """The newest pieces of a chain behind its last decision or operator's act, or else behind its last sum, too; in
        order, as far as they are in memory."""
        found: list[tuple[Piece, Entry | Fold]] = []
        for piece in reversed(self.chains[name].recent if name in self.chains else []):
            body = body_of(decode(piece.sealed.statement, Statement))
            if not piece.alone and (isinstance(body, Entry) or not sums):
                break
            found.append((piece, body))
        return found[::-1]

    def fold(self, pieces: Iterable[Piece], readings: tuple[Folded, ...], dropped: int) -> tuple[Effects, Sealed]:
        """Put a signed sum in the place of some last pieces of my chain (J2)."""
        chain, whole = self.chains[self.own_chain], list(pieces)
        first, last = whole[0], whole[-1]
        fold = Fold(first=first.first, before=first.before, last=last.hash, readings=readings, dropped=dropped)
        sealed, statement = self._sealed("fold", last.last, encode(fold))
        return self._replace(chain, piece_of(sealed, statement, fold)), sealed

    # --- bookkeeping ----------------------------------------------------------------------------------------------

    @property
    def size_bytes(self) -> int:
        """About what the whole journal takes on a disk."""
        return sum(chain.size_bytes for chain in self.chains.values())

    def check_invariants(self) -> None:
        """J1: no gaps."""
        for chain in self.chains.values():
            chain.check_invariants()

    def _put(self, chain: Chain, piece: Piece) -> Effects:
        base = chain.base
        chain.put(piece, WINDOW if self.shelf is not None else None)
        if piece.first == piece.last and not piece.alone:
            self.decided_ms = max(self.decided_ms, piece.at_ms)
        self._hold(chain)
        kept = Effects(persist=(_put(chain.name, piece),))
        if chain.base != base:
            kept = self._kept_base(chain) + kept
        if not chain.name.startswith(f"{self.me}/") or self._last_own not in ("", piece.before):
            return kept  # of somebody else, or of a life before the last that I know of
        self._last_own = piece.hash  # also of what an earlier life wrote, and its disk had forgotten
        if chain.name != self.own_chain:
            self._go_on()
        return kept + Effects(persist=(Put(key=LAST_KEY, value=self._last_own.encode()),))

    def _go_on(self) -> None:
        """Later lives of mine may have been copied back before the end of this one."""
        lives = [held for name, held in self.chains.items() if name.startswith(f"{self.me}/")]
        first = {piece.before: held for held in lives for piece in islice(held.pieces(0, self.shelf), 1)}
        while (later := first.pop(self._last_own, None)) is not None:
            self._last_own = later.hash

    def _hold(self, chain: Chain) -> None:
        self.chains[chain.name] = chain
        self.heads = {**self.heads, chain.name: chain.head}
        self.version += 1

    def _kept_base(self, chain: Chain) -> Effects:
        return Effects(persist=(Put(key=BASE_PREFIX + chain.name, value=encode(chain.base)),))


def _put(name: str, piece: Piece) -> Put:
    return Put(key=piece_key(name, piece.last), value=encode(piece.sealed))
