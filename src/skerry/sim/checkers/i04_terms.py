"""I4: nothing runs without a subscription on that node's disk; nothing outlives its terms by more than a stop takes.

Terms of an exclusive process are its guard deadline, and the lease that its agent last knew of: an agent that is gone
or hangs moves no deadline. All others may go on without an agent, and are ended by the next that does not want them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.values import decode
from skerry.core.stages.subscription.machine import SUBSCRIPTION_PREFIX
from skerry.core.stages.subscription.model import Subscription
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

SLACK_MS = 300


class Terms(Checker):
    """Reads disks and clocks."""

    property_id = "I4"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._agent_gone_ms: dict[str, int] = {}

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """A process starts only under a subscription that is durable."""
        if what != "started":
            return
        self.premise()
        raw = machine.disk.get(SUBSCRIPTION_PREFIX + workload.instance)
        kept = decode(raw, Subscription) if raw is not None else None
        if kept is None or kept.digest != workload.digest:
            self.broken(f"{workload.instance} starts on {machine.name}, whose disk says {kept}")

    def on_agent_end(self, machine: Machine) -> None:
        """From now on nobody moves its deadlines."""
        if machine.powered:
            self._agent_gone_ms[machine.name] = machine.boot_ms()

    def on_tick(self) -> None:
        """Nothing exclusive is overdue."""
        for machine in self.world.machines.values():
            if not machine.powered or machine.frozen:
                continue
            now_ms = machine.boot_ms()
            if machine.shell is not None:
                self._agent_gone_ms.pop(machine.name, None)
            gone_ms = self._agent_gone_ms.get(machine.name)
            for workload in machine.guard.workloads.values():
                if workload.fence is None:
                    continue
                over_ms = (workload.kill_at_ms or 0) + workload.stop_within_ms + SLACK_MS
                if now_ms > over_ms:
                    self.broken(f"{workload.instance} on {machine.name} should have ended at {over_ms}, it is {now_ms}")
                if gone_ms is not None and now_ms > gone_ms + self.world.manager.office.longest_lease_ms + SLACK_MS:
                    self.broken(f"{workload.instance} on {machine.name} has outlived its agent by a lease")
