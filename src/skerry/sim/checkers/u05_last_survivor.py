"""U5: two-node sites and the last survivor carry on, by a stated rule (X3, X8), and status says what was given up.

What may run anywhere goes on. What is exclusive stops without a majority of the roster, counted here by its weights, or
where the catalogue gives exclusiveness up goes on, and every status says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.actors import report
from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.stages.negotiation.model import SITE
from skerry.core.stages.subscription.rules import spec_of
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.given import given

if TYPE_CHECKING:
    from skerry.core.actors.agent import Agent
    from skerry.core.group.granting.model import Electorate
    from skerry.sim.world import World

FEW = 2
ALONE_FOR_US = 20_000_000
"""The longest lease of these worlds twice, what clocks may differ by, and a stop."""
BEGINS_US = 5_000_000
"""To ask for what nobody is left to grant, and to start it, once a plan gives it."""


class LastSurvivor(Checker):
    """Judges cores of one or two nodes, whether their site had more or not, while nobody else is in contact."""

    property_id = "U5"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._heard: dict[str, tuple[object, int]] = {}
        """Of each node its agent and whom that hears, and since when that is so."""
        self._missing: dict[str, dict[str, int]] = {}
        """To each node what it is to run without a quorum and does not, and since when."""

    def on_tick(self) -> None:
        """Nothing exclusive outlives the quorum, unless that is said."""
        world, now_us = self.world, self.world.loop.now_us
        for name, machine in world.machines.items():
            heard = (machine.shell, frozenset(machine.shell.agent.membership.contacts) if machine.shell else None)
            if self._heard.get(name, (None,))[0] != heard:
                self._heard[name] = (heard, now_us)
        if world.healed_us is None or not 0 < len(world.core.nodes) <= FEW:
            return
        agents = self._agents()
        alone_us = now_us - max(self._heard[name][1] for name in world.core.nodes)
        apart = all(agent.membership.contacts.keys() <= agents.keys() for agent in agents.values())
        if len(agents) < len(world.core.nodes) or not apart or alone_us < ALONE_FOR_US:
            return
        if not any(_is_majority(electorate, agents) for electorate in _counting(agents)):
            self.premise()
            for name, agent in agents.items():
                self._judge_exclusive(name, agent)

    def _judge_exclusive(self, name: str, agent: Agent) -> None:
        held, running = agent.granting.held, set()
        for workload in self.world.machines[name].guard.workloads.values():
            key = self.world.key_of(workload.instance)
            if key is None:
                continue
            running.add(workload.instance)
            if not any(k == key and h.surrendered for k, h in held.items()):
                self.broken(f"{name} runs {workload.instance} as if it alone had it, and no quorum is left to allow it")
        failed = {i.instance for i in agent.keeper.instances() if i.phase == "failed"}
        due = given(agent, exclusive=True).keys() - given(agent).keys() - failed
        missing = {instance for instance in due - running if _gives_up(agent, instance)}
        now_us = self.world.loop.now_us
        self._missing[name] = {i: self._missing.get(name, {}).get(i, now_us) for i in missing}
        overdue = sorted(i for i, since_us in self._missing[name].items() if now_us - since_us >= BEGINS_US)
        if overdue:
            self.broken(f"{name} is left, and does not run {overdue}, which may run without a quorum")

    def at_end(self) -> None:
        """Whoever is left has decided what it does, and says what is missing."""
        world = self.world
        if len(world.core.nodes) > FEW:
            return
        agents = self._agents()
        for name in world.core.nodes:
            agent = agents.get(name)
            if agent is not None and agent.picture.goes(NodeId(name)):
                continue  # who leaves is no survivor
            plan = agent.picture.plan() if agent is not None else None
            self.premise()
            if agent is None or plan is None:
                self.broken(f"{name} is left, and has no plan")
            for ir in agent.picture.irs().values():
                if ir.intent != SITE and not ir.withdrawn and ir.intent not in plan.sections:
                    self.broken(f"{name} is left, and its plan says nothing of {ir.intent}")
            self._judge_status(name, agent)

    def _judge_status(self, name: str, agent: Agent) -> None:
        told = report.status(agent, self.world.machines[name].boot_ms())["given_up"]
        if len(agent.membership.contacts) + 1 < len(agent.picture.roster().members) and not told:
            self.broken(f"{name} is left, and its status says nothing of the others")
        for key, held in agent.granting.held.items():
            if held.surrendered and not any(key in line for line in told):
                self.broken(f"{name} has {key} without a quorum, and its status does not say so")

    def _agents(self) -> dict[str, Agent]:
        shells = {name: self.world.machines[name].shell for name in self.world.core.nodes}
        return {name: shell.agent for name, shell in shells.items() if shell is not None}


def _gives_up(agent: Agent, instance: InstanceId) -> bool:
    """Whether it is to run without a majority, by its role in the intent and mode that its node holds."""
    intent = IntentId(instance.rsplit("/", 1)[0])
    spec = spec_of(instance, agent.picture.irs().get(intent), agent.picture.modes().get(intent, "connected"))
    return spec is not None and spec.when_no_quorum == "run"


def _counting(agents: dict[str, Agent]) -> list[Electorate]:
    """Of each the electorate under which grants count there."""
    return [agent.picture.editions()[agent.succession.counting].electorate for agent in agents.values()]


def _is_majority(electorate: Electorate, nodes: dict[str, Agent]) -> bool:
    """X3 once more, in this file's own words: two for each member, three for the tie-breaker, and more than half."""
    weights = {str(member): 3 if member == electorate.tie_breaker else 2 for member in electorate.members}
    return 2 * sum(weights.get(name, 0) for name in nodes) > sum(weights.values())
