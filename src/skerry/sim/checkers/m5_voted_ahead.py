"""M5: what a leader commits says of both sets who does what, or why nobody does.

So a cut is a step of each node by itself: nothing is left to be agreed on when the link is down already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.ids import instance_id
from skerry.core.kernel.inputs import Input
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.negotiation.drafting import SETS
from skerry.core.stages.negotiation.model import Section, Slot
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.committed import committed_sections

if TYPE_CHECKING:
    from skerry.sim.shell import Shell


class VotedAhead(Checker):
    """Looks for each place of both sets in each plan that is committed."""

    property_id = "M5"
    looks_at = ("effects",)

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Nothing may be left unsaid."""
        for plan, ir, section in committed_sections(shell, effects):
            self.premise()
            if missing := _unsaid(ir, section):
                self.broken(f"{plan.id} of {shell.machine.name} says nothing of {', '.join(map(str, missing))}")


def _unsaid(ir: IntermediateRepresentation, section: Section) -> list[Slot]:
    """The places that are neither given to anybody nor open for a reason."""
    return [
        slot
        for name in SETS
        for spec in ir.sets[name].elements.values()
        for number in range(1, spec.instances + 1)
        if (slot := Slot(set=name, instance=instance_id(ir.intent, spec.name, number))).instance
        not in (section.connected if name == "connected" else section.isolated)
        and not section.is_open(slot)
    ]
