"""What a leader commits, as the checkers of plans look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.effects import Effects
from skerry.core.stages.ir.model import SetName
from skerry.core.stages.negotiation.model import Plan

if TYPE_CHECKING:
    from skerry.sim.shell import Shell

SETS: tuple[SetName, ...] = ("connected", "isolated")


def committed_plan(shell: Shell, effects: Effects) -> Plan | None:
    """The plan that an agent has committed in this step; of several the last, which is the one that it holds."""
    plan = shell.agent.picture.plan()
    if plan is None or not any((note.what, note.about) == ("plan.committed", str(plan.id)) for note in effects.note):
        return None
    return plan
