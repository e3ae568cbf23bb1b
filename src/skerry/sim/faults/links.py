"""Faults of links, between nodes and up to the manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.sim.chance import Chance
from skerry.sim.network import Weather

if TYPE_CHECKING:
    from skerry.sim.network import Link
    from skerry.sim.world import World

End = Callable[[], None]
"""Mends it."""

LATE_MS = ((50, 290), (300, 900), (1_000, 4_000))
"""Within a round, of some rounds, and longer than a beat is fresh."""


def split(world: World, chance: Chance) -> End | None:
    """The site falls into two or three parts; each keeps its uplink or not, by chance."""
    names = chance.shuffled(list(world.machines))
    if len(names) < 2:
        return None
    parts = chance.between(2, min(3, len(names)))
    part = {name: index % parts if chance.happens(500) else 0 for index, name in enumerate(names)}
    part[names[-1]] = 1
    links = [(a, b) for a in names for b in names if part[a] != part[b]]
    if chance.happens(500):
        links += world.network.uplinks([n for n in names if part[n] != 0])
    return _cut(world, links)


def alone(world: World, chance: Chance) -> End | None:
    """One node loses every other, and perhaps the manager too."""
    if len(world.machines) < 2:
        return None
    lost = chance.pick(list(world.machines))
    links = [link for n in world.machines if n != lost for link in ((n, lost), (lost, n))]
    if chance.happens(500):
        links += world.network.uplinks([lost])
    return _cut(world, links)


def one_way(world: World, chance: Chance) -> End | None:
    """Some links work in one direction only; sometimes nobody's token goes for it."""
    pairs = [(a, b) for a in world.machines for b in world.machines if a != b]
    if not pairs:
        return None
    links = chance.sample(pairs, chance.between(1, max(1, len(pairs) // 3)))
    return _cut(world, links, lying=chance.happens(500))


def chain(world: World, chance: Chance) -> End | None:
    """Each node hears only its neighbours in a row."""
    names = chance.shuffled(list(world.machines))
    if len(names) < 3:
        return None
    place = {name: index for index, name in enumerate(names)}
    return _cut(world, [(a, b) for a in names for b in names if abs(place[a] - place[b]) > 1])


def lossy(world: World, chance: Chance) -> End | None:
    """The whole network loses, doubles and delays more than usual."""
    network = world.network
    network.weather = Weather(
        loss_permille=chance.between(50, 500),
        duplicate_permille=chance.between(0, 300),
        delay_max_ms=chance.pick((50, 300, 900)),
        spike_permille=chance.between(0, 50),
    )

    def end() -> None:
        network.weather = network.usual

    return end


def uplink(world: World, chance: Chance) -> End | None:
    """Nobody reaches any manager, or one of them."""
    return _cut(world, world.network.uplinks(list(world.machines), _of_managers(world, chance)))


def uplink_one(world: World, chance: Chance) -> End | None:
    """Some nodes' own gateway is ill, while the others reach the manager (interleavings 20 and 54)."""
    names = list(world.machines)
    ill = chance.sample(names, chance.between(1, max(1, len(names) - 1)))
    return _cut(world, world.network.uplinks(ill, _of_managers(world, chance)))


def uplink_of_leader(world: World, chance: Chance) -> End | None:
    """Whoever leads does not reach the manager, while others do."""
    leaders = [m.name for m in world.machines.values() if m.shell and len(m.shell.agent.election.leadership.part) > 1]
    return _cut(world, world.network.uplinks(leaders, _of_managers(world, chance))) if leaders else None


def uplink_one_way(world: World, chance: Chance) -> End | None:
    """Questions arrive and no answers come, or no questions arrive."""
    up = chance.happens(500)
    links = [link for link in world.network.uplinks(list(world.machines)) if (link[1] in world.managers) == up]
    return _cut(world, links)


def slow(world: World, chance: Chance) -> End | None:
    """Some links are slow, one way or both, and by different times."""
    pairs = [(a, b) for a in world.machines for b in world.machines if a != b]
    if not pairs:
        return None
    network = world.network
    late = {link: chance.between(*chance.pick(LATE_MS)) for link in chance.sample(pairs, (len(pairs) + 1) // 2)}
    late = {link: late_ms for link, late_ms in late.items() if link not in network.late_ms}
    network.late_ms.update(late)

    def end() -> None:
        for link in late:
            network.late_ms.pop(link, None)

    return end


def uplink_flaps(world: World, chance: Chance) -> End | None:
    """The uplink comes and goes by the second (interleaving 22)."""
    links = world.network.uplinks(list(world.machines), _of_managers(world, chance))
    state = {"cut": False, "over": False}

    def turn() -> None:
        if state["cut"]:
            world.network.mend(links)
            state["cut"] = False
        elif not state["over"]:
            world.network.cut(links)
            state["cut"] = True
        if not state["over"]:
            world.loop.after(chance.between(300, 4_000) * 1_000, turn)

    def end() -> None:
        state["over"] = True
        if state["cut"]:
            turn()

    turn()
    return end


def _of_managers(world: World, chance: Chance) -> list[str]:
    """Which managers an uplink's fault is about: all, or one of several."""
    names = list(world.managers)
    return names if len(names) == 1 or chance.happens(400) else [chance.pick(names)]


def _cut(world: World, links: list[Link], *, lying: bool = False) -> End:
    world.network.cut(links, lying=lying)
    return lambda: world.network.mend(links)
