"""Who can hear whom, for as long as a world is not healed: most sites are one network, some are not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance

if TYPE_CHECKING:
    from skerry.sim.network import Link

GRAPHS = ("mesh", "chain", "star", "sparse", "one_way")
MESH_PERMILLE = 550
MISSING_PERMILLE = 300


def missing_links(graph: str, nodes: tuple[str, ...], chance: Chance) -> list[Link]:
    """The links that a contact graph lacks: a chain's neighbours, a star's middle, a mesh with holes, a mesh of which
    some links work in one direction only."""
    names = chance.shuffled(nodes)
    place = {name: index for index, name in enumerate(names)}
    pairs = [(a, b) for a in names for b in names if place[a] < place[b]]
    match graph:
        case "chain":
            return _both(pair for pair in pairs if place[pair[1]] - place[pair[0]] > 1)
        case "star":
            return _both(pair for pair in pairs if place[pair[0]] > 0)
        case "sparse":
            return _both(pair for pair in pairs if chance.happens(MISSING_PERMILLE))
        case "one_way":
            return [chance.pick(((a, b), (b, a))) for a, b in pairs if chance.happens(MISSING_PERMILLE)]
        case _:
            return []


def _both(pairs: Iterable[Link]) -> list[Link]:
    return [link for a, b in pairs for link in ((a, b), (b, a))]
