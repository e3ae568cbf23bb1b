"""A manager's word on what a site decided (D18, R1)."""

from __future__ import annotations

from typing import Literal

from skerry.core.kernel.ids import IntentId, PlanId
from skerry.core.kernel.values import Value

VERDICT_PREFIX = "verdict/"
Word = Literal["final", "replaced", "refused"]
"""final: it stands; replaced: a newer generation of the intent takes its place; refused: what led to it does not
verify, or it breaks the intent's own terms."""


class Verdict(Value, frozen=True, kw_only=True, tag="verdict"):
    """Names intent generation, plan id and digest, and applies only while that is in force."""

    intent: IntentId
    generation: int
    plan: PlanId
    digest: str
    """Of the section (`Section.digest`)."""
    word: Word
    reason: str
    temporary: bool
    """Whether the section was decided without this manager: a verdict on it ratifies or replaces."""
    number: int
    """Grows with each verdict of this manager for this site."""
    wall_ms: int

    @property
    def document(self) -> str:
        """The name under which the site keeps it: of each leader's plans the last word stands beside those on others',
        since parts of a split site have plans of different leaders (R3)."""
        return f"{VERDICT_PREFIX}{self.intent}/{self.plan.leader}"
