"""Counts which states agents were in. It judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.group.election.model import INELIGIBLE
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.core.actors.agent import Agent


class States(Checker):
    """Samples every agent that runs."""

    property_id = "I12"

    def on_tick(self) -> None:
        """Four times a second."""
        for machine in self.world.machines.values():
            if machine.shell is not None:
                self._sample(machine.shell.agent, machine.boot_ms())

    def _sample(self, agent: Agent, now_ms: int) -> None:
        hit = self.world.coverage.hit
        for instance in agent.keeper.instances():
            hit(f"state.phase.{instance.phase}")
        leadership = agent.election.leadership
        if leadership.leader is None:
            hit("state.role.leaderless")
        elif leadership.leader != agent.identity.node:
            hit("state.role.member")
        else:
            hit("state.role.alone" if len(leadership.part) == 1 else "state.role.leader")
        if agent.election.standing().fit_permille == INELIGIBLE:
            hit("state.role.ineligible")
        hit(f"state.mode.{agent.uplink.mode(self.world.manager.name)}")
        if agent.granting.held:
            hit("state.grant.held")
        if now_ms < agent.granting.quiet_until_ms:
            hit("state.grant.quiet")
        if agent.voter._assent is not None:
            hit("state.assent.held")
