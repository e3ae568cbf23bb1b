"""D24, L6: who validates and who reports is as the governance says, and nobody measures itself where another does.

No management role is open for long where some member meets its criteria and holds nothing that it is to be apart from.
Who meets the criteria is taken from the leader's own picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skerry.core.actors.views import chair_view
from skerry.core.kernel.effects import Effects, MeasureInstance
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.stages.ir.model import ManagementRole
from skerry.core.stages.negotiation.model import SITE
from skerry.core.stages.negotiation.survey import Survey
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

LOOK_TICKS, LOOKS_MAX = 40, 6
"""Every ten seconds; who refuses is asked anew after thirty (G2)."""
Held = Sequence[tuple[str, NodeId]]
"""Duty and holder."""


class Offices(Checker):
    """Looks at each measurement that is begun, and at the leaders' plans at the end."""

    property_id = "D24"
    looks_at = ("effects",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._ticks = 0
        self._open: dict[str, dict[str, int]] = {}
        """By leader: the duties that nobody has, and for how many looks in a row."""

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Who holds something is measured by somebody else, if anybody else is there to do it."""
        plan, name = shell.agent.picture.plan(), shell.machine.name
        for act in effects.act:
            if isinstance(act, MeasureInstance) and plan is not None:
                self.premise()
                others = {*plan.holder_of("validator"), *plan.holder_of("reporter")} - {name}
                if act.holder == name and others:
                    self.broken(f"{name} measures its own {act.instance}, and {', '.join(sorted(others))} could")

    def on_tick(self) -> None:
        """Whoever leads looks at who has what, and whom it could ask."""
        self._ticks += 1
        if self._ticks % LOOK_TICKS:
            return
        for name, machine in self.world.machines.items():
            missing = self._missing(machine.shell) if machine.shell is not None else set()
            known = self._open.pop(name, {})
            if missing:
                self._open[name] = {duty: known.get(duty, 0) + 1 for duty in missing}
            for duty, looks in self._open.get(name, {}).items():
                if looks > LOOKS_MAX:
                    self.broken(f"nobody is {duty} for {looks} looks of {name}, which leads, and somebody could be")

    def _missing(self, shell: Shell) -> set[str]:
        """What nobody does that somebody could."""
        view = chair_view(shell.agent.picture)
        if view.survey is None or view.plan is None or view.plan.id.leader != shell.machine.name:
            return set()
        site = view.plan.sections[SITE].connected if SITE in view.plan.sections else {}
        held = [(given.element, given.holder) for given in site.values()]
        roles = view.survey.management.items()
        return {duty for name, role in roles for duty in _unheld(view.survey, name, role, held)}


def _unheld(survey: Survey, role_name: str, role: ManagementRole, held: Held) -> set[str]:
    """The duties of a role that nobody has, though somebody could."""
    able = survey.offices.get(role_name, {})
    free = [n for n in able if n in survey.members and n not in _taken(survey, role_name, role, held)]
    if not free or "leader" in role.does:
        return set()
    return {duty for duty in role.does if not any(element == duty for element, _ in held)}


def _taken(survey: Survey, role_name: str, role: ManagementRole, held: Held) -> set[NodeId]:
    """Who has something that keeps it from a role, by either's word."""
    against = {duty for other in survey.management.values() if role_name in other.apart_from for duty in other.does}
    taken = {holder for element, holder in held if element in {*role.apart_from, *role.does, *against}}
    return taken | ({survey.leader} if "leader" in role.apart_from else set())
