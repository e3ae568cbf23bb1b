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
"""Of cores to which the home manager belongs."""
GUEST_PERMILLE = 600
"""Of guests that then do, too."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """What is mended, and what the liveness phase demands something of."""

    nodes: tuple[str, ...]
    uplinks: tuple[str, ...]
    """Of these nodes; none: all managers stay as they are, too."""
    managers: tuple[str, ...] = ()
    """Those that belong to it, the home manager among them, if there are uplinks; other guests stay as they are."""
    whole: bool = False
    """It is everything that the world has."""

    def links(self) -> list[Link]:
        """All that work from now on, both ways."""
        inside = [(a, b) for a in self.nodes for b in self.nodes if a != b]
        ways = [(node, manager) for node in self.uplinks for manager in self.managers]
        return inside + [link for a, b in ways for link in ((a, b), (b, a))]

    def __str__(self) -> str:
        reach = (
            f"{', '.join(self.uplinks)} with {', '.join(self.managers)}" if self.uplinks else "no way to the manager"
        )
        return "everything" if self.whole else f"{', '.join(self.nodes)}; {reach}"


def draw_core(
    nodes: tuple[str, ...], leaving: frozenset[str], managers: tuple[str, ...], part_permille: int, chance: Chance
) -> Core:
    """Everything, or a part of it. Without `managers`, of which the first is the home manager, nobody reaches one; nor
    does a part in which all that could are leaving: their way goes with them."""
    if not chance.happens(part_permille):
        return Core(nodes=nodes, uplinks=nodes if managers else (), managers=managers, whole=bool(managers))
    number = 1 if chance.happens(SINGLE_PERMILLE) else chance.between((len(nodes) + 1) // 2, len(nodes))
    inside = chance.sample(nodes, number)
    reaching = chance.sample(inside, chance.between(1, number)) if chance.happens(REACHES_PERMILLE) and managers else []
    reaching = reaching if not leaving.issuperset(reaching) else []
    healed = [name for name in managers[1:] if chance.child(name).happens(GUEST_PERMILLE)] if reaching else []
    return Core(
        nodes=tuple(sorted(inside)),
        uplinks=tuple(sorted(reaching)),
        managers=(managers[0], *healed) if reaching else (),
    )
