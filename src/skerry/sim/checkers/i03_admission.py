"""I3: an admission never makes what is reserved exceed what the node has at that moment.

Shedding a shortfall that comes later is not built yet, and not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class Admission(Checker):
    """Adds up, at each new assent, the plan in force and what was just promised."""

    property_id = "I3"
    looks_at = ("voter",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._assents: dict[str, object] = {}

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """A new assent holds no more than there is."""
        voter, name = shell.agent.voter, shell.machine.name
        assent = voter._assent
        if assent is self._assents.get(name):
            return
        self._assents[name] = assent
        if assent is None or not assent.slots:
            return
        plan, picture = shell.agent.picture.plan(), shell.agent.picture
        before, after = voter.reserved_with({}, plan), voter.reserved(plan)
        if after == before:
            return
        self.premise()
        lacking = (shell.machine.facts.caps - picture.usage.owner).lacking(after)
        if lacking:
            self.broken(f"{name} assents to {assent.plan} and would need: {'; '.join(lacking)}")
