"""When a version of the roster is closed, and who alone may be active under a key at that moment (X5).

The argument, in short. Whoever is active under a version was promised so by a quorum of it; a closing is by a quorum of
it as well, so some node is in both, promised before it closed, and names the holder for as long as the promise lasts.
So once a version is closed nobody comes to be active under it any more; and where a quorum of those who closed it names
one holder or nobody, nobody else is. docs/decisions/0006 has it at length, with what breaks without each part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from skerry.core.group.succession.model import Closing, Edition
from skerry.core.kernel.ids import GrantKey, NodeId

Editions = Mapping[int, Edition]
Closings = Mapping[NodeId, Closing]


def closers(version: int, editions: Editions, closings: Closings) -> dict[NodeId, Closing]:
    """Who has closed a version, in favour of the rosters held here and of no others."""
    return {
        node: closing
        for node, closing in closings.items()
        if closing.through >= version
        and (successor := editions.get(closing.through + 1)) is not None
        and successor.digest == closing.successor
    }


def check_held(counting: int, held: Iterable[int]) -> None:
    """Whether every roster is there from the one that counts on (0: none does yet); nodes take one after the other.

    Raises `msgspec.ValidationError`: what grants go by is lost, and nothing may be granted by a guess."""
    versions = set(held)
    first, last = counting or min(versions), max(versions)
    if first > last or sum(version >= first for version in versions) != last - first + 1:
        raise msgspec.ValidationError(f"of the rosters {first} to {last}, by which grants go, not all are whole")


def is_closed(version: int, editions: Editions, closings: Closings, without: frozenset[NodeId] = frozenset()) -> bool:
    """Whether a quorum has closed it; nobody has to close one without members. `without` are declared dead (X8): they
    need not have closed it, and count if they have."""
    electorate, said = editions[version].electorate, frozenset(closers(version, editions, closings))
    if not electorate.members - without:
        return True
    return electorate.is_quorum(said) or electorate.is_quorum(said, without)


def counts_from(version: int, editions: Editions, closings: Closings, without: frozenset[NodeId] = frozenset()) -> int:
    """Which version counts now, if `version` did: the first that is not closed, or the last."""
    while version + 1 in editions and is_closed(version, editions, closings, without):
        version += 1
    return version


def agreed(base: int, version: int, editions: Editions, closings: Closings) -> dict[GrantKey, NodeId]:
    """For each key the one holder who may go on with it at once under `version`, if `base` counted here before."""
    if base == version:
        return {}
    named = {(key, holder) for closing in closings.values() for key, holder in closing.promises.items()}
    return {key: holder for key, holder in sorted(named) if _alone(key, holder, base, version, editions, closings)}


def _alone(key: GrantKey, holder: NodeId, base: int, version: int, editions: Editions, closings: Closings) -> bool:
    """Whether nobody but this holder can be active under the key: of each version that was closed since, a quorum names
    it or nobody. Who knew a later version to count when it closed says nothing about this one."""
    for closed in range(base, version):
        electorate = editions[closed].electorate
        found = {n: c for n, c in closers(closed, editions, closings).items() if c.base <= closed}
        fitting = {n for n, c in found.items() if c.base < base or c.promises.get(key) in (None, holder)}
        if electorate.members and not electorate.is_quorum(frozenset(fitting)):
            return False
    return True
