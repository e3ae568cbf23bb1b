"""What a holder and its granters say. Grants of one holder travel in one message (N6)."""

from __future__ import annotations

from skerry.core.kernel.ids import GrantKey
from skerry.core.kernel.values import Value, Whole


class GrantAsk(Value, frozen=True, kw_only=True, tag="grant_ask", array_like=True):
    """Promise me these keys. The holder's lease runs from the moment in which this leaves."""

    number: Whole
    """Grows within one life of the holder, over requests and releases alike; older ones are ignored (X2)."""
    roster_version: Whole
    keys: dict[GrantKey, Whole]
    """To each key the fence that I take for it; 0 while I do not know which is free."""


class GrantGive(Value, frozen=True, kw_only=True, tag="grant_give", array_like=True):
    """The answer to one `GrantAsk`."""

    number: Whole
    roster_version: Whole
    fences: dict[GrantKey, Whole]
    """Of each key that is promised, the highest fence that this granter has seen, the asked one included."""


class GrantRelease(Value, frozen=True, kw_only=True, tag="grant_release", array_like=True):
    """I am not active under these keys any more, and ask for them no longer."""

    number: Whole
    keys: tuple[GrantKey, ...]


GrantMessage = GrantAsk | GrantGive | GrantRelease
