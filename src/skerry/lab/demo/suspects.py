"""Whom to slow, and who must be out of the way, so that it is asked again by a site where somebody knows better (P5).

Arithmetic over what the nodes say in public. A voter says no from experience only if three things come together: it has
measured the slow node itself, it is still there, and the slow node is asked for the same once more. So what is slowed
is of a role that the leader has, too: the leader falls silent first, its place is open then, and whoever measures the
slow node never is the leader. Who is asked first goes by scores, of which all but what is free stands still.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.monitoring.rules import measurer
from skerry.lab.demo.limits import MOVABLE


class Suspect(NamedTuple):
    """A node that could be slowed."""

    instance: str
    """What it will be found slow at."""
    node: str
    witness: str
    """Who measures it, and still is there when the leader has fallen silent."""
    opens: str
    """The leader's own instance of the same role; the same one if the leader has none."""


def suspects(leader: str, management: Mapping[str, Iterable[str]], active: Mapping[str, str]) -> list[Suspect]:
    """Everybody who will be asked again when the leader falls silent, by what `active` instances are where; if there is
    nobody, everybody who might be when another does."""
    validators, reporters = ([NodeId(one) for one in management[duty]] for duty in ("validator", "reporter"))
    found = []
    for (instance, node), (other, holder) in product(sorted(active.items()), repeat=2):
        witness = measurer(NodeId(node), validators, reporters)
        alike = element(other) == element(instance) and element(instance).endswith(MOVABLE_ENDS)
        if alike and leader not in (node, witness) and witness not in (None, node):
            found.append((holder == leader, Suspect(instance, node, str(witness), other)))
    return [one for sure, one in found if sure] or [one for _, one in found if one.instance == one.opens]


def in_the_way(candidates: Iterable[Mapping[str, Any]], suspect: str, holding: Collection[str]) -> list[str]:
    """Who might be asked before a suspect, of the candidates that a leader ranked: everybody else that holds nothing of
    the kind, unless the suspect is ahead whatever either of them has free."""
    least_most = {one["node"]: _score_between(one) for one in candidates}
    if suspect not in least_most:
        return []  # another leader ranked it
    least = least_most[suspect][0]
    return sorted(
        node for node, (_, most) in least_most.items() if node != suspect and node not in holding and most >= least
    )


def element(instance: str) -> str:
    """`hq/shop-files/store` of `hq/shop-files/store#1`."""
    return instance.partition("#")[0]


MOVABLE_ENDS = tuple(f"/{name}" for name in MOVABLE)


def _score_between(candidate: Mapping[str, Any]) -> tuple[int, int]:
    """A candidate's score if it had nothing free at all, and if it had everything; nobody is at home in the place."""
    weights, terms = candidate["weights"], candidate["terms"]
    lasting = sum(terms[name] * weight for name, weight in weights.items() if name not in ("free", "change"))
    whole = max(sum(weights.values()), 1)
    return lasting // whole, (lasting + 1_000 * weights["free"]) // whole
