"""Is a healed site at rest, and if not, what is still moving (I7, I12)?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.actors.agent import Agent
from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.stages.negotiation.model import SITE, Plan
from skerry.core.stages.subscription.rules import is_open

if TYPE_CHECKING:
    from skerry.sim.world import World

NOT_ARRIVED = "the manager has not got"


def why_unsettled(world: World) -> str | None:
    """The first thing that is not as it will be; None if the site is at rest."""
    agents: dict[str, Agent] = {}
    for name, machine in world.machines.items():
        if machine.shell is None:
            return f"{name} has no agent"
        agents[name] = machine.shell.agent
    return (
        _leaders(agents)
        or _documents(world, agents)
        or _modes(world, agents)
        or _work(world, agents)
        or _verdicts(world, agents)
        or _journal(world)
    )


def _leaders(agents: dict[str, Agent]) -> str | None:
    found = {name: agent.election.leadership for name, agent in agents.items()}
    leaders = {led.leader for led in found.values()}
    terms = {led.term for led in found.values()}
    if len(leaders) != 1 or len(terms) != 1 or None in leaders:
        return f"leaders: { {n: (led.leader, led.term) for n, led in found.items()} }"
    leader = next(iter(leaders))
    assert leader is not None
    if found[leader].part != set(agents):
        return f"{leader} leads only {sorted(found[leader].part)}"
    return None


def _documents(world: World, agents: dict[str, Agent]) -> str | None:
    versions = {name: agent.picture.custody.versions() for name, agent in agents.items()}
    versions["hq"] = world.manager.versions()
    first = versions["hq"]
    for name, held in versions.items():
        if held != first:
            differ = sorted(k for k in {*held, *first} if held.get(k) != first.get(k))
            return f"{name} and the manager hold other versions of {differ}"
    if "plan" not in first:
        return "there is no plan"
    return None


def _modes(world: World, agents: dict[str, Agent]) -> str | None:
    manager = world.manager.name
    isolated = [name for name, agent in agents.items() if agent.uplink.mode(manager) != "connected"]
    return f"isolated: {isolated}" if isolated else None


def _work(world: World, agents: dict[str, Agent]) -> str | None:
    """Every slot of the connected sets is served by its holder, or has a reason not to be filled; nothing else runs."""
    plan = next(iter(agents.values())).picture.plan()
    assert plan is not None
    wanted = _wanted(plan)
    for instance, holder in sorted(wanted.items()):
        found = {i.instance: i for i in agents[holder].keeper.instances()}
        if instance not in found or found[instance].phase != "active":
            return f"{instance} does not run on {holder}: {found.get(instance)}"
        if instance not in world.machines[holder].guard.workloads:
            return f"{holder} says that {instance} runs, and no process of it is there"
    for name, machine in world.machines.items():
        for instance in machine.guard.workloads:
            if wanted.get(instance) != name and not (instance not in wanted and _is_open(plan, instance)):
                return f"{instance} still runs on {name}"
    return _unfilled(world, plan)


def _wanted(plan: Plan) -> dict[InstanceId, NodeId]:
    return {
        instance: assignment.holder
        for section in plan.sections.values()
        if section.intent != SITE
        for instance, assignment in section.connected.items()
    }


def _is_open(plan: Plan, instance: InstanceId) -> bool:
    """Nobody was found for it, so that whoever has it keeps it."""
    intent = IntentId(instance.rsplit("/", 1)[0])
    return is_open(plan, instance, intent, {intent: "connected"})


def _unfilled(world: World, plan: Plan) -> str | None:
    """A slot may stay open for a lack that lasts, and not because somebody has still to answer."""
    for intent in world.manager.irs.values():
        section = plan.sections.get(intent.intent)
        if intent.local:
            return f"hq has said nothing to {intent.intent}, which was handed in at the site"
        if intent.withdrawn != (section is None):
            return f"the plan does not follow the intent {intent.intent}, generation {intent.generation}"
        if section is not None and section.generation != intent.generation:
            return f"the plan has generation {section.generation} of {intent.intent}, not {intent.generation}"
        for slot, why in section.unfilled.items() if section is not None else ():
            if "measuring" in why or "negotiated" in why or "no answer" in why or "not measured yet" in why:
                return f"{slot} is open: {why}"
    return None


def _verdicts(world: World, agents: dict[str, Agent]) -> str | None:
    """The manager's word on every section of the plan in force is final, and everybody has it (R1)."""
    for name, agent in agents.items():
        plan, verdicts = agent.picture.plan(), agent.picture.verdicts()
        for intent in plan.sections if plan is not None else ():
            word = verdicts[intent].word if intent in verdicts else None
            if intent != SITE and word != "final":
                return f"{name} has the word {word} on {intent} of the plan in force"
    return None


def _journal(world: World) -> str | None:
    """What any disk held at the healing has reached the manager (I5)."""
    missing = min((key for key in world.due if key not in world.manager.store), default=None)
    return f"{NOT_ARRIVED} {missing}" if missing is not None else None
