"""Which object lies in which stores: the map that placement keeps, with the rules for choosing and for copying.

Pure: no clock, no sockets, no threads (whoever uses it holds a lock). The map is made from what the stores list, so
that nothing has to be kept by placement itself.

A store *counts* as a place for copies while it is listed, has told what it holds, and is not being drained. An object
is *short* while it lies in fewer nodes' counting stores than it should (two, unless said otherwise); the set of short
ones is kept up to date with every change, since looking through all objects on each would not scale.

Still ugly: an object is never forgotten, and if every store with its newest version is lost, an older version
elsewhere is not offered in its stead; it is answered as missing for now.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from skerry.examples.programs.engine import Version

COPIES = 2
LOOK_MAX = 1_000


class Place(NamedTuple):
    """A store that has told what it holds; `key` names it, with its node."""

    key: str
    instance: str
    node: str
    endpoint: str
    draining: bool


class Entry(NamedTuple):
    """The newest known version of an object, and the keys of the stores that hold it."""

    version: Version
    sha: str
    size: int
    holders: frozenset[str]


class CopyOrder(NamedTuple):
    """One copy to be made."""

    name: str
    version: Version
    source: Place
    target: Place


class Ledger:
    """The map, and the stores that it may count on."""

    def __init__(self, copies: int = COPIES) -> None:
        """`copies`: on how many nodes each object should lie."""
        self._copies = copies
        self.entries: dict[str, Entry] = {}
        self.places: dict[str, Place] = {}
        self.short: dict[str, None] = {}
        self._turn = 0

    def has(self, name: str, version: Version, sha: str, size: int, holders: Iterable[str]) -> None:
        """These stores hold this version: it replaces older ones, joins an equal one, and is passed over if older."""
        known = self.entries.get(name)
        if known is None or known.version < version:
            self.entries[name] = Entry(version, sha, size, frozenset(holders))
        elif known.version == version and known.sha == sha:
            self.entries[name] = known._replace(holders=known.holders | frozenset(holders))
        self._review(name)

    def join(self, place: Place, held: Mapping[str, tuple[int, str, Version]]) -> None:
        """A store is back or new, and holds exactly these (size, checksum, version)."""
        self.places[place.key] = place
        for name, (size, sha, version) in held.items():
            self.has(name, version, sha, size, [place.key])
        self.review()

    def leave(self, key: str) -> None:
        """A store is gone; what it holds it will tell when it is back."""
        del self.places[key]
        for name, entry in self.entries.items():
            if key in entry.holders:
                self.entries[name] = entry._replace(holders=entry.holders - {key})
        self.review()

    def update(self, place: Place) -> None:
        """A store begins or ends to be drained."""
        self.places[place.key] = place
        self.review()

    def holders(self, entry: Entry) -> list[Place]:
        """The stores that can be read from, those that stay first."""
        places = [self.places[key] for key in sorted(entry.holders) if key in self.places]
        return sorted(places, key=lambda place: place.draining)

    def review(self) -> None:
        """Look through all objects for those that lack a copy: after the stores have changed."""
        for name in self.entries:
            self._review(name)

    def orders(self, at_most: int, busy: Collection[str], blocked: Collection[str]) -> list[CopyOrder]:
        """Copies to be made now: of objects that are not being copied yet, to stores that are not blocked."""
        orders: list[CopyOrder] = []
        for name in list(itertools.islice(self.short, LOOK_MAX)):
            if len(orders) == at_most:
                break
            if name in busy:
                continue
            order = self._order(name, blocked)
            if order is not None:
                orders.append(order)
            # To the end: what cannot be copied now must not hide what can.
            self.short[name] = self.short.pop(name)
        return orders

    def dispensable(self, key: str) -> bool:
        """True if no object in this store lacks copies elsewhere: it may go when it is being drained."""
        return not any(key in self.entries[name].holders for name in self.short)

    def _review(self, name: str) -> None:
        if len(self._counted_nodes(self.entries[name])) < self._copies:
            self.short[name] = None
        else:
            self.short.pop(name, None)

    def _counted_nodes(self, entry: Entry) -> set[str]:
        places = (self.places.get(key) for key in entry.holders)
        return {place.node for place in places if place is not None and not place.draining}

    def _order(self, name: str, blocked: Collection[str]) -> CopyOrder | None:
        entry = self.entries[name]
        nodes = self._counted_nodes(entry)
        sources = self.holders(entry)
        targets = [
            place
            for place in self.places.values()
            if not place.draining and place.node not in nodes and place.key not in entry.holders | frozenset(blocked)
        ]
        if not sources or not targets:
            return None
        self._turn += 1
        return CopyOrder(name, entry.version, sources[self._turn % len(sources)], targets[self._turn % len(targets)])


def choose(places: Iterable[Place], avoid: Collection[str], turn: int, copies: int = COPIES) -> list[Place]:
    """So many stores on as many nodes, taking turns. Those that are being drained come after the others, since what
    they are given has to be copied on; those to be avoided come last. Fewer if there are not as many."""
    usable = sorted(places, key=lambda place: place.key)
    shift = turn % len(usable) if usable else 0
    usable = usable[shift:] + usable[:shift]
    chosen: dict[str, Place] = {}
    for place in sorted(usable, key=lambda place: (place.key in avoid, place.draining)):
        if len(chosen) < copies:
            chosen.setdefault(place.node, place)
    return list(chosen.values())
