"""What a leader commits, as the checkers of plans look at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skerry.core.kernel.effects import Effects
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.negotiation.model import Plan, Section

if TYPE_CHECKING:
    from skerry.sim.shell import Shell


def committed_plan(shell: Shell, effects: Effects) -> Plan | None:
    """The plan that an agent has committed in this step; of several the last, which is the one that it holds."""
    plan = shell.agent.picture.plan()
    if plan is None or not any((note.what, note.about) == ("plan.committed", str(plan.id)) for note in effects.note):
        return None
    return plan


def committed_sections(shell: Shell, effects: Effects) -> Iterator[tuple[Plan, IntermediateRepresentation, Section]]:
    """Its sections, each with what it is of; one of another generation than is known now the next plan replaces."""
    plan, irs = committed_plan(shell, effects), shell.agent.picture.irs()
    if plan is None:
        return
    for intent, section in plan.sections.items():
        ir = irs.get(intent)
        if ir is not None and ir.generation == section.generation:
            yield plan, ir, section
