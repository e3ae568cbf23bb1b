"""Which limit to raise, and to what, so that exactly one role's holder falls short and somebody else does not.

Arithmetic over what the nodes measured, whatever that is: on a fast machine the rates are high, on a slow one low. All
that is needed is that a holder and somebody who holds nothing of its kind differ by a factor: unlike machines do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Edge(NamedTuple):
    """How far a figure must lie above what is asked to be sure of it, and how far below."""

    surely_permille: int
    not_surely_permille: int


EDGES = (Edge(1_050, 970), Edge(1_010, 990))
"""The wide ones first: no figure should lie near the edge."""
RAISED_TO_PERMILLE_MAX = 1_500
"""Of what the one who falls short measured: no more than makes that plain, so that all others keep their margin."""

MOVABLE = ("store", "intake")
"""Roles whose next holder is there before the last one goes."""
PUTS, GETS = "putRate", "getRate"
Rates = Mapping[str, int]
"""Of `putRate` and `getRate`, a second."""
Key = tuple[str, str, str]
"""A node, a role and a configuration."""


class Raised(NamedTuple):
    """A raised limit, and whom it moves."""

    rates: dict[str, int]
    instance: str
    holder: str
    margin_permille: int
    """How far the nearest figure lies from what is asked for, on either side."""


class Assigned(NamedTuple):
    """Who holds an instance, in which set."""

    instance: str
    element: str
    holder: str
    configuration: str
    connected: bool = True
    """Whether it is one of the connected set, in which it has to be seen somewhere else at last."""

    @property
    def key(self) -> Key:
        """What its holder measured for it stands under this."""
        return self.holder, self.element, self.configuration


class Site(NamedTuple):
    """What nodes measured, and who holds what."""

    figures_milli: Mapping[Key, Rates]
    """Every figure, in thousandths."""
    assigned: Collection[Assigned]
    """In either set."""
    headroom_permille: int
    """What a new holder must reach above what is asked for, in the stricter set."""
    unfit: Collection[tuple[str, str]] = ()
    """Nodes that others would not have in a role again, each with the configuration that they know it by."""
    seen_milli: Mapping[Key, Rates] = MappingProxyType({})
    """What others measured of those who hold something, in thousandths: it is this that moves a role later (P5)."""

    def connected(self) -> Site:
        """The same, without what ends when the site is connected again."""
        return self._replace(assigned=[one for one in self.assigned if one.connected])

    def raised(self, asked: Rates, ceilings: Rates) -> Raised | None:
        """The limit with the widest margins; None if there is none."""
        for edge in EDGES:
            found = self._possible(asked, ceilings, edge)
            best = max(found, key=lambda one: (one.margin_permille, one.instance, one.holder), default=None)
            if best is not None:
                return best
        return None

    def _possible(self, asked: Rates, ceilings: Rates, edge: Edge) -> Iterator[Raised]:
        movable = {one for one in self.assigned if one.element in MOVABLE and one.connected}
        for one, metric in itertools.product(sorted(movable), (PUTS, GETS)):
            own = self._most(one.key, metric, asked, edge.not_surely_permille, surely=False)
            low = max(own, asked[metric], self._otherwise(one, metric, asked, edge))
            high = min(self._highest(one, metric, asked, edge), ceilings[metric])
            if high <= low:
                continue
            rate = math.ceil(min(math.sqrt(low * high), max(low * RAISED_TO_PERMILLE_MAX / 1_000, low + 1)))
            if rate <= high:
                margin = min(rate * 1_000 / low, high * 1_000 / rate)
                yield Raised({**asked, metric: rate}, one.instance, one.holder, round(margin))

    def _highest(self, falling: Assigned, metric: str, asked: Rates, edge: Edge) -> float:
        """Up to where everybody but one goes on surely, and somebody else can take its place; 0 if nobody can."""
        others = [
            self._most(other.key, metric, asked, edge.surely_permille, surely=True)
            for other in self.assigned
            if (other.instance, other.holder) != (falling.instance, falling.holder)
        ]
        taken = {one.holder for one in self.assigned if one.element == falling.element}
        wanted_permille = self.headroom_permille * edge.surely_permille // 1_000
        able = [
            self._most(key, metric, asked, wanted_permille, surely=True)
            for key in self.figures_milli
            if key[1] == falling.element and key[0] not in taken and (key[0], key[2]) not in self.unfit
        ]
        return min([*others, max(able, default=0.0)])

    def _otherwise(self, falling: Assigned, metric: str, asked: Rates, edge: Edge) -> float:
        """Up to where the same node could go on with another configuration, so that nothing would move."""
        wanted_permille = self.headroom_permille * edge.not_surely_permille // 1_000
        keys = [key for key in self.figures_milli if key[:2] == (falling.holder, falling.element)]
        others = [key for key in keys if key != falling.key]
        return max((self._most(key, metric, asked, wanted_permille, surely=False) for key in others), default=0.0)

    def _most(self, key: Key, metric: str, asked: Rates, factor_permille: int, *, surely: bool) -> float:
        """The highest rate of one metric at which a configuration still does, the other one staying what it is: by
        the lower one of what its node and others measured, if it is to be sure, and else by the higher one."""
        seen, pick = self.seen_milli.get(key, {}), min if surely else max
        told = self.figures_milli.get(key, {})
        figures = {name: pick(milli, seen.get(name, milli)) / factor_permille for name, milli in told.items()}
        other = GETS if metric == PUTS else PUTS
        match key[1]:
            case "store":
                return figures.get(metric, 0.0) if figures.get(other, 0.0) >= asked[other] else 0.0
            case "intake":
                return figures.get("requestRate", 0.0) - asked[other]
            case "placement" if metric == PUTS:
                return figures.get("decideRate", 0.0)
            case _:
                return math.inf
