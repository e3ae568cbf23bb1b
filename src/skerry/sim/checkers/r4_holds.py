"""R4: what an operator holds stays held, whatever plan and manager want, until somebody lifts it.

Of what is paused nothing runs longer than a stop takes once the hold has reached its node; on a drained node no
subscription begins; and what was lifted at a node of the healed core is held at none of them in the end. Holds are read
from the nodes' own disks, and not from what their machines make of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.kernel.effects import Drop, Persist, Put
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.intent.holds import HOLD_PREFIX, Hold
from skerry.core.stages.subscription.machine import SUBSCRIPTION_PREFIX
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

KEY = f"{DOCUMENT_PREFIX}{HOLD_PREFIX}"
START_US = 3_000_000
"""A stop waits for the end of a start that is on its way."""


class Holds(Checker):
    """Reads disks."""

    property_id = "R4"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._held: dict[str, dict[str, Hold]] = defaultdict(dict)
        """To each node the holds in force on its disk, by document."""
        self._lifted: dict[str, dict[str, int]] = defaultdict(dict)
        """To each node the highest number of each hold that was lifted there, by document."""
        self._since_us: dict[int, int] = {}
        """Since when each process has been one that is paused."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """A hold comes or goes; on a drained node nothing is placed."""
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(KEY):
                self._note(machine.name, decode(decode(change.value, Sealed).statement, Statement))
            elif isinstance(change, Drop) and change.key.startswith(KEY):  # with the right to it, as I10 sees
                self._held[machine.name].pop(change.key.removeprefix(DOCUMENT_PREFIX), None)
        if any(isinstance(c, Put) and _is_placed(c, machine) for c in changes):
            drains = [h for h in self._held[machine.name].values() if (h.what, h.subject) == ("drain", machine.name)]
            if drains:
                self.broken(f"{machine.name} is drained, and takes {[c.key for c in changes if isinstance(c, Put)]}")

    def on_disk_put_back(self, machine: Machine) -> None:
        """It holds what its older disk holds; what was lifted there since, it may not know."""
        self._held[machine.name].clear()
        self._lifted[machine.name].clear()
        for key, raw in machine.disk.items():
            if key.startswith(KEY):
                self._note(machine.name, decode(decode(raw, Sealed).statement, Statement))

    def _note(self, node: str, statement: Statement) -> None:
        hold = decode(statement.body, Hold)
        if not hold.lifted:
            self._held[node][hold.document] = hold
            self.premise()
        else:
            self._held[node].pop(hold.document, None)
            lifted = self._lifted[node]
            lifted[hold.document] = max(hold.number, lifted.get(hold.document, 0))
            self.world.coverage.hit("state.hold.lifted")

    def on_tick(self) -> None:
        """Nothing that is paused goes on where an agent is there to stop it."""
        since_us: dict[int, int] = {}
        for name, held in self._held.items():
            machine, paused = self.world.machines[name], {h.subject for h in held.values() if h.what == "pause"}
            if not paused or machine.shell is None or machine.shell.hung or not machine.answers:
                continue
            for instance, workload in machine.guard.workloads.items():
                role = instance.split("#")[0]
                if paused.isdisjoint((role, role.rpartition("/")[0])):
                    continue
                first_us = since_us[workload.pid] = self._since_us.get(workload.pid, self.world.loop.now_us)
                if self.world.loop.now_us - first_us > workload.stop_within_ms * 1_000 + START_US:
                    self.broken(f"{instance} runs on {name}, where it is paused")
        self._since_us = since_us

    def at_end(self) -> None:
        """What was lifted at any node of the core is held at none; who has left is told nothing any more."""
        members = self.world.members()
        core = [name for name in self.world.core.nodes if name in members]
        for name in core:
            for document, hold in self._held[name].items():
                if any(hold.number <= self._lifted[other].get(document, 0) for other in core):
                    self.broken(f"{name} holds {document} number {hold.number}, which was lifted")


def _is_placed(change: Put, machine: Machine) -> bool:
    return change.key.startswith(SUBSCRIPTION_PREFIX) and change.key not in machine.disk
