"""I5: who leaves may hold what nobody else does, and is let go once that is at head office."""

from __future__ import annotations

from skerry.core.actors.parting import FAREWELL_MS
from skerry.core.conversation import Exchange, Leave
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.values import encode
from tests.core.actors.office import Site
from tests.core.things import A, B, C

COPIED = {"c/1": 3}


def tells(site: Site, node: NodeId, heads: dict[str, int], *, base: str = "") -> None:
    """A question of somebody who holds this much of the journal."""
    site.hears(node, Question(number=1, carried=encode(Exchange(heads=heads, base=base))))


def is_member(site: Site, node: NodeId) -> bool:
    return node in site.manager.roster().members


def test_i5_who_leaves_is_let_go_when_all_that_it_holds_has_come(site: Site) -> None:
    """B alone has copies of what C wrote before it was lost; they come in two parts."""
    copies = [site.entry(C, "something") for _ in range(3)]
    tells(site, B, COPIED)
    site.hears(B, Leave(node=B))
    for copy in copies:
        tells(site, B, COPIED)
        assert is_member(site, B)
        site.reads(B, copy)
    tells(site, B, COPIED)
    assert not is_member(site, B) and site.manager.journal.heads == COPIED


def test_i5_also_if_another_says_so_for_it(site: Site) -> None:
    """It has a link of its own, and its word reached the leader before."""
    tells(site, B, COPIED)
    site.hears(B, Leave(node=B))
    tells(site, A, {})
    assert is_member(site, B)
    for _ in range(3):
        site.reads(A, site.entry(C, "something"))
    tells(site, A, COPIED)
    assert not is_member(site, B)


def test_i5_whose_list_starts_from_what_is_not_remembered_here_is_to_tell_it_anew_first(site: Site) -> None:
    site.hears(B, Leave(node=B))
    tells(site, B, {}, base="forgotten")
    assert is_member(site, B)
    tells(site, B, {})
    assert not is_member(site, B)


def test_x5_who_leaves_is_not_waited_for_when_nothing_more_of_what_it_holds_has_come_for_a_while(site: Site) -> None:
    """It may be off for good."""
    tells(site, B, COPIED)
    site.hears(B, Leave(node=B))
    tells(site, A, {})
    site.at_ms += FAREWELL_MS - 2
    site.reads(A, site.entry(C, "something"))
    tells(site, A, {})
    site.at_ms += FAREWELL_MS - 2
    tells(site, A, {})
    assert is_member(site, B)
    tells(site, A, {})
    assert not is_member(site, B)
