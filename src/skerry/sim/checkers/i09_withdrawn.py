"""I9: a withdrawn intent's roles stop everywhere within 10 s of reconnection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.ids import IntentId
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

WITHIN_US = 10_000_000
BOOT_US = 3_000_000
"""After a power cut of the whole site its machines come back one after the other, within so long."""


class Withdrawn(Checker):
    """Looks for processes that nobody wants any more on nodes of the core. Reconnection is when the manager's word
    first reaches a node that was healed with a way to it: somebody outside may lead, and those wait for their turn to
    try (M2). What the manager refuses of that which was handed in at the site meanwhile is withdrawn only after it."""

    property_id = "I9"
    of_each_manager = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._reconnected_us: int | None = None

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """Its processes end."""
        if what == "gone" and self._withdrawn_us(IntentId(workload.instance.rsplit("/", 1)[0])) is not None:
            self.premise()

    def on_tick(self) -> None:
        """None of them is left in time."""
        healed_us, now_us, core = self.world.healed_us, self.world.loop.now_us, self.world.core
        if healed_us is None or self.manager.name not in core.managers:
            return
        if self._reconnected_us is None:
            heard_us = [self.manager.heard_by_us.get(node, 0) for node in core.uplinks]
            if max(heard_us, default=0) < healed_us:
                return
            self._reconnected_us = now_us
        for machine in (self.world.machines[name] for name in core.nodes):
            for instance in machine.guard.workloads if machine.powered else ():
                withdrawn_us = self._withdrawn_us(IntentId(instance.rsplit("/", 1)[0]))
                if withdrawn_us is not None and now_us >= max(self._reconnected_us, withdrawn_us) + WITHIN_US + BOOT_US:
                    self.broken(f"{instance} still runs on {machine.name}, and its intent was withdrawn")

    def _withdrawn_us(self, intent: IntentId) -> int | None:
        return self.manager.withdrawn_us.get(intent)
