"""What the people of this world wrote: where the manager gets sites and intents from, and the engine for expressions.

The simulator is told; it reads no manifests itself, so that it stands beside the adapters and not on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import ManagerId
from skerry.core.stages.ir.model import IntermediateRepresentation, SiteDocument

Wish = Callable[[ManagerId, int, int], IntermediateRepresentation]
"""Owner, generation, and how much is asked for in per cent of the example's limits."""


@dataclass(frozen=True, kw_only=True)
class Book:
    """Injected by whoever can read manifests."""

    expressions: Expressions
    site: SiteDocument
    """As written; the world changes its times and its tie-breaker."""
    intents: Mapping[str, Wish]
    """The first is there from the start."""
    programs: tuple[str, ...]
    """All that the intents' configurations start."""
