"""What a node has seen of others at work: the last twenty figures per node and configuration, in thousandths of the
floor (P5).

It is no verdict for ever. A link that lost much, or a machine that was busy, is measured as if the work were bad, and
whoever was refused for that is not measured any more: its figures would never change. So an experience ends an hour
after its last figure, and who is bad has to be found so anew (decision 0028).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from skerry.core.stages.monitoring.model import EXPERIENCE_FOR_MS, EXPERIENCE_MAX, EXPERIENCE_NEEDED
from skerry.core.stages.monitoring.rules import median
from skerry.core.stages.negotiation.model import No


@dataclass
class Known:
    """Of one node with one configuration."""

    figures: deque[int] = field(default_factory=lambda: deque(maxlen=EXPERIENCE_MAX))
    evidence: str = ""
    """The entry that holds the last figure: `<chain>#<number>`."""
    until_ms: int = 0

    @property
    def median_permille(self) -> int:
        """Of its figures."""
        return median(self.figures)

    @property
    def says_no(self) -> bool:
        """Five figures at least, and a median under the floor."""
        return len(self.figures) >= EXPERIENCE_NEEDED and self.median_permille < 1_000


@dataclass
class Experience:
    """By `<node> <digest>`."""

    _known: dict[str, Known] = field(default_factory=dict)

    def add(self, key: str, fit_permille: int, evidence: str, at_ms: int) -> Known:
        """One more figure; what has ended by now is forgotten first. Gives what is known with it."""
        self._known = {name: known for name, known in self._known.items() if at_ms < known.until_ms}
        known = self._known.setdefault(key, Known())
        known.figures.append(fit_permille)
        known.evidence, known.until_ms = evidence, at_ms + EXPERIENCE_FOR_MS
        return known

    def against(self, at_ms: int) -> dict[str, No]:
        """What is to be said against whom."""
        return {
            key: No(
                reason=f"{len(known.figures)} measurements, median fit {known.median_permille / 1000:.2f} of the floor",
                evidence=known.evidence,
            )
            for key, known in sorted(self._known.items())
            if at_ms < known.until_ms and known.says_no
        }
