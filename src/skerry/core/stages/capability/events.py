"""What the sensors find."""

from __future__ import annotations

from skerry.core.kernel.values import Value
from skerry.core.stages.capability.model import NodeFacts, Usage


class UsageSampled(Value, frozen=True, kw_only=True, tag=True):
    """What the guard's tree uses."""

    usage: Usage


class FactsFound(Value, frozen=True, kw_only=True, tag=True):
    """What this node has, as its owner's file and the machine say."""

    facts: NodeFacts
