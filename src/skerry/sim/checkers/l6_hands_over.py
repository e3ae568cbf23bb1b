"""L6: a leader that may not lead any more hands over, where somebody could lead all whom it hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.group.election.model import INELIGIBLE
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

WITHIN_US = 12_000_000
"""It is ineligible for five seconds without a break, and asks for a round until somebody has taken over."""
Standing = tuple[int, tuple[str, ...], tuple[str, ...]]


class HandsOver(Checker):
    """Looks at leaders, in stretches in which nothing changes and the network is as calm as this world's is."""

    property_id = "L6"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._since: dict[str, tuple[Standing, int]] = {}
        """How each stands that may not lead, and since when."""

    def on_tick(self) -> None:
        """Nobody who may not lead has led for too long."""
        world = self.world
        for name, machine in world.machines.items():
            standing = self._standing(machine)
            if standing is None:
                self._since.pop(name, None)
                continue
            self.premise()
            if self._since.setdefault(name, (standing, world.loop.now_us))[0] != standing:
                self._since[name] = (standing, world.loop.now_us)
            calm_us = world.loop.now_us - max(self._since[name][1], world.faults.changed_us)
            if calm_us > WITHIN_US and world.network.weather == world.network.usual:
                term, _, could = standing
                self.broken(
                    f"{name} leads in term {term} for {calm_us // 1_000_000} quiet seconds, though it may not, and "
                    f"{', '.join(could)} could"
                )

    def _standing(self, machine: Machine) -> Standing | None:
        """Of a leader that may not lead: its term, whom it hears, and who of its part could lead them all."""
        shell = _at_work(machine)
        if shell is None or shell.agent.election.leadership.leader != machine.name or _may_lead(shell):
            return None
        leadership, heard = shell.agent.election.leadership, shell.agent.membership.contacts
        others = {n: _at_work(self.world.machines[n]) for n in sorted(heard) if n in leadership.part}
        could = tuple(
            n
            for n, other in others.items()
            if other is not None and _may_lead(other) and heard.keys() <= {n, *other.agent.membership.contacts}
        )
        return (leadership.term, tuple(sorted(heard)), could) if could else None


def _at_work(machine: Machine) -> Shell | None:
    """Its agent, if that answers, and not late."""
    shell = machine.shell
    return None if shell is None or shell.hung or not machine.answers or machine.step_takes_ms else shell


def _may_lead(shell: Shell) -> bool:
    return shell.agent.election.standing().fit_permille != INELIGIBLE
