"""What an account is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skerry.core.kernel.values import Value

USED = ("instance.seconds", "client.seconds", "validated", "role.active", "role.stopped")
"""The journal entries that an account needs, by what they say."""


ASSIGNED = "role.assigned"
"""What a reading says that no node wrote: a node was given a role, and lost for good before anything of what came of it
was here. It stands in no life of that node that is known, so in the one that has no name."""


class Reading(Value, frozen=True, kw_only=True):
    """One journal entry, verified and in a chain without gaps."""

    node: str
    life: str
    number: int
    """Its place in the chain of this life."""
    what: str
    """One of `USED`, or `ASSIGNED`."""
    about: str
    """The instance or, of `client.seconds`, the client."""
    data: dict[str, Any]
    wall_ms: int
    count: int = 1
    """How many readings were folded into it (J2)."""


class Life(Value, frozen=True, kw_only=True):
    """What is known of the end of one life of an agent (H3)."""

    over_wall_ms: int
    """When it was over at the latest: its node's next life had begun, or its node was taken out of the roster. Now, if
    it may go on."""
    whole: bool = False
    """Whether its journal is here to the last entry, as the next life names it."""
    lost: tuple[tuple[int, int], ...] = ()
    """Numbers of its entries, both ends included, that nobody has any more (J3)."""


Lives = Mapping[tuple[str, str], Life]
"""By node and life."""
