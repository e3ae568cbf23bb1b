"""Which of two leaders goes on (L5), and whom an operator's word names to lead (L6)."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.core.group.election.model import INELIGIBLE, TERM_STEP, Standing
from skerry.core.group.election.wire import Follow, HandOverWanted
from skerry.core.kernel.ids import NodeId


class NotNamed(ValueError):
    """Nobody is named, or somebody who may not lead; says why."""


def named(wanted: HandOverWanted, leader: NodeId | None, term: int, fits: Mapping[NodeId, int]) -> NodeId:
    """Who is to take over from `leader`; `fits` says how well each node in contact would lead. Raises `NotNamed`."""
    if leader is None or wanted.term != term:
        raise NotNamed(f"it is said of term {wanted.term}; here {leader or 'nobody'} leads in term {term}")
    able = {node: fit for node, fit in fits.items() if node != leader and fit != INELIGIBLE}
    if wanted.to is not None and wanted.to not in able:
        raise NotNamed(f"{wanted.to} leads already, or is not in contact, or may not lead")
    if not able:
        raise NotNamed("nobody else is in contact who may lead")
    return wanted.to if wanted.to is not None else min(able, key=lambda node: (-able[node], node))


def risen(highest: int, heard: int) -> int:
    """L3: the highest term known, after somebody's word. It follows in steps, or a member that lies would use up all
    terms with one word, and nobody could call one above it any more."""
    return max(highest, min(heard, highest + TERM_STEP))


def preferred(leads: int, term: int, name: NodeId, other_leads: int, other_term: int, other_name: NodeId) -> bool:
    """L5: of two leaders in contact the one with the larger part, then the higher term, then the lesser name."""
    return (-leads, -term, name) < (-other_leads, -other_term, other_name)


def still_leads(theirs: Standing, followed: Follow, same_life: bool) -> bool:
    """L4: whether whom I follow is my leader yet: not once it follows another; nor if in a later life it does not know
    any more that it asked me, since its disk has gone back (interleaving 9)."""
    if theirs.term < followed.term:
        return same_life  # its beat is older than its call
    return theirs.leader == followed.leader or (theirs.leader is None and theirs.term == followed.term)
