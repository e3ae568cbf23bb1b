"""I6: no second of an instance is counted twice.

Judged from the readings that holders write into their journals, against the time for which processes were really there.
That none is missing (unknown time is bounded by the reading's period and a crash) is not judged yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.group.journal.machine import ENTRY_PREFIX
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Persist, Put
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

SLACK_S = 2


class Metering(Checker):
    """One account per node and instance: what was counted, and what there was to count."""

    property_id = "I6"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._counted: dict[tuple[str, str], dict[tuple[str, int], int]] = defaultdict(dict)
        """(node, instance) -> (life, activation) -> seconds."""
        self._there_us: dict[tuple[str, str], int] = defaultdict(int)
        self._since_us: dict[int, int] = {}

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """It was there for so long."""
        if what == "started":
            self._since_us[workload.pid] = self.world.loop.now_us
        else:
            since_us = self._since_us.pop(workload.pid)
            self._there_us[machine.name, workload.instance] += self.world.loop.now_us - since_us

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """A reading of this node's own is about to be durable."""
        own = f"{ENTRY_PREFIX}{machine.name}/"
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(own):
                statement = decode(decode(change.value, Sealed).statement, Statement)
                entry = decode(statement.body, Entry)
                if entry.what == "instance.seconds":
                    self._reading(machine, statement.life, entry)

    def _reading(self, machine: Machine, life: str, entry: Entry) -> None:
        account = self._counted[machine.name, entry.about]
        seconds = int(entry.data["connected_s"]) + int(entry.data["isolated_s"])
        activation = (life, int(entry.data["activation"]))
        if seconds < account.get(activation, 0):
            self.broken(f"a reading of {entry.about} on {machine.name} goes back to {seconds} s")
        account[activation] = seconds
        self.premise()
        now_us = self.world.loop.now_us
        running = [w for w in machine.guard.workloads.values() if w.instance == entry.about]
        there_us = self._there_us[machine.name, entry.about] + sum(now_us - self._since_us[w.pid] for w in running)
        # A clock that runs fast counts up to half a per cent more; each activation may round up by one.
        most_s = there_us * 1005 // 1_000_000_000 + SLACK_S + len(account)
        if sum(account.values()) > most_s:
            self.broken(
                f"{entry.about} on {machine.name}: {sum(account.values())} s counted, at most {most_s} s were there"
            )
