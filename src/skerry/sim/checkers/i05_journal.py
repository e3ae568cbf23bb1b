"""I5: an entry that a surviving node holds reaches the manager; an acknowledged one is never lost.

Retention is not built yet: every node keeps every entry, so all that any disk held at the healing must arrive, byte for
byte, and neither a disk nor the manager's store may ever lose one. What an answer says that the manager holds must be
in its store when the answer leaves (J3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.conversation import Exchange
from skerry.core.group.journal.machine import ENTRY_PREFIX
from skerry.core.kernel.effects import Drop, Persist
from skerry.core.kernel.ids import NodeId
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World


class JournalArrives(Checker):
    """Compares disks, and what is acknowledged, with the manager's store."""

    property_id = "I5"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._stored: dict[str, int] = {}
        """Of each chain the number of the last entry in the manager's store."""
        self._acknowledged: dict[str, int] = {}

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """An entry stays as it was written."""
        self._stays(machine.name, machine.disk, changes)

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """At the manager too, and chains grow without gaps (J1)."""
        self._stays("the manager", self.world.manager.store, changes)
        for change in changes:
            if change.key.startswith(ENTRY_PREFIX):
                chain, number = _place(change.key)
                if number != self._stored.get(chain, 0) + 1:
                    self.broken(f"the manager keeps {change.key} after {self._stored.get(chain, 0)} entries")
                self._stored[chain] = number

    def on_answer(self, node: NodeId, carried: Exchange) -> None:
        """Nothing is acknowledged that the store does not hold."""
        for chain, number in carried.heads.items():
            if number > self._stored.get(chain, 0):
                self.broken(
                    f"the manager acknowledges {number} entries of {chain}, and has stored {self._stored.get(chain, 0)}"
                )
            self._acknowledged[chain] = max(number, self._acknowledged.get(chain, 0))

    def at_end(self) -> None:
        """All that was on a disk of the core at the healing has arrived; the world waited for it (`settled`)."""
        manager = self.world.manager
        heads = manager.site.journal.heads if manager.site is not None else {}
        for key, raw in sorted(self.world.due.items()):
            if key not in manager.store:
                held = self._stored.get(_place(key)[0], 0)
                self.broken(f"the manager holds {held} entries of that chain; {key} was on a disk at the healing")
            if manager.store[key] != raw:
                self.broken(f"the manager's entry {key} is another one")
            self.premise()
        for chain, most in self._acknowledged.items() if manager.site is not None else ():
            if heads.get(chain, 0) < most:
                self.broken(f"of {chain} {most} entries were acknowledged, {heads.get(chain, 0)} are there")

    def _stays(self, whose: str, held: dict[str, bytes], changes: Sequence[Persist]) -> None:
        for change in changes:
            if not change.key.startswith(ENTRY_PREFIX):
                continue
            old = held.get(change.key)
            if isinstance(change, Drop) or (old is not None and old != change.value):
                self.broken(f"{whose} changes or drops the entry {change.key}")


def _place(key: str) -> tuple[str, int]:
    chain, number = key.removeprefix(ENTRY_PREFIX).rsplit("/", 1)
    return chain, int(number)
