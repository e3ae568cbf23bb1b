"""What the people of this world wrote, and the engine for expressions.

The simulator is told; it reads no manifests itself, so that it stands beside the adapters and not on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from skerry.core.kernel.expressions import Expressions
from skerry.core.stages.intent.model import Catalogue, Intent, Site


@dataclass(frozen=True, kw_only=True)
class Book:
    """Injected by whoever can read manifests."""

    expressions: Expressions
    place: Site
    """As written; the world changes its times and its tie-breaker."""
    catalogue: Catalogue
    catalogue_text: str
    """The same, as a site keeps it."""
    intents: Mapping[str, Intent]
    """By name. The first is there from the start."""
    programs: tuple[str, ...]
    """All that the intents' configurations start."""
    texts: Mapping[str, str]
    """The intents as people hand them in, by name."""
    read: Callable[[str], Intent]
    """Of one text the intent. Raises ValueError."""
