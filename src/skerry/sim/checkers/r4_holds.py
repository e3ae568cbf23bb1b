"""R4: what an operator holds stays held, whatever plan and manager want, until somebody lifts it.

Of what is paused nothing runs longer than a stop takes once the hold has reached its node; on a drained node no
subscription begins; what was lifted at a node of the healed core is held at none of them in the end; and nobody takes a
hold of who had no right to it at any time since. Holds are read from the nodes' own disks, and not from what their
machines make of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.kernel.effects import Drop, Persist, Put
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.intent.holds import HOLD_PREFIX, RIGHT, Hold
from skerry.core.stages.ir.model import Roster
from skerry.core.stages.subscription.machine import SUBSCRIPTION_PREFIX
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

KEY, ROSTERS = f"{DOCUMENT_PREFIX}{HOLD_PREFIX}", f"{DOCUMENT_PREFIX}roster/"
START_US = 3_000_000
"""A stop waits for the end of a start that is on its way."""


class Holds(Checker):
    """Reads disks."""

    property_id = "R4"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._held: dict[str, dict[str, Hold]] = defaultdict(dict)
        """To each node the holds in force on its disk, by document."""
        self._lifted: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        """To each node the highest of each hold that was lifted there, by document: under which roster that was, and
        its number, which begins anew when what was said earlier has lapsed."""
        self._rosters: dict[int, Roster] = {}
        """By version."""
        self._since_us: dict[int, int] = {}
        """Since when each process has been one that is paused."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """A hold comes or goes; on a drained node nothing is placed."""
        self._learn(changes)
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(KEY):
                statement = decode(decode(change.value, Sealed).statement, Statement)
                self._may_be_taken(machine, statement)
                self._note(machine.name, statement)
            elif isinstance(change, Drop) and change.key.startswith(KEY):  # with the right to it, as I10 sees
                self._held[machine.name].pop(change.key.removeprefix(DOCUMENT_PREFIX), None)
        if any(isinstance(c, Put) and _is_placed(c, machine) for c in changes):
            drains = [h for h in self._held[machine.name].values() if (h.what, h.subject) == ("drain", machine.name)]
            if drains:
                self.broken(f"{machine.name} is drained, and takes {[c.key for c in changes if isinstance(c, Put)]}")

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """Whose right begins and ends with it."""
        self._learn(changes)

    def _learn(self, changes: Sequence[Persist]) -> None:
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(ROSTERS):
                roster = decode(decode(decode(change.value, Sealed).statement, Statement).body, Roster)
                self._rosters[roster.version] = roster

    def _may_be_taken(self, machine: Machine, statement: Statement) -> None:
        """Its author has had the right to it by every roster since the one under which they said it."""
        hold, author = decode(statement.body, Hold), statement.signer
        held = max((key for key in machine.disk if key.startswith(ROSTERS)), default=ROSTERS + "0")
        for version in range(hold.roster, int(held.removeprefix(ROSTERS)) + 1):
            roster = self._rosters.get(version)
            if roster is None or author in roster.managers:
                continue
            if author not in roster.operators or RIGHT not in roster.operators[author].may:
                self.broken(
                    f"{machine.name} takes {hold.document} of roster {hold.roster}: {author} had no right since"
                )

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
            lifted[hold.document] = max((hold.roster, hold.number), lifted.get(hold.document, (0, 0)))
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
                lifted = [self._lifted[other].get(document, (0, 0)) for other in core]
                if any(hold.roster <= roster and hold.number <= number for roster, number in lifted):
                    self.broken(f"{name} holds {document} number {hold.number}, which was lifted")


def _is_placed(change: Put, machine: Machine) -> bool:
    return change.key.startswith(SUBSCRIPTION_PREFIX) and change.key not in machine.disk
