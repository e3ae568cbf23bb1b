"""Rights that a roster gives anew.

What operators and guests say lapses with their right to it (R4, X8, D25): whoever takes that roster drops it. Others
may still have it, and would hand it on once the right is given again; so a right that was taken and given is another
one, and what was said under the first stays void.
"""

from __future__ import annotations

import msgspec

from skerry.core.stages.ir.model import Guest, Operator, Roster


def with_rights_since(now: Roster, following: Roster) -> Roster:
    """The successor of `now`, with the version that gave anew what `now` does not give."""
    version = following.version
    operators = {n: _operator_since(now.operators.get(n), one, version) for n, one in following.operators.items()}
    guests = tuple(_guest_since(now.guest(guest.name), guest, version) for guest in following.guests)
    return msgspec.structs.replace(following, operators=operators, guests=guests)


def _operator_since(before: Operator | None, after: Operator, version: int) -> Operator:
    known = before if before is not None and before.public_key == after.public_key else None
    since = {right: _since(known, right, version) for right in after.may}
    return msgspec.structs.replace(after, since={right: number for right, number in since.items() if number})


def _since(known: Operator | None, right: str, version: int) -> int:
    return known.since.get(right, 0) if known is not None and right in known.may else version


def _guest_since(before: Guest | None, after: Guest, version: int) -> Guest:
    if before is None or after.dismissed:
        return after
    return msgspec.structs.replace(after, since=version if before.dismissed else before.since)
