"""When a node puts its newest readings together into one sum (J2): cut off by their number, at rest by the time."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core.actors.picture import Picture
from skerry.core.group.custody.machine import packed
from skerry.core.group.journal.chain import Piece
from skerry.core.group.journal.model import Entry, Fold
from skerry.core.kernel.effects import NOTHING, Effects
from skerry.core.stages.history.folding import fold

Trailing = list[tuple[Piece, Entry | Fold]]
"""Readings and sums that nothing but others follow, oldest first, with what each lies in."""


@dataclass
class Folding:
    """When that is next."""

    next_head: int = 0
    """Of the node's own chain: with this number there may be enough."""
    next_ms: int = 0
    """At rest."""

    def fold(self, picture: Picture, at_ms: int) -> Effects:
        """While the home manager is out of reach, the newest readings become one sum, again and again; so a site that
        is cut off for months writes no more of them than one that is for an hour. At a site at rest those since the
        last sum become the next, before they go up (decision 0017)."""
        agent = picture.agent
        isolated = agent.uplink.mode(picture.roster().manager) == "isolated"
        trailing = self._enough(picture) if isolated else self._since_the_last(picture, at_ms)
        if not trailing:
            return NOTHING
        done, sealed = agent.journal.fold([piece for piece, _ in trailing], *fold(body for _, body in trailing))
        return done + Effects(send=packed(None, [sealed]))

    def _enough(self, picture: Picture) -> Trailing:
        journal, most = picture.agent.journal, picture.agent.retaining.retention.fold_from
        head = journal.heads.get(journal.own_chain, 0)
        if head < self.next_head:
            return []
        trailing = journal.trailing(journal.own_chain)
        self.next_head = head + max(most - len(trailing), 1)
        return trailing if len(trailing) >= most else []

    def _since_the_last(self, picture: Picture, at_ms: int) -> Trailing:
        if at_ms < self.next_ms:
            return []
        self.next_ms = at_ms + picture.rest_for_ms()
        journal = picture.agent.journal
        newest = journal.trailing(journal.own_chain, sums=False) if picture.rests(at_ms) else []
        return newest if len(newest) > 1 else []
