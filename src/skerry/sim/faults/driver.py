"""Draws faults, one after the other and on top of each other, and ends them.

Each is drawn from a stream of its own, named by its number: a world in which some are left out has all others at the
same moments, of the same kinds and lengths (`shrinking`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from skerry.core.kernel.values import Value
from skerry.sim.chance import Chance
from skerry.sim.faults import (
    backups,
    clocks,
    disks,
    holding,
    liars,
    links,
    managers,
    nodes,
    people,
    rosters,
    stalls,
    versions,
    workloads,
)
from skerry.sim.healed import Core

if TYPE_CHECKING:
    from skerry.sim.world import World

End = Callable[[], None]
Begin = Callable[["World", Chance], End | None]

KINDS: Mapping[str, Begin] = {
    "link.split": links.split,
    "link.alone": links.alone,
    "link.one_way": links.one_way,
    "link.chain": links.chain,
    "link.lossy": links.lossy,
    "uplink.cut": links.uplink,
    "uplink.cut_one": links.uplink_one,
    "uplink.flap": links.uplink_flaps,
    "agent.crash": nodes.crash,
    "agent.crash_in_step": nodes.crash_in_step,
    "agent.hang": nodes.hang,
    "agent.stop": nodes.stop,
    "machine.power": nodes.power,
    "machine.freeze": nodes.freeze,
    "site.power": nodes.site_power,
    "site.agents": nodes.site_agents,
    "guard.dies": nodes.guard_dies,
    "workload.exits": workloads.exits,
    "workload.starts_fail": workloads.starts_fail,
    "workload.slow": workloads.slow,
    "owner.takes_memory": nodes.memory,
    "clock.wall_steps": clocks.wall_steps,
    "disk.refuses": disks.refuses,
    "manager.raises_limit": people.raises_limit,
    "manager.adds_intent": people.adds_intent,
    "manager.withdraws": people.withdraws,
    "manager.restarts": managers.restarts,
    "manager.crashes": managers.crashes,
    "manager.slow": managers.slow,
    "manager.refuses": managers.refuses,
    "manager.old_backup": backups.manager,
    "disk.old_image": backups.disk,
    "node.equivocates": liars.equivocates,
    "operator.hands_in": people.hands_in,
    "operator.pauses": holding.pauses,
    "operator.drains": holding.drains,
    "operator.hands_over": holding.hands_over,
    "operator.declares_dead": rosters.declares_dead,
    "roster.join": rosters.joins,
    "roster.leave": rosters.leaves,
    "roster.replace": rosters.replaces,
    "roster.dismiss": rosters.dismisses,
    "link.slow": links.slow,
    "uplink.of_leader": links.uplink_of_leader,
    "uplink.one_way": links.uplink_one_way,
    "agent.stalls": stalls.in_request,
    "agent.slow": stalls.slow,
    "agent.late_ballots": stalls.late_ballots,
    "agent.newer": versions.newer,
    "site.sleeps": stalls.sleeps,
    "workload.loops": workloads.loops,
    "workload.flatters": workloads.flatters,
    "clock.wall_runs_away": clocks.wall_runs_away,
    "disk.full": disks.full,
    "disk.unreadable": disks.unreadable,
}
"""Each begins a fault and gives what ends it; None if this world has nothing that it could happen to."""

LONG_MS = (6_000, 20_000)
HOLDS = ("operator.pauses", "operator.drains")
"""What people do that stops or moves work by itself."""
LONG = ("workload.starts_fail",)
"""Kinds that matter only if they last."""


class Happened(Value, frozen=True, kw_only=True):
    """A fault that began."""

    number: int
    """Of its drawing; what could not happen when it was drawn has one too."""
    kind: str
    from_ms: int
    length_ms: int
    """Less if everything was healed before."""


class FaultDriver:
    """Breaks things until it is told to stop, and then mends all of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.chance.child("faults")
        self.changed_us = 0
        """When a fault last began or ended."""
        self.inside_changed_us = 0
        """The same, of faults inside the site; the way to the manager and what people do there left out."""
        self.inside: set[int] = set()
        """The numbers of those that are on their way inside the site."""
        self.happened: list[Happened] = []
        self._drawn = 0
        self._ends: dict[int, End] = {}
        self._over = False

    def begin(self) -> None:
        """Start."""
        self.world.loop.after(self._gap_us(self.chance), self._next)

    def stay(self, core: Core) -> None:
        """Nothing more begins, and nothing that has begun ends; only this is mended, for good."""
        world = self.world
        self._over = True
        self.changed_us = world.loop.now_us
        self._ends.clear()
        world.network.mend_for_good(core.links())
        for name in core.managers:
            world.managers[name].mend()
        for name in self.chance.shuffled(core.nodes):
            world.machines[name].mend()

    def _gap_us(self, chance: Chance) -> int:
        return chance.between(50, self.world.options.fault_gap_max_ms) * 1_000

    def _next(self) -> None:
        if self._over:
            return
        world, options = self.world, self.world.options
        self._drawn += 1
        number, chance = self._drawn, self.chance.child(str(self._drawn))
        world.loop.after(self._gap_us(chance), self._next)
        kind = chance.pick(options.faults)
        length_ms = chance.between(*(LONG_MS if kind in LONG else chance.pick(options.fault_lengths_ms)))
        if options.only_faults is None or number in options.only_faults:
            end = KINDS[kind](world, chance)
            if end is not None:
                now_ms = world.loop.now_us // 1_000
                self._begun(Happened(number=number, kind=kind, from_ms=now_ms, length_ms=length_ms), end)

    def _begun(self, fault: Happened, end: End) -> None:
        world, kind = self.world, fault.kind
        self.changed_us = world.loop.now_us
        inside = kind in HOLDS or not kind.startswith(("uplink.", "manager.", "operator."))
        if inside:
            self.inside_changed_us = world.loop.now_us
            self.inside.add(fault.number)
        world.coverage.hit(f"fault.{kind}")
        world.trace.world(world.loop.now_us, f"fault {fault.number}: {kind}")
        self.happened.append(fault)
        self._ends[fault.number] = end

        def over() -> None:
            if self._ends.pop(fault.number, None) is not None:
                self.changed_us = world.loop.now_us
                if inside:
                    self.inside_changed_us = world.loop.now_us
                    self.inside.discard(fault.number)
                world.trace.world(world.loop.now_us, f"end of fault {fault.number}: {kind}")
                end()

        world.loop.after(fault.length_ms * 1_000, over)
