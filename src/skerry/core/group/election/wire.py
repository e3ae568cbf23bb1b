"""What nodes say to each other about who leads (L1-L6). All of it is signed on its way."""

from __future__ import annotations

from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import Value, Whole


class WouldYou(Value, frozen=True, kw_only=True, tag="would_you"):
    """Asked before anything is persisted: would you follow me? (L3)"""

    round: Whole


class IWould(Value, frozen=True, kw_only=True, tag="i_would"):
    """The answer; it binds to nothing."""

    round: Whole
    yes: bool
    highest: Whole


class FollowMe(Value, frozen=True, kw_only=True, tag="follow_me"):
    """I follow myself in this term; follow me."""

    term: Whole


class Follow(Value, frozen=True, kw_only=True, tag="follow"):
    """The one kind of vote: in this term I follow this node. On disk before it leaves (L1)."""

    term: Whole
    leader: NodeId


class HandOver(Value, frozen=True, kw_only=True, tag="hand_over"):
    """From a leader to its part: follow `to` when it asks."""

    term: Whole
    to: NodeId


class AskHandOver(Value, frozen=True, kw_only=True, tag="ask_hand_over"):
    """From a member that is in contact with another part, and with more nodes than its leader leads (L5); or one that
    an operator has told whom they want to lead (L6)."""

    term: Whole
    to: NodeId | None = None
    """Whom the operator wants; None: the member itself, for what it reaches."""
    reaches: Whole = 0
    """How many nodes: those that it is in contact with, and itself."""


class HandOverWanted(Value, frozen=True, kw_only=True, tag="hand_over_wanted"):
    """Signed by an operator: another is to lead (L6)."""

    term: Whole
    """The one in force: a word is good for one leadership."""
    to: NodeId | None = None
    """Whom; None: whoever would lead best of the others."""


class HandOverAsked(Value, frozen=True, kw_only=True, tag=True):
    """An operator's word was handed in here; the signature is good."""

    request: str
    said: Verified[HandOverWanted]


ElectionMessage = WouldYou | IWould | FollowMe | Follow | HandOver | AskHandOver
