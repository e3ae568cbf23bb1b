"""U4: a site is operated locally while it is cut off: what an operator with the right to hands in is deployed there."""

from __future__ import annotations

from skerry.sim.checkers.checker import Checker


class OperatedLocally(Checker):
    """Judges cores without a way to the manager, when they have settled."""

    property_id = "U4"

    def at_end(self) -> None:
        """Every intent that was handed in is in the plan, with places for all of its roles or a reason why not."""
        world = self.world
        for name in world.core.nodes if not world.core.uplinks else ():
            shell = world.machines[name].shell
            picture = shell.agent.picture if shell is not None else None
            for ir in picture.irs().values() if picture is not None else ():
                if not ir.local or ir.withdrawn or picture is None:
                    continue
                self.premise()
                plan = picture.plan()
                section = plan.sections.get(ir.intent) if plan is not None else None
                if section is None or section.generation != ir.generation:
                    self.broken(f"{ir.intent} was handed in at the site, and the plan of {name} lacks it")
                if not section.isolated and not section.unfilled:
                    self.broken(f"{ir.intent} was handed in at the site, and nobody was asked to do it")
