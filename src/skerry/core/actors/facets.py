"""What the members in contact say, side by side, each side with a version of its own.

A beat comes from every member once a second and mostly says what the one before said. Whoever watches a facet, and not
the contacts as such, looks again only when that side of it has changed; what merely gets old is a matter of deadlines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from skerry.core.conversation import Carried
from skerry.core.group.custody.machine import Holdings
from skerry.core.group.election.model import Standing
from skerry.core.group.membership.machine import Membership
from skerry.core.group.membership.model import Contact
from skerry.core.group.uplink.model import UplinkReport
from skerry.core.kernel.ids import ManagerId, NodeId
from skerry.core.kernel.values import decode

BEATS_REMEMBERED = 1_024


@dataclass
class Facet:
    """One side of what is heard."""

    name: str
    version: int = 0
    """Grows whenever this side of it changes."""
    said: dict[NodeId, Any] = field(default_factory=dict)
    """What is read of each member in contact."""

    def hear(self, contact: Contact, carried: Carried) -> None:
        """A member says this now."""
        value = _READ[self.name](contact, carried)
        if contact.node not in self.said or self.said[contact.node] != value:
            self.said[contact.node] = value
            self.version += 1

    def lose(self, node: NodeId) -> None:
        """A member is not in contact any more."""
        del self.said[node]
        self.version += 1


@dataclass
class Facets:
    """All sides, kept up with what membership hears."""

    carried: dict[NodeId, Carried] = field(default_factory=dict)
    """What the latest beat of each node in contact carries."""
    holdings: dict[NodeId, Holdings] = field(default_factory=dict)
    """What it says that its sender holds."""
    answered: dict[NodeId, dict[ManagerId, UplinkReport]] = field(default_factory=dict)
    """What those say of managers whom one of them has ever answered."""
    sides: dict[str, Facet] = field(default_factory=lambda: {name: Facet(name) for name in _READ})
    """By name, for `views.WATCHES`."""
    version: int = 0
    """Grows whenever that of a side may have grown."""
    _woke_ms: int | None = None
    _heard: dict[NodeId, Contact] = field(default_factory=dict)
    """Each node's contact when its sides were last read."""

    def follow(self, membership: Membership) -> None:
        """Take over what its present or last step has changed; twice does no harm."""
        if membership.woke_ms != self._woke_ms:
            self._woke_ms = membership.woke_ms
            self.sides["standings"].version += 1
            self.version += 1
        for node in membership.changed:
            contact = membership.contacts.get(node)
            if contact is not None:
                self._hear(contact)
            elif self.carried.pop(node, None) is not None:
                del self.holdings[node], self._heard[node]
                self.answered.pop(node, None)
                self.version += 1
                for side in self.sides.values():
                    side.lose(node)

    def _hear(self, contact: Contact) -> None:
        node = contact.node
        self.holdings[node] = holdings_by(contact.beat.holdings)
        before = self._heard.get(node)
        if before is not None and before.beat.carried == contact.beat.carried and before.life == contact.life:
            return
        self._heard[node] = contact
        self.version += 1
        carried = self.carried[node] = carried_by(contact.beat.carried)
        if any(report.answered_ms is not None for report in carried.uplinks.values()):
            self.answered[node] = carried.uplinks
        else:
            self.answered.pop(node, None)
        for side in self.sides.values():
            side.hear(contact, carried)


@lru_cache(maxsize=BEATS_REMEMBERED)
def carried_by(raw: bytes) -> Carried:
    """What a beat carries. Of a newer version's that cannot be read: it is there, and says nothing to me."""
    try:
        return decode(raw, Carried)
    except msgspec.DecodeError:
        return Carried(standing=Standing())


@lru_cache(maxsize=BEATS_REMEMBERED)
def holdings_by(raw: bytes) -> Holdings:
    """What a beat says that its sender holds, likewise."""
    try:
        return decode(raw, Holdings)
    except msgspec.DecodeError:
        return Holdings()


_READ: dict[str, Callable[[Contact, Carried], Any]] = {
    "lives": lambda contact, said: contact.life,
    "standings": lambda contact, said: said.standing,
    "running": lambda contact, said: said.running,
    "uplinks": lambda contact, said: (said.standing.leader, said.modes, said.uplinks),
    "work": lambda contact, said: (
        said.standing.term, said.plan, said.running, said.verified, said.reach_permille, said.idle_permille,
    ),
}  # fmt: skip
