"""I3: an admission never makes what is reserved exceed what the node has at that moment.

The sum is the checker's own: who asked the node for it would believe what it has to judge. Shedding a shortfall that
comes later is not built yet, and not judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.monitoring.rules import intent_of
from skerry.core.stages.negotiation.drafting import SETS
from skerry.core.stages.negotiation.model import Assignment, Plan, Slot
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
        name, assent = shell.machine.name, shell.agent.voter._assent
        if assent is self._assents.get(name):
            return
        self._assents[name] = assent
        if assent is None or not assent.slots:
            return
        plan, picture = shell.agent.picture.plan(), shell.agent.picture
        before, after = _needed(name, plan, {}), _needed(name, plan, assent.slots)
        if after == before:
            return
        self.premise()
        lacking = (shell.machine.facts.caps - picture.usage.owner).lacking(after)
        if lacking:
            self.broken(f"{name} assents to {assent.plan} and would need: {'; '.join(lacking)}")


def _needed(name: str, plan: Plan | None, asked: Mapping[Slot, Assignment]) -> Resources:
    """For each intent what the greedier of its sets needs of a node (P3), with what it is `asked` for on top."""
    given = [
        (Slot(set=in_set, instance=instance), assignment)
        for section in (plan.sections.values() if plan is not None else ())
        for in_set in SETS
        for instance, assignment in (section.connected if in_set == "connected" else section.isolated).items()
    ]
    needs: dict[str, dict[str, Resources]] = defaultdict(lambda: dict.fromkeys(SETS, Resources()))
    for slot, assignment in {**dict(given), **asked}.items():
        if assignment.holder == name:
            needs[intent_of(slot.instance)][slot.set] += assignment.resources
    return sum((of["connected"].larger(of["isolated"]) for of in needs.values()), Resources())
