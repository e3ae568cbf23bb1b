"""Whom a node follows, and what it tells the others of that."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.values import Value, Whole

RANK_WAIT_MS = 40
ROUND_MS = 300
ASK_AGAIN_MS = 50
"""Times one to two, by draw."""
INELIGIBLE_FOR_MS = 5_000
WANTED_FOR_MS = 5_000
"""How long a leader goes on offering its place to whom an operator named."""
APART_FOR_MS = 1_000
"""How long a member sees nodes of another part before it asks its leader for a hand-over; two leaders in contact settle
it sooner by themselves."""
REFUSED_MAX = 5
"""Rounds of asking in vain, after which a node leads itself."""
START_WAIT_MS = 1_300
"""A node that has just started listens for so long before it stands: a fabric lease and a round."""
CALLING_FOR_MS = 3_000
"""How long after calling a term a leader goes on asking those that have not answered."""

TERM_STEP = 1_000_000
"""By how much one word raises the highest term known."""

INELIGIBLE = -1


class Standing(Value, frozen=True, kw_only=True, array_like=True):
    """A node's place in its site's leadership, as its beats carry it."""

    term: Whole = 0
    """Of the last follow."""
    leader: NodeId | None = None
    """Whom it follows and is in contact with; None: it has no leader."""
    highest: Whole = 0
    """The highest term that it knows of."""
    leads: Whole = 0
    """The size of the part that it leads; 0: it leads nobody."""
    fit_permille: int = 0
    """How well it would lead, by the site's governance (L7); `INELIGIBLE` if it may not."""


class Leadership(Value, frozen=True, kw_only=True):
    """What a node knows of who leads it. The name of a leadership is (term, leader)."""

    term: int = 0
    leader: NodeId | None = None
    part: frozenset[NodeId] = frozenset()
    """Only a leader knows its part: the nodes whose follow of its term it holds, itself included (L2)."""

    def leads(self, node: NodeId) -> bool:
        """Whether `node`, whose knowledge this is, leads."""
        return self.leader == node


class ElectionView(Value, frozen=True, kw_only=True):
    """What election may know of the rest."""

    contacts: dict[NodeId, Standing]
    """Those in contact, with what their latest beats say."""
    lives: dict[NodeId, LifeId] = {}
    """Their lives."""
    hears: Mapping[NodeId, Collection[NodeId]] = {}
    """Whom each of them hears."""
    void: frozenset[str] = frozenset()
    """`<node>/<life>`: lives whose follows count for nothing (J1)."""
    fit_permille: int
    """How well I would lead; `INELIGIBLE` if I may not."""
    woke_ms: int = -(10**9)
    """When this agent last went on after standing still."""
    plan: tuple[int, NodeId] = (0, NodeId(""))
    """Term and leader of the plan that I hold: as a leader I can only go on from one of an earlier leadership (P1)."""
    forgotten_term: int = 0
    """The highest term in which I have committed a plan, as others show, that is later than all that my disk has."""
    misjudged: bool = False
    """A manager's word names my plan, and other sections than it has."""
