"""What a node says when a version of the roster is over for it, and what a version is as far as grants go (X5)."""

from __future__ import annotations

from skerry.core.group.granting.model import Electorate
from skerry.core.kernel.ids import GrantKey, NodeId
from skerry.core.kernel.values import Value, Whole

CLOSING_PREFIX = "closing/"


class Edition(Value, frozen=True, kw_only=True):
    """One version of the roster, as far as grants go."""

    electorate: Electorate
    digest: str
    """Of the whole roster."""


class Closing(Value, frozen=True, kw_only=True, tag="closing"):
    """A node's word that it grants nothing more under any version of the roster up to `through`.

    Each node keeps one, the latest; it names the successor, so it is said for one successor only, and what was said
    earlier of the same chain holds still.
    """

    node: NodeId
    base: Whole
    """The version that counted for this node when it said so: under no later one has it ever granted anything."""
    through: Whole
    successor: str
    """Digest of version `through + 1`."""
    promises: dict[GrantKey, NodeId]
    """What it has promised under `base`, and to whom, as far as that is not over."""
    fences: dict[GrantKey, Whole] = {}
    """The highest fences that it has seen: the next roster's granters need not have seen any (X9)."""
