"""U4: a site is operated locally while it is cut off, by those who have the right to.

What an operator with that right hands in is planned by the site within a stated time, shorter than what a world is
given to settle; what anybody else hands in is taken by no node, however long nobody can be asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.core.stages.intent.events import LocalIntentGiven
from skerry.core.stages.intent.local import RIGHT
from skerry.sim.checkers.checker import Checker
from skerry.sim.office import OPERATORS

if TYPE_CHECKING:
    from skerry.sim.shell import Shell

WITHIN_US = 20_000_000


class OperatedLocally(Checker):
    """Looks at what is handed in, and at plans of cores without a way to the manager."""

    property_id = "U4"
    looks_at = ("effects",)

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Nothing is taken of somebody who may not hand it in."""
        event = given.event
        if not isinstance(event, LocalIntentGiven) or RIGHT in OPERATORS[event.operator]:
            return
        if any(change.key.startswith(f"{DOCUMENT_PREFIX}intent/") for change in effects.persist):
            self.broken(f"{event.operator} may not {RIGHT}, and {shell.machine.name} takes {event.ir.intent} of them")

    def on_tick(self) -> None:
        """Every intent that was handed in is in the plan in time."""
        healed_us = self.world.healed_us
        if healed_us is not None and self.world.loop.now_us - healed_us >= WITHIN_US:
            self._judge()

    def at_end(self) -> None:
        """And at the end, if that is sooner."""
        self._judge()

    def _judge(self) -> None:
        """With places for its roles, or a reason why not."""
        world = self.world
        for name in world.core.nodes if not world.core.uplinks else ():
            shell = world.machines[name].shell
            picture = shell.agent.picture if shell is not None else None
            for ir in picture.irs().values() if picture is not None else ():
                if not ir.local or ir.withdrawn or picture is None or picture.goes(picture.me):
                    continue
                self.premise()
                plan = picture.plan()
                section = plan.sections.get(ir.intent) if plan is not None else None
                if section is None or section.generation != ir.generation:
                    self.broken(f"{ir.intent} was handed in at the site, and the plan of {name} lacks it")
                if not section.isolated and not section.unfilled:
                    self.broken(f"{ir.intent} was handed in at the site, and nobody was asked to do it")
