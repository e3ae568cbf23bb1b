"""I5: who leaves may hold what nobody else does, and is let go once that is at head office."""

from __future__ import annotations

from typing import Any

from skerry.core.actors.agent import Agent
from skerry.core.actors.parting import FAREWELL_MS
from skerry.core.conversation import Exchange, Leave, LeaveAsked, opened
from skerry.core.group.journal.model import COPY_MAX, chain_name
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.effects import Effects, Record
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import decode, encode
from tests.core.actors.office import Site
from tests.core.things import A, B, C, element, ir
from tests.scenarios.world import Node, World

COPIED = {"c/1": 3}
SETTLED_MS = 9_000


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


class Watched(World):
    """A site of three that notes how much of B's chain was with whoever handed up that B leaves."""

    def __init__(self) -> None:
        super().__init__("abc", ir(element()), watch=self._watch)
        self.handed_up: list[int] = []
        self.start("a", "b", "c")
        self.run(SETTLED_MS)
        self.chain = chain_name(B, self.leaver.identity.life)

    def _watch(self, node: Node, given: Input[Any], effects: Effects) -> None:
        for report in effects.report:
            items = decode(report.message.carried, Exchange).items
            said = [one for item in items for one in opened(item, "shop", self._key, self.verifier)]
            if any(isinstance(one.body, Leave) for one in said):
                assert node.agent is not None
                self.handed_up.append(node.agent.journal.heads.get(self.chain, 0))

    @property
    def leaver(self) -> Agent:
        agent = self.nodes["b"].agent
        assert agent is not None
        return agent

    def b_leaves(self) -> None:
        node = self.nodes["b"]
        said = opened(self._sealed("b", node.signer, Leave(node=B)), "shop", self._key, self.verifier)[0]
        self.step(node, LeaveAsked(request="r", said=said))


def test_i5_at_a_site_the_word_of_who_leaves_waits_until_all_that_it_told_of_is_there() -> None:
    """It never asks head office itself. Of what it has nobody else knows; the others take it with its next beats."""
    world = Watched()
    for _ in range(3 * COPY_MAX):
        world.leaver.journal.record(Record(kind="decision", what="x"), world._input(world.nodes["b"], None))
    held = world.leaver.journal.heads[world.chain]
    world.b_leaves()
    world.run(SETTLED_MS)
    assert world.handed_up and world.handed_up[0] >= held


def test_x5_who_is_out_of_sight_says_nothing_more_so_its_word_does_not_wait() -> None:
    world = Watched()
    world.part_from_manager()
    world.b_leaves()
    world.run(100)
    world.leaver.journal.record(Record(kind="decision", what="x"), world._input(world.nodes["b"], None))
    world.kill("b", machine=True)
    world.heal()
    world.run(SETTLED_MS)
    assert world.handed_up
