"""What grants go by: the versions of the roster, and the fences of those who have closed one (X5, X9)."""

from __future__ import annotations

from collections.abc import Iterable

from skerry.core.group.custody.model import Kept
from skerry.core.group.granting.model import Electorate
from skerry.core.group.succession.model import Closing, Edition
from skerry.core.kernel.ids import GrantKey, NodeId
from skerry.core.kernel.sealing import body_digest
from skerry.core.stages.ir.model import Roster


def edition_of(kept: Kept) -> Edition:
    """A version of the roster, as far as grants go."""
    roster: Roster = kept.value
    members = frozenset(NodeId(n) for n in roster.members)
    electorate = Electorate(
        roster_version=roster.version,
        members=members,
        tie_breaker=roster.tie_breaker,
        lease_ms=roster.run_once_lease_ms,
    )
    return Edition(electorate=electorate, digest=body_digest(kept.sealed))


def highest_fences(closings: Iterable[Closing]) -> dict[GrantKey, int]:
    """To each key the highest fence that any of them names."""
    found: dict[GrantKey, int] = {}
    for closing in closings:
        for key, fence in closing.fences.items():
            found[key] = max(fence, found.get(key, 0))
    return found
