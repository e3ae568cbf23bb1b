"""Who measures whom, and what the figures amount to (D24, P5)."""

from __future__ import annotations

from collections.abc import Sequence

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.monitoring.model import EXPERIENCE_NEEDED


def measurer(holder: NodeId, validators: Sequence[NodeId], reporters: Sequence[NodeId]) -> NodeId | None:
    """Who measures what `holder` holds: the first validator that is another node, else the first such reporter; where
    there is nobody else, the holder itself, as on a site of one."""
    for node in (*validators, *reporters):
        if node != holder:
            return node
    return next(iter(validators), None)


def median(figures: Sequence[int]) -> int:
    """The middle figure; of an even number the lower of the two, so that doubt counts against."""
    return sorted(figures)[(len(figures) - 1) // 2]


def says_no(figures: Sequence[int]) -> bool:
    """P5: five figures at least, and a median under the floor."""
    return len(figures) >= EXPERIENCE_NEEDED and median(figures) < 1_000
