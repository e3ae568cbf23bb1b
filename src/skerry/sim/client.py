"""Somebody who uses the site: finds the service by look-up, uses it until it fails, and keeps an account of it (H5).

It stands on the site's network and reaches every node; what it meets there is what runs, not what anybody believes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skerry.core.stages.lookup.model import Endpoint
from skerry.core.stages.lookup.rules import find

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.world import World

CLIENT = "till"
GAP_MS = (200, 700)
FAILS_PERMILLE = 5
"""Of operations that are answered, and refused."""


@dataclass
class Seconds:
    """Whole wall seconds as ranges in ascending order; as the programs of the examples keep them."""

    ranges: list[list[int]] = field(default_factory=list)

    def add(self, second: int) -> None:
        """Add the present second; one before the newest range (the clock was set back) adds nothing."""
        if self.ranges and second <= self.ranges[-1][1]:
            if second == self.ranges[-1][1]:
                self.ranges[-1][1] = second + 1
            return
        self.ranges.append([second, second + 1])


@dataclass
class Use:
    """Whom one process has served since it started."""

    fine: Seconds = field(default_factory=Seconds)
    failed: Seconds = field(default_factory=Seconds)

    def report(self) -> dict[str, Any]:
        """Cumulative; nothing of somebody who never came."""
        if not self.fine.ranges and not self.failed.ranges:
            return {}
        return {
            CLIENT: {
                "seconds_ok": [list(pair) for pair in self.fine.ranges],
                "seconds_failed": [list(pair) for pair in self.failed.ranges],
            }
        }


class Client:
    """One client, one operation at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fine: set[int] = set()
        self.seen: set[int] = set()
        """Those of them in which a member's agent was there to see it: whoever was taken out, and has not heard of it,
        is at work for nobody's account."""
        self.failed: set[int] = set()
        self.served_by: set[int] = set()
        """Process ids."""
        self._chance = world.chance.child("client")
        self._found: Endpoint | None = None
        self._interface = ""

    def begin(self) -> None:
        """Start, and go on for as long as the world does."""
        self._interface = next(iter(self.world.manager.irs.values())).offers_interface
        self._later()

    def _later(self) -> None:
        self.world.loop.after(self._chance.between(*GAP_MS) * 1_000, self._operate)

    def _operate(self) -> None:
        self._found = self._found or self._look_up()
        if self._found is not None:
            workload = self._at(self._found)
            if workload is None:
                self._found = None
                self.world.coverage.hit("state.client.failed")
            else:
                self._answered(workload, self._found.node)
        self._later()

    def _look_up(self) -> Endpoint | None:
        """Ask any node that answers."""
        members = self.world.members()
        if not members:  # all have left
            return None
        machine = self.world.machines[self._chance.pick(members)]
        if not machine.answers or machine.shell is None or machine.shell.hung:
            return None
        picture = machine.shell.agent.picture
        found = find(self._interface, picture.irs(), picture.everywhere())
        return self._chance.pick(found) if found else None

    def _at(self, endpoint: Endpoint) -> Workload | None:
        machine = self.world.machines[endpoint.node]
        workload = machine.guard.workloads.get(endpoint.instance) if machine.powered and not machine.frozen else None
        there = workload is not None and workload.ready and f"{machine.name}:{workload.port}" == endpoint.endpoint
        return workload if there else None

    def _answered(self, workload: Workload, node: str) -> None:
        world, machine = self.world, self.world.machines[node]
        second = world.manager.wall_ms() // 1_000
        its_second = machine.clock.wall_ms(world.loop.now_us) // 1_000
        if self._chance.happens(FAILS_PERMILLE):
            workload.use.failed.add(its_second)
            self.failed.add(second)
            world.coverage.hit("state.client.refused")
            return
        workload.use.fine.add(its_second)
        self.fine.add(second)
        self.served_by.add(workload.pid)
        told = machine.answers and machine.shell is not None and not machine.shell.hung
        if told and node in world.members():
            self.seen.add(second)
        world.coverage.hit("state.client.served")
