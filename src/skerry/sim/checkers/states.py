"""Counts which states agents were in. It judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.group.election.model import INELIGIBLE
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.ids import ManagerId
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.core.actors.agent import Agent
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class States(Checker):
    """Samples every agent that runs."""

    property_id = "I12"
    looks_at = ("keeper",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._looked: dict[str, int] = {}

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Phases are looked at whenever they change: some last for a moment only."""
        keeper, name = shell.agent.keeper, shell.machine.name
        if self._looked.get(name) != keeper.version:
            self._looked[name] = keeper.version
            for instance in keeper.instances():
                self.world.coverage.hit(f"state.phase.{instance.phase}")

    def on_tick(self) -> None:
        """Four times a second."""
        for machine in self.world.machines.values():
            if machine.shell is not None:
                self._sample(machine.shell.agent, machine.boot_ms())

    def _sample(self, agent: Agent, now_ms: int) -> None:
        hit = self.world.coverage.hit
        leadership = agent.election.leadership
        if leadership.leader is None:
            hit("state.role.leaderless")
        elif leadership.leader != agent.identity.node:
            hit("state.role.member")
        else:
            hit("state.role.alone" if len(leadership.part) == 1 else "state.role.leader")
        if agent.election.standing().fit_permille == INELIGIBLE:
            hit("state.role.ineligible")
        modes = {agent.uplink.mode(ManagerId(name)) for name in self.world.managers}
        for mode in modes if len(modes) == 1 else ("differs",):
            hit(f"state.mode.{mode}")
        if agent.granting.held:
            hit("state.grant.held")
        if now_ms < agent.granting.quiet_until_ms:
            hit("state.grant.quiet")
        if agent.voter._assent is not None:
            hit("state.assent.held")
