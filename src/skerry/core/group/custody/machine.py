"""Keeping documents, and seeing that every member has them (C2).

Who sees in a beat that another lacks something sends it: the author if it is there, else the leader, else whoever has
the least name of those that hold it. Sending twice does no harm; at most once a beat and peer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.core.group.custody.listing import Listing
from skerry.core.group.custody.model import CARRY_BYTES_MAX, CARRY_MAX, Carry, Kept, Version, lacks
from skerry.core.kernel.effects import Drop, Effects, Put, Send
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import Value, encode

DOCUMENT_PREFIX = "document/"


class Holdings(Value, frozen=True, kw_only=True, array_like=True):
    """What a beat says of what its sender holds: the digests always, a list only while somebody differs."""

    documents: str = ""
    """A digest of `versions`."""
    entries: str = ""
    """A digest of `heads`."""
    versions: dict[str, Version] | None = None
    heads: dict[str, int] | None = None
    wanted: dict[str, int] | None = None
    """Of which chains the manager lacks what stands above a number, and the sender has not got it (J3)."""


KINDS = (
    "roster", "site", "catalogue", "intent", "fit", "plan", "verdict", "closing", "dead", "leave", "hold",
    "acknowledged", "later",
)  # fmt: skip
"""What the documents' names begin with."""


@dataclass
class Shelf:
    """The documents of one kind."""

    version: int = 0
    """Grows whenever one of them changes."""
    kept: dict[str, Kept] = field(default_factory=dict)
    """By name."""


@dataclass
class Custody:
    """One node's documents."""

    me: NodeId
    kept: dict[str, Kept] = field(default_factory=dict)
    version: int = 0
    """Grows whenever `kept` changes."""
    shelves: dict[str, Shelf] = field(default_factory=lambda: {kind: Shelf() for kind in KINDS})
    """By kind, for who watches only some of them."""
    own: Shelf = field(default_factory=Shelf)
    """Those that this node has signed itself."""
    listing: Listing = field(default_factory=Listing)
    """Of `kept`."""

    def newer(self, name: str, version: Version) -> bool:
        """Whether this would be news."""
        return name not in self.kept or self.kept[name].version < version

    def keep(self, document: Kept) -> Effects:
        """Take a document into custody, durably. The caller has checked that its author may say this."""
        self.restore(document)
        return Effects(persist=(Put(key=stored_key(document.name), value=encode(document.sealed)),))

    def restore(self, document: Kept) -> None:
        """Put back what the disk holds."""
        self.kept[document.name] = self._shelf(document).kept[document.name] = document
        self.listing.put(document.name, document.version)
        self._changes(document)

    def let_go(self, document: Kept) -> Effects:
        """Keep this no longer. The caller has seen that nobody takes it any more, so that it does not come back."""
        del self.kept[document.name], self._shelf(document).kept[document.name]
        self.listing.drop(document.name)
        self._changes(document)
        return Effects(persist=(Drop(key=stored_key(document.name)),))

    def _shelf(self, document: Kept) -> Shelf:
        return self.shelves[document.name.split("/")[0]]

    def _changes(self, document: Kept) -> None:
        self.version += 1
        self._shelf(document).version += 1
        if document.author == self.me:
            self.own.version += 1

    def versions(self) -> dict[str, Version]:
        """What I hold."""
        return dict(self.listing.versions)

    def lacking(
        self,
        peer: NodeId,
        theirs: dict[str, Version],
        holders: Mapping[NodeId, Mapping[str, Version]],
        leader: NodeId | None,
    ) -> list[Sealed]:
        """What `peer` lacks and is mine to send."""
        return [
            self.kept[name].sealed
            for name in self.beyond(theirs)
            if self._is_mine_to_send(self.kept[name], peer, holders, leader)
        ]

    def beyond(self, theirs: dict[str, Version]) -> list[str]:
        """The names of those that somebody with these versions lacks, in order."""
        differing = [name for name, version in self.listing.versions.items() if theirs.get(name) != version]
        return [name for name in differing if lacks(theirs, name, self.kept[name].version)]

    def _is_mine_to_send(
        self, kept: Kept, peer: NodeId, holders: Mapping[NodeId, Mapping[str, Version]], leader: NodeId | None
    ) -> bool:
        def has(node: NodeId) -> bool:
            return node in holders and node != peer and holders[node].get(kept.name) == kept.version

        for first in (NodeId(kept.author), leader):
            if first is not None and (first == self.me or has(first)):
                return first == self.me
        return not any(has(node) for node in holders if node < self.me)


def stored_key(name: str) -> str:
    """Under which key a document is kept."""
    return DOCUMENT_PREFIX + name


def packed(peer: NodeId | None, items: list[Sealed]) -> tuple[Send, ...]:
    """The items in one message of bounded size, a single one as it is; what does not fit goes with the next beat."""
    if not items:
        return ()
    fitting: list[Sealed] = []
    size_bytes = 0
    for item in items[:CARRY_MAX]:
        size_bytes += len(item.statement) + 100
        if fitting and size_bytes > CARRY_BYTES_MAX:
            break
        fitting.append(item)
    return (Send(to=peer, message=Carry(items=tuple(fitting)) if len(fitting) > 1 else fitting[0]),)
