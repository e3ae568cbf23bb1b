"""When a member asks for a hand-over, for the sake of nodes that its leader does not reach (L5, last sentence).

Without it a chain of nodes, of which the ends do not hear each other, never becomes one part.
"""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core.group.election.model import APART_FOR_MS, CALLING_FOR_MS, ROUND_MS, Standing
from skerry.core.kernel.ids import NodeId


@dataclass
class Apart:
    """How long this node has been in contact with another part, and with more nodes than its leader leads."""

    ask_at_ms: int | None = None
    """When it asks next; None: there is nothing to ask for."""

    def is_due(self, at_ms: int, draw: int, leader: NodeId, contacts: dict[NodeId, Standing]) -> bool:
        """Whether it is to ask now: after a second, and again as long as it lasts, since nothing hangs on one message
        (C2). `draw` keeps several of them from asking at once."""
        led = contacts[leader].leads
        reaches_more = 0 < led < len(contacts) + 1
        if not reaches_more or all(c.leader == leader for n, c in contacts.items() if n != leader):
            self.ask_at_ms = None
            return False
        if self.ask_at_ms is None:
            self.ask_at_ms = at_ms + APART_FOR_MS + draw % ROUND_MS
        if at_ms < self.ask_at_ms:
            return False
        self.ask_at_ms = at_ms + CALLING_FOR_MS + draw % ROUND_MS
        return True
