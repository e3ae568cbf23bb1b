"""D24, L6: who validates and who reports is as the governance says, and nobody measures itself where another does.

No management role is open for long where some member meets its criteria and holds nothing that it is to be apart from,
and none is held for long by anybody else. Who meets the criteria is taken from the leader's own picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """Looks at each measurement that is begun, and now and then at the plan of each leader."""

    property_id = "D24"
    looks_at = ("effects",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._ticks = 0
        self._wrong: dict[str, dict[str, int]] = {}
        """By leader: what is wrong with its plan, and for how many looks in a row."""

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
            known = self._wrong.pop(name, {})
            for wrong in _wrong_with(machine.shell) if machine.shell is not None else ():
                looks = known.get(wrong, 0) + 1
                self._wrong.setdefault(name, {})[wrong] = looks
                if looks > LOOKS_MAX:
                    self.broken(f"{wrong}, for {looks} looks of {name}, which leads")


def _wrong_with(shell: Shell) -> set[str]:
    """Of a plan of its own what a leader should change."""
    view = chair_view(shell.agent.picture)
    if view.survey is None or view.plan is None or view.plan.id.leader != shell.machine.name:
        return set()
    site = view.plan.sections[SITE].connected if SITE in view.plan.sections else {}
    held = [(given.element, given.holder) for given in site.values()]
    roles = view.survey.management.items()
    return {wrong for name, role in roles for wrong in _wrong_in(view.survey, name, role, held)}


def _wrong_in(survey: Survey, role_name: str, role: ManagementRole, held: Held) -> Iterator[str]:
    """Of one role: who has it and may not, and what nobody has though somebody could."""
    if "leader" in role.does:
        return
    may = {n for n in survey.offices.get(role_name, {}) if n in survey.members}
    apart = _apart(survey, role_name, role, held)
    for duty in role.does:
        holders = {holder for element, holder in held if element == duty}
        for holder in sorted(holders - (may - apart)):
            yield f"{holder} is {duty}, and does not meet the criteria or is to be apart"
        if not holders and may - apart - {holder for element, holder in held if element in role.does}:
            yield f"nobody is {duty}, and somebody could be"


def _apart(survey: Survey, role_name: str, role: ManagementRole, held: Held) -> set[NodeId]:
    """Who has something that a role is to be apart from, by either's word."""
    against = {duty for other in survey.management.values() if role_name in other.apart_from for duty in other.does}
    apart = {holder for element, holder in held if element in {*role.apart_from, *against}}
    return apart | ({survey.leader} if "leader" in role.apart_from else set())
