"""What nodes tell members with which they are not in contact: rosters, by which strangers become members (N4, D6a).

At first everybody is a stranger to everybody, so that what one tells each of them the whole site reads.
"""

from __future__ import annotations

import msgspec

from skerry.core.group.custody.model import Carry
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed, Statement, body_digest
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.ir.model import Roster
from tests.core.actors.test_facets import overheard
from tests.scenarios.world import World

VERSIONS = 6
STARTING_MS = 2_000


def chained(world: World) -> dict[str, Sealed]:
    """Rosters that follow the site's first, by the names under which they are kept."""
    issued = {"roster/000001": world.desks["hq"].issued["roster/000001"]}
    for version in range(2, VERSIONS + 1):
        before = body_digest(issued[f"roster/{version - 1:06d}"])
        world.issue(msgspec.structs.replace(world.roster, version=version, predecessor=before))
        name = f"roster/{version:06d}"
        issued[name] = world.desks["hq"].issued[name]
    return issued


def test_c2_nodes_that_start_with_the_same_documents_tell_each_other_none_of_them() -> None:
    world = World("abcde")
    world.part_from_manager()
    assert started(world) == []
    assert {node.agent.election.leadership.leader for node in world.nodes.values() if node.agent} == {NodeId("a")}


def test_n4_a_stranger_is_told_the_rosters_after_its_own_and_no_others() -> None:
    world = World("abc")
    issued = chained(world)
    for name, sealed in issued.items():
        world.nodes["a"].disk[f"document/{name}"] = encode(sealed)
        if name <= "roster/000004":
            world.nodes["b"].disk[f"document/{name}"] = encode(sealed)
    world.nodes["c"].disk.update(world.nodes["b"].disk)
    world.part_from_manager()
    assert set(started(world)) == {5, 6}
    for node in world.nodes.values():
        assert node.agent is not None
        assert node.agent.picture.roster().version == VERSIONS


def started(world: World) -> list[int]:
    """The versions of all rosters that nodes tell each other while all of them start."""
    world.start(*world.nodes)
    told = []
    for _, body in overheard(world, STARTING_MS):
        told += [roster_in(item) for item in body.items] if isinstance(body, Carry) else [body]
    return [body.version for body in told if isinstance(body, Roster)]


def roster_in(sealed: Sealed) -> Roster | None:
    """What a statement says, if it is a roster."""
    statement = decode(sealed.statement, Statement)
    return decode(statement.body, Roster) if statement.kind == "roster" else None
