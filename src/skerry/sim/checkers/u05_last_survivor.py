"""U5: two-node sites and the last survivor carry on, by a stated rule (X3, X8): what may run anywhere goes on, what is
exclusive stops without a quorum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.stages.negotiation.model import SITE
from skerry.sim.checkers.checker import Checker
from skerry.sim.settled import is_quorum

if TYPE_CHECKING:
    from skerry.sim.world import World

FEW = 2
ALONE_FOR_US = 15_000_000
"""The longest lease of these worlds, what clocks may differ by, and a stop."""


class LastSurvivor(Checker):
    """Judges cores of one or two nodes, whether their site had more or not, while nobody else is in contact."""

    property_id = "U5"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._alone_us = 0

    def on_tick(self) -> None:
        """Nothing exclusive outlives the quorum."""
        world, now_us = self.world, self.world.loop.now_us
        core = world.core
        agents = {n: s.agent for n in core.nodes if (s := world.machines[n].shell) is not None}
        apart = world.healed_us is not None and len(core.nodes) <= FEW
        heard = {n for agent in agents.values() for n in agent.membership.contacts}
        if not apart or len(agents) != len(core.nodes) or heard - set(core.nodes) or is_quorum(agents):
            self._alone_us = now_us
        elif now_us - self._alone_us > ALONE_FOR_US:
            self.premise()
            for name in core.nodes:
                for workload in world.machines[name].guard.workloads.values():
                    if workload.fence is not None:
                        self.broken(f"{name} runs {workload.instance}, and no quorum is left to allow it")

    def at_end(self) -> None:
        """Whoever is left has decided what it does."""
        world = self.world
        for name in world.core.nodes if len(world.core.nodes) <= FEW else ():
            shell = world.machines[name].shell
            plan = shell.agent.picture.plan() if shell is not None else None
            self.premise()
            if shell is None or plan is None:
                self.broken(f"{name} is left, and has no plan")
            for ir in shell.agent.picture.irs().values():
                if ir.intent != SITE and not ir.withdrawn and ir.intent not in plan.sections:
                    self.broken(f"{name} is left, and its plan says nothing of {ir.intent}")
