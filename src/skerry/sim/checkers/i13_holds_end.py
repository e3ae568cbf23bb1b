"""I13: every assent's hold ends, at the deadline that it was given at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.ids import PlanId
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class HoldsEnd(Checker):
    """Remembers each life's first deadline for each plan."""

    property_id = "I13"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._until_ms: dict[object, dict[PlanId, int]] = {}

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """A hold that is over is gone, and none was made longer."""
        assent = shell.agent.voter._assent
        if assent is None:
            return
        if assent.slots:
            self.premise()
        due_ms = shell.agent.next_deadline_ms()
        if assent.until_ms <= given.at_ms and (due_ms is None or due_ms > given.at_ms):  # else it is about to look
            self.broken(
                f"{shell.machine.name} holds for {assent.plan} until {assent.until_ms}, and it is {given.at_ms}"
            )
        first_ms = self._until_ms.setdefault(shell, {}).setdefault(assent.plan, assent.until_ms)
        if assent.until_ms > first_ms:
            self.broken(f"{shell.machine.name} holds for {assent.plan} longer than it first said: {first_ms}")
