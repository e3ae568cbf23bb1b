"""N2: documents that only later versions can read are kept, and handed on as they were signed."""

from __future__ import annotations

from skerry.core.conversation import Heard, key_in, opened
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode
from skerry.sim.versions import later_document
from tests.core.things import HQ, element, ir
from tests.scenarios.world import World

SETTLED_MS, A_FEW_BEATS_MS = 9_000, 4_000
NAME = "later/c/00"


def told_to_one(world: World, version: int) -> Sealed:
    """Of a document that `c` signed, `a` alone hears."""
    sealed = decode(later_document("shop", world.nodes["c"].signer, "c", version), Sealed)
    for said in opened(sealed, "shop", lambda signer: key_in(world.roster, signer), world.verifier):
        world.step(world.nodes["a"], Heard(said=said))
    return sealed


def held(world: World) -> list[Sealed | None]:
    agents = [node.agent for node in world.nodes.values() if node.agent is not None]
    kept = [agent.picture.custody.kept.get(NAME) for agent in agents]
    return [one.sealed if one is not None else None for one in kept]


def test_c2_every_member_gets_it_as_it_was_signed_and_so_does_the_manager() -> None:
    world = World("abc", ir(element()))
    world.start("a", "b", "c")
    world.run(SETTLED_MS)
    sealed = told_to_one(world, 1)
    world.run(A_FEW_BEATS_MS)
    assert held(world) == [sealed, sealed, sealed]
    assert NAME in world.desks[HQ].told
    newer = told_to_one(world, 2)
    told_to_one(world, 1)
    world.run(A_FEW_BEATS_MS)
    assert held(world) == [newer, newer, newer]


def test_it_outlives_a_restart() -> None:
    world = World("ac", ir(element()))
    world.start("a", "c")
    world.run(SETTLED_MS)
    sealed = told_to_one(world, 1)
    world.kill("a", machine=True)
    world.kill("c", machine=True)
    world.start("a", "c")
    world.run(A_FEW_BEATS_MS)
    assert held(world) == [sealed, sealed]
