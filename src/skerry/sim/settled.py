"""Is the healed core at rest, and if not, what is still moving (I7, I11, I12)?

What is demanded is demanded of the core alone, whatever goes on outside it for good:

- each of its nodes has a leader and is in its part (I11). It is one leader, unless nodes outside that are half well
  keep parts apart: two leaders that hear each other become one (L5), and a leader outside may not hear the other.
- a part that reaches the manager by an uplink of the core is connected; where nobody reaches it, all are isolated.
- nodes of one part hold the same plan, and of a core that is one part all hold the same documents; with the manager,
  what the manager holds.
- what the plan in force gives to one of its nodes runs there, and nothing else does, but what a node outside that is
  heard there is to take over and has not begun. What it gives to a node outside is given to one that the leader hears,
  or whose work answers. A slot stays open for a lack that lasts, and not because somebody has still to answer who is
  there to answer.
- whoever does the work is named by both sets, if it can do it by either, so that the next switch moves nothing (U3).
- what is exclusive runs if the core alone is a quorum, unless a node of the core grants it to one outside who holds it
  and has not been told otherwise; otherwise nothing is demanded of it but I2.
- with the manager: its word on every section is final, if the core is one part, whatever plan a part outside told it of
  (R3); and what a disk of the core held at the healing has arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from skerry.core.actors.agent import Agent
from skerry.core.actors.manager import ManagerSite
from skerry.core.actors.owners import concerns_manager
from skerry.core.group.custody.model import Version
from skerry.core.group.journal.chain import ENTRY_PREFIX
from skerry.core.kernel.ids import GrantKey, InstanceId, IntentId, ManagerId, NodeId
from skerry.core.stages.ir.model import owns
from skerry.core.stages.negotiation.model import PASSING, SITE, Assignment, Plan
from skerry.core.stages.subscription.rules import is_open, paused_by
from skerry.sim.both_sets import why_apart

if TYPE_CHECKING:
    from skerry.sim.world import World

NOT_ARRIVED = "the manager has not got"
UNHEARD_US = 40_000_000
"""Longer than any grace of these worlds, made eight times as long by an uplink that flaps."""


def why_unsettled(world: World) -> str | None:
    """The first thing of the core that is not as it will be; None if it is at rest."""
    agents: dict[str, Agent] = {}
    for name in world.core.nodes:
        shell = world.machines[name].shell
        if shell is None:
            return f"{name} has no agent"
        if not shell.agent.picture.goes(NodeId(name)):
            agents[name] = shell.agent
    if not agents:
        return None
    why = _rosters(agents) or _leaders(world, agents)
    if why is not None:
        return why
    parts = _parts(agents)
    for part in parts:
        why = _modes(world, part) or _documents(part, {}) or _work(world, part) or why_apart(part)
        if why is not None:
            return why
    if len(parts) == 1:
        why = _documents(agents, {}) or _intents(world, agents)
        if world.core.uplinks:
            ours = next(iter(agents.values())).picture.custody.versions()
            for name in world.core.managers:
                theirs = {name: world.managers[name].versions(ours)}
                why = why or _documents(
                    agents, theirs, partial(concerns_manager, manager=ManagerId(name), home=world.manager.name)
                )
            why = why or _verdicts(agents, world.core.managers)
    return why or _journal(world)


def _rosters(agents: dict[str, Agent]) -> str | None:
    """A roster counts if the core alone can close those before it; nobody is taken for dead who is there (X5, X8)."""
    core = frozenset(NodeId(n) for n in agents)
    for name, agent in agents.items():
        editions, counting = agent.picture.editions(), agent.succession.counting
        if counting < max(editions) and editions[counting].electorate.is_quorum(core):
            return f"roster {counting} counts at {name} still, and not {max(editions)}"
        if dead := core.intersection(agent.picture.declared_dead()):
            return f"{name} takes {sorted(dead)} for dead"
    return None


def _leaders(world: World, agents: dict[str, Agent]) -> str | None:
    found = {name: agent.election.leadership for name, agent in agents.items()}
    ways = {name: (led.leader, led.term) for name, led in found.items()}
    for name, led in found.items():
        shell = world.machines[led.leader].shell if led.leader is not None else None
        if shell is None or shell.agent.election.leadership.term != led.term:
            return f"leaders: {ways}"
        if name not in shell.agent.election.leadership.part:
            return f"{led.leader} leads only {sorted(shell.agent.election.leadership.part)}"
    leaders = {led.leader for led in found.values() if led.leader is not None}
    for one in leaders:
        shell = world.machines[one].shell
        if shell is not None and leaders & set(shell.agent.membership.contacts):
            return f"leaders that hear each other: {ways}"
    return None


def _parts(agents: dict[str, Agent]) -> list[dict[str, Agent]]:
    parts: dict[NodeId | None, dict[str, Agent]] = {}
    for name, agent in agents.items():
        parts.setdefault(agent.election.leadership.leader, {})[name] = agent
    return list(parts.values())


def _documents(
    agents: dict[str, Agent],
    besides: dict[str, dict[str, Version]],
    concerns: Callable[[str], bool] = lambda name: True,
) -> str | None:
    versions = besides | {name: agent.picture.custody.versions() for name, agent in agents.items()}
    first = next(iter(versions.values()))

    def passes(name: str) -> bool:
        """What the manager has stored, it says again as long as journals grow."""
        return name == "acknowledged" or (bool(besides) and _is_foreign(name, agents))

    for name, held in versions.items():
        if held != first:
            names = [k for k in sorted({*held, *first}) if concerns(k) and not passes(k)]
            differ = [k for k in names if held.get(k) != first.get(k)]
            if differ:
                return f"{name} and {next(iter(versions))} hold other versions of {differ}"
    if "plan" not in first:
        return "there is no plan"
    return None


def _is_foreign(name: str, agents: dict[str, Agent]) -> bool:
    """What a node outside says of itself, and whom it was told to be dead there, may reach the manager alone."""
    kind, _, rest = name.partition("/")
    author = rest.partition("/")[0]
    return kind == "dead" or (kind in ("fit", "closing", "leave", "later") and author not in agents)


def _modes(world: World, agents: dict[str, Agent]) -> str | None:
    in_force = next(iter(agents.values())).picture.managers()
    for manager in (world.managers[name] for name in in_force):
        modes = {name: agent.uplink.mode(manager.name) for name, agent in agents.items()}
        if len(set(modes.values())) != 1:
            return f"modes for {manager.name}: {modes}"
        mode, reaches = next(iter(modes.values())), not agents.keys().isdisjoint(world.core.uplinks)
        if mode != "connected" and reaches and manager.name in world.core.managers:
            return f"{sorted(agents)} is isolated, and has a way to {manager.name}"
        if mode != "isolated" and world.loop.now_us - manager.heard_us > UNHEARD_US:
            return f"{sorted(agents)} is not isolated, and nobody hears {manager.name} any more"
    return None


# --- work -------------------------------------------------------------------------------------------------------------


def _work(world: World, agents: dict[str, Agent]) -> str | None:
    """What the plan in force wants, by its sets in force, and nobody has paused; nothing else runs on the core's
    nodes."""
    someone = next(iter(agents.values()))
    plan = someone.picture.plan()
    assert plan is not None
    modes, paused = someone.picture.modes(), someone.picture.paused()
    wanted = {
        instance: assignment
        for intent, section in plan.sections.items()
        if intent != SITE
        for instance, assignment in section.of(modes.get(intent, "connected")).items()
        if not paused_by(instance, paused)
    }
    decides = is_quorum(agents)
    for instance, assignment in sorted(wanted.items()):
        if assignment.key is None or (decides and not _held_outside(world, agents, plan, assignment.key)):
            why = _unserved(world, agents, instance, assignment)
            if why is not None:
                return why
    for name in agents:
        for instance in world.machines[name].guard.workloads:
            given = wanted.get(instance)
            intent = IntentId(instance.rsplit("/", 1)[0])
            if given is not None and given.holder not in agents and _waits_for(world, agents[name], given):
                continue
            if (given is None or given.holder != name) and not (
                given is None and is_open(plan, instance, intent, modes)
            ):
                return f"{instance} still runs on {name}"
    return None


def _unserved(world: World, agents: dict[str, Agent], instance: InstanceId, given: Assignment) -> str | None:
    holder = given.holder
    if holder not in agents:
        return None if _is_there(world, agents, holder, instance) else f"{instance} is given to {holder}, which is gone"
    found = {i.instance: i for i in agents[holder].keeper.instances()}
    if instance not in found or found[instance].phase != "active":
        return f"{instance} does not run on {holder}: {found.get(instance)}"
    if instance not in world.machines[holder].guard.workloads:
        return f"{holder} says that {instance} runs, and no process of it is there"
    return None


def _waits_for(world: World, agent: Agent, given: Assignment) -> bool:
    """Make before break: what is not exclusive goes on until who takes its place outside has begun, if ever; for one
    that its own node does not hear, no longer than the stated time (P4)."""
    machine = world.machines.get(given.holder)
    begun = machine is not None and machine.powered and given.instance in machine.guard.workloads
    return given.key is None and not begun and given.holder in agent.membership.contacts


def _is_there(world: World, agents: dict[str, Agent], node: NodeId, instance: InstanceId) -> bool:
    """Whether the leader, who may be outside itself, hears a node outside, or its work answers."""
    leader = next(iter(agents.values())).election.leadership.leader
    shell = world.machines[leader].shell if leader is not None else None
    if shell is None:
        return False
    left = shell.agent.unattended.nodes.get(node, ())
    return node in {leader, *shell.agent.membership.contacts} or any(i.instance == instance for i in left)


def _held_outside(world: World, agents: dict[str, Agent], plan: Plan, key: GrantKey) -> bool:
    """X2: what a node outside was granted, by a node of the core too, it keeps for as long as both hear each other, and
    it is not told by a plan that counts it that somebody else is to have it."""
    shells = (machine.shell for name, machine in world.machines.items() if name not in agents)
    outside = [shell.agent for shell in shells if shell is not None and key in shell.agent.granting.held]
    holders: set[NodeId | None] = {agent.identity.node for agent in outside if not _is_told(agent, plan)}
    return any(agent.granting.promised_to(key, agent.picture.at_ms) in holders for agent in agents.values())


def _is_told(agent: Agent, plan: Plan) -> bool:
    """Whether a node outside follows whoever made the plan in force, has it, and is one of its members (P1)."""
    led, held = agent.election.leadership, agent.picture.plan()
    follows = held is not None and held.id == plan.id and (led.term, led.leader) == (plan.id.term, plan.id.leader)
    return follows and agent.identity.node in plan.members


def is_quorum(agents: dict[str, Agent]) -> bool:
    """Whether the core alone can grant what is exclusive, under one roster that counts everywhere in it (X3, X5)."""
    core = frozenset(NodeId(n) for n in agents)
    counting = {agent.succession.counting for agent in agents.values()}
    editions = next(iter(agents.values())).picture.editions()
    return len(counting) == 1 and editions[next(iter(counting))].electorate.is_quorum(core)


# --- intents and verdicts ---------------------------------------------------------------------------------------------


def _intents(world: World, agents: dict[str, Agent]) -> str | None:
    """The plan follows what is wanted; a slot may stay open for a lack that lasts."""
    someone = next(iter(agents.values()))
    plan = someone.picture.plan()
    assert plan is not None
    healed = [world.managers[name] for name in world.core.managers]
    others = {i: ir for i, ir in someone.picture.irs().items() if ir.owner not in world.core.managers}
    wanted = {**others, **{i: ir for manager in healed for i, ir in manager.irs.items()}}
    for intent in wanted.values():
        section = plan.sections.get(intent.intent)
        if intent.local and world.core.uplinks:
            return f"{world.manager.name} has said nothing to {intent.intent}, which was handed in at the site"
        if intent.withdrawn != (section is None):
            return f"the plan does not follow the intent {intent.intent}, generation {intent.generation}"
        if section is not None and section.generation != intent.generation:
            return f"the plan has generation {section.generation} of {intent.intent}, not {intent.generation}"
        for slot, why in section.unfilled.items() if section is not None else ():
            if _passes(why, set(agents), plan):
                return f"{slot} is open: {why}"
    return None


def _passes(why: str, core: set[str], plan: Plan) -> bool:
    """Whether a reason has to go. It may stay if all that it waits for are nodes outside, which may never answer."""
    outside = {node for node in plan.members if node not in core}
    return any(reason in why for reason in PASSING) and not any(node in why for node in outside)


def _verdicts(agents: dict[str, Agent], managers: tuple[str, ...]) -> str | None:
    """The word of each of these on its sections of the plan in force is final, and everybody has it (R1)."""
    for name, agent in agents.items():
        plan, verdicts = agent.picture.plan(), agent.picture.verdicts()
        for intent in plan.sections if plan is not None else ():
            word = verdicts[intent].word if intent in verdicts else None
            if word != "final" and any(owns(manager, intent) for manager in managers):
                return f"{name} has the word {word} on {intent} of the plan in force"
    return None


def _journal(world: World) -> str | None:
    """What any disk held at the healing has reached the manager (I5)."""
    store, site = world.manager.store, world.manager.site
    missing = sorted(key for key in world.due if key not in store)
    key = next((key for key in missing if site is None or not stands_for(site, key)), None)
    if key is not None:
        return f"{NOT_ARRIVED} {key}"
    owed = site.restored.behind(site.journal) if site is not None and world.core.uplinks else {}
    return f"of {min(owed)} the manager still asks for what it once acknowledged (J3)" if owed else None


def stands_for(site: ManagerSite, key: str) -> bool:
    """Whether a fold stands at the manager for the entry of this key (J2), or it is known there to be lost (J3)."""
    name, _, number = key.removeprefix(ENTRY_PREFIX).rpartition("/")
    chain = site.journal.chains.get(name)
    if chain is None:
        return False
    lost = any(first <= int(number) <= last for first, last in chain.base.lost)
    return lost or chain.piece_with(int(number), None) is not None
