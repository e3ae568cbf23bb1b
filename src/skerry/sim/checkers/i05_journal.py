"""I5: an entry that a surviving node holds reaches the manager; an acknowledged one is never lost.

Retention is not built yet: every node keeps every entry, so all that any disk held at the healing must arrive, byte for
byte, and no disk may ever lose one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.group.journal.machine import ENTRY_PREFIX
from skerry.core.kernel.effects import Drop, Persist
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World


class JournalArrives(Checker):
    """Compares disks with what the manager holds."""

    property_id = "I5"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._due: dict[str, bytes] = {}

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """An entry stays as it was written."""
        for change in changes:
            if not change.key.startswith(ENTRY_PREFIX):
                continue
            old = machine.disk.get(change.key)
            if isinstance(change, Drop) or (old is not None and old != change.value):
                self.broken(f"{machine.name} changes or drops the entry {change.key}")

    def on_healed(self) -> None:
        """All that is on any disk now has to arrive."""
        for machine in self.world.machines.values():
            self._due.update((k, raw) for k, raw in machine.disk.items() if k.startswith(ENTRY_PREFIX))

    def at_end(self) -> None:
        """It has."""
        manager = self.world.manager
        for key, raw in sorted(self._due.items()):
            chain, number = key.removeprefix(ENTRY_PREFIX).rsplit("/", 1)
            held = manager.chains.get(chain, [])
            if len(held) < int(number):
                self.broken(f"the manager holds {len(held)} entries of {chain}; {key} was on a disk at the healing")
            if held[int(number) - 1] != decode(raw, Sealed):
                self.broken(f"the manager's entry {key} is another one")
            self.premise()
        for chain, most in manager.acknowledged.items():
            if len(manager.chains[chain]) < most:
                self.broken(f"of {chain} {most} entries were acknowledged, {len(manager.chains[chain])} are there")
