"""I9: a withdrawn intent's roles stop everywhere within 10 s of reconnection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.ids import IntentId
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine

WITHIN_US = 10_000_000
BOOT_US = 3_000_000
"""After a power cut of the whole site its machines come back one after the other, within so long."""


class Withdrawn(Checker):
    """Looks for processes that nobody wants any more. Reconnection is the healing: from then on all are joined."""

    property_id = "I9"

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """Its processes end."""
        if what == "gone" and self._is_withdrawn(IntentId(workload.instance.rsplit("/", 1)[0])):
            self.premise()

    def on_tick(self) -> None:
        """None of them is left in time."""
        healed_us = self.world.healed_us
        if healed_us is None or self.world.loop.now_us < healed_us + WITHIN_US + BOOT_US:
            return
        for machine in self.world.machines.values():
            for instance in machine.guard.workloads if machine.powered else ():
                if self._is_withdrawn(IntentId(instance.rsplit("/", 1)[0])):
                    self.broken(f"{instance} still runs on {machine.name}, and its intent was withdrawn")

    def _is_withdrawn(self, intent: IntentId) -> bool:
        return any(ir.withdrawn for ir in self.world.manager.intents.values() if ir.intent == intent)
