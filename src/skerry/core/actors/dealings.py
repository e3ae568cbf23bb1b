"""What a site and its manager tell each other of what they hold: everything once, then what has changed, then nothing.

Each side remembers what the other holds, and what the other has shown to know of its own. Every list goes with the
digest of the whole that it leads to and, where it is not whole itself, of what it starts from: a memory that does not
fit (a restart, another node that asks, an answer that was lost) is seen at once, and the next list is whole again. So
none of it hangs on a single message (R1), and a site at rest asks with eight bytes.

Questions overlap where answers take longer than the time between two: the later question was written before the answer
to the earlier was heard, and so starts from what was held before that. Hence both sides remember a few stocks, by
digest, and not the last alone; else each slow answer would make the next list a whole one, and the word on a plan come
a question later.

Not to be confused with `Holdings`, by which the members of a site compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from skerry.core.conversation import Exchange
from skerry.core.group.custody.model import Version
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import Value, digest, encode

T = TypeVar("T")
REMEMBERED_MAX = 6
"""Stocks of each side: the last that both know, and one for each question that may be on its way: four in a grace, and
those that follow an answer at once."""


class Stock(Value, frozen=True, kw_only=True):
    """What somebody holds: the version of each document, and of each chain the number of its last entry."""

    versions: dict[str, Version] = {}
    heads: dict[str, int] = {}


@dataclass
class Dealings:
    """One side's memory of one other. Lost with its process, and found again within two questions."""

    theirs: Stock | None = None
    """What they hold; None: not known."""
    _known: str = ""
    """Of what I told, what they have shown to know; by its digest, as all of these."""
    _told: dict[str, Stock] = field(default_factory=dict)
    _heard: dict[str, Stock] = field(default_factory=dict)

    def ask(self, mine: Stock, items: tuple[Sealed, ...], lost: Mapping[str, int] | None = None) -> bytes:
        """What a question carries: if both sides know each other's stock and nothing is to be handed over, nor to be
        said of what is lost, only that they do."""
        if items or lost or self.theirs is None or self._told.get(self._known) != mine:
            return encode(msgspec.structs.replace(self.tell(mine, items), lost=dict(lost or {})))
        return encode(Exchange(accord=accord(mine, self.theirs)))

    def tell(self, mine: Stock, items: tuple[Sealed, ...]) -> Exchange:
        """What I hold, as far as they do not know it, and these items."""
        start, name = self._told.get(self._known, Stock()), digest(mine)
        self._told = _remembered(self._told, name, mine, spared=self._known)
        return Exchange(
            digest=name,
            base=self._known,
            known=digest(self.theirs) if self.theirs is not None else "",
            versions=_changed(start.versions, mine.versions),
            heads=_changed(start.heads, mine.heads),
            items=items,
        )

    def agrees(self, asked: Exchange, mine: Stock) -> bool:
        """Whether the asker has shown to know all that I hold, and that it holds what I think."""
        if self.theirs is None or asked.accord != accord(self.theirs, mine):
            return False
        if self._told.get(self._known) != mine:
            self._known = digest(mine)
            self._told = _remembered(self._told, self._known, mine, spared=self._known)
        return True

    def hear(self, said: Exchange) -> None:
        """Take what they tell of their stock, and find out what they know of mine."""
        if said.accord:
            return
        self.theirs = self._whole(said)
        if self.theirs is not None:
            self._heard = _remembered(self._heard, digest(self.theirs), self.theirs, spared=said.base)
        self._known = said.known if said.known in self._told else ""

    def _whole(self, said: Exchange) -> Stock | None:
        start = self._heard.get(said.base) if said.base else Stock()
        if start is None:
            return None
        whole = Stock(versions={**start.versions, **said.versions}, heads={**start.heads, **said.heads})
        # Who gives no digest tells everything each time.
        return whole if said.digest in ("", digest(whole)) else None


def _remembered(stocks: Mapping[str, Stock], name: str, stock: Stock, *, spared: str) -> dict[str, Stock]:
    """These and one more, which is the newest; the oldest are forgotten, but not the one that is still built upon."""
    found = {**{n: s for n, s in stocks.items() if n != name}, name: stock}
    old = [n for n in found if n not in (name, spared)]
    for forgotten in old[: max(len(found) - REMEMBERED_MAX, 0)]:
        del found[forgotten]
    return found


def accord(site: Stock, manager: Stock) -> bytes:
    """Eight bytes that are equal where two agree on what both hold."""
    return bytes.fromhex(digest((site, manager)))


def _changed(before: Mapping[str, T], now: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in now.items() if before.get(name) != value}
