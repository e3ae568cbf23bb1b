"""What goes up after an outage: at first only the question of what is lacked (M2, decision 0031)."""

from __future__ import annotations

from skerry.core.conversation import Exchange, opened
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode
from tests.core.things import HQ, element, ir
from tests.scenarios.world import Node, World

GRACE_MS = 2_000


class Watched(World):
    """It counts what each question hands over."""

    handed_over: list[int]

    def _to_manager(self, node: Node, manager: str, sealed: Sealed) -> None:
        self.handed_over.append(len(opened(sealed, "shop", self._key, self.verifier)) - 1)
        super()._to_manager(node, manager, sealed)


def settled() -> Watched:
    world = Watched("ab", ir(element()))
    world.handed_over = []
    world.start("a", "b")
    world.run(20_000)
    return world


def test_m2_after_a_silence_longer_than_a_grace_the_first_question_hands_nothing_over() -> None:
    world = settled()
    assert world.handed_over[-1] == 0, "the manager has everything"
    world.part_from_manager()
    world.run(3 * GRACE_MS)
    leader = next(n.agent for n in world.nodes.values() if n.agent and n.agent.election.leadership.leader == n.name)
    laden, empty = (decode(leader.picture.question(HQ, with_items=one), Exchange) for one in (True, False))
    assert laden.items, "that it is isolated, at least"
    assert not empty.items
    world.handed_over = []
    world.heal()
    world.run(GRACE_MS // 2)
    assert world.handed_over[0] == 0
