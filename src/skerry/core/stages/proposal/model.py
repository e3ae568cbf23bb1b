"""Who could fill a slot, how well, and why the others could not (D11)."""

from __future__ import annotations

from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.values import Value
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.fit.model import RoleFit

NOT_MEASURED = "not measured yet"
"""Why a node is not ranked for the moment."""


class Candidate(Value, frozen=True, kw_only=True):
    """One node with one configuration, scored. All figures are in thousandths."""

    node: NodeId
    configuration: str
    digest: str
    fit_permille: int
    """The measured fit against the standards: 1,200 is 120 of 100."""
    lowered: bool
    """It does only with the standards lowered to their floor."""
    terms: dict[str, int]
    """Of the objective function: each 0 to 1,000."""
    weights: dict[str, int]
    score: int
    """The weighted mean of the terms."""


class Ranking(Value, frozen=True, kw_only=True):
    """All that the leader knew when it ranked for a slot; `explain` shows it."""

    candidates: tuple[Candidate, ...]
    """Best first."""
    unable: dict[NodeId, str] = {}
    """Why not the others."""


class Member(Value, frozen=True, kw_only=True):
    """What the leader knows of one node: its report, and what the plan in the making already gives it."""

    fit: RoleFit
    free: Resources
    """As reported, less what has been assigned since."""

    def at(self, free: Resources) -> Member:
        """The same node, with so much free."""
        return Member(fit=self.fit, free=free)
