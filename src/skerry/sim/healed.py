"""What is healed when the safety phase is over: a core. What is outside it stays as broken as it is, for good.

The core is drawn: some nodes, and perhaps the manager with the uplinks of some of them. All links between its nodes
work from then on, and between them and the manager those of the uplinks drawn. A node outside may be dead, hung,
frozen, half cut off, or quite well: whatever is not mended may work by chance, and be lost again by its own faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.network import Link

SINGLE_PERMILLE = 150
"""Of cores that are one node."""
REACHES_PERMILLE = 650
"""Of cores to which the manager belongs."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """What is mended, and what the liveness phase demands something of."""

    nodes: tuple[str, ...]
    uplinks: tuple[str, ...]
    """Of these nodes; none: the manager stays as it is, too."""
    whole: bool = False
    """It is everything that the world has."""

    def links(self, manager: str) -> list[Link]:
        """All that work from now on, both ways."""
        inside = [(a, b) for a in self.nodes for b in self.nodes if a != b]
        return inside + [link for node in self.uplinks for link in ((node, manager), (manager, node))]

    def __str__(self) -> str:
        reach = f"{', '.join(self.uplinks)} with the manager" if self.uplinks else "no way to the manager"
        return "everything" if self.whole else f"{', '.join(self.nodes)}; {reach}"


def draw_core(nodes: tuple[str, ...], part_permille: int, chance: Chance) -> Core:
    """Everything, or a part of it."""
    if not chance.happens(part_permille):
        return Core(nodes=nodes, uplinks=nodes, whole=True)
    number = 1 if chance.happens(SINGLE_PERMILLE) else chance.between((len(nodes) + 1) // 2, len(nodes))
    inside = chance.sample(nodes, number)
    reaching = chance.sample(inside, chance.between(1, number)) if chance.happens(REACHES_PERMILLE) else []
    return Core(nodes=tuple(sorted(inside)), uplinks=tuple(sorted(reaching)))
