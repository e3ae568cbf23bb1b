"""L7: a part that is smaller than its governance asks for commits nothing new: it keeps what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.core.stages.intent.model import site_facts
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.ir.rules import assent_clauses
from skerry.core.stages.negotiation.drafting import SETS
from skerry.core.stages.negotiation.model import Plan, Section
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.committed import committed_sections

if TYPE_CHECKING:
    from skerry.sim.shell import Shell


class SmallestPart(Checker):
    """Looks at what is newly given in each plan that is committed."""

    property_id = "L7"
    looks_at = ("effects",)

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """The least that any clause asks for is what may be judged: which of them counted shows in no plan."""
        for plan, ir, section in committed_sections(shell, effects):
            self._judge(plan, ir, section, isolated=shell.agent.uplink.mode(ir.owner) == "isolated")

    def _judge(self, plan: Plan, ir: IntermediateRepresentation, section: Section, *, isolated: bool) -> None:
        for name in SETS:
            new = [one.instance for one in section.of(name).values() if one.since == plan.id]
            # What is agreed on while a site is cut off is so for both sets, by the rule for being cut off.
            facts = site_facts(len(plan.members), "isolated" if isolated else name)
            clauses = assent_clauses(ir.governance, facts, self.world.book.expressions)
            least = min((clause.at_least for clause in clauses), default=1)
            if new and least > 1:
                self.premise()
                if least > len(plan.members):
                    self.broken(
                        f"{plan.id} of {', '.join(plan.members)} gives {new[0]} ({name}) to somebody anew, and its "
                        f"governance asks for a part of {least} for that"
                    )
