"""U3: would a cut, or its end, move work that is healthy where it is?

A plan has two sets, and a switch from one to the other is a local step that does what it says. So whether a switch
moves healthy work is decided long before it: who does the work by the set in force has to be named by the other one,
too, if it can do it by the standards of that one and has the room. Judged where nobody outside has a voice in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.actors.agent import Agent
from skerry.core.kernel.ids import IntentId, NodeId
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.fit.model import does
from skerry.core.stages.ir.model import SetName
from skerry.core.stages.negotiation.model import SITE, Assignment, Plan, Section
from skerry.core.stages.negotiation.survey import RUNNING


def why_apart(agents: dict[str, Agent]) -> str | None:
    """The first place that the next switch would take from who holds it and could keep it; None if there is none."""
    leading = next((a for name, a in agents.items() if a.election.leadership.leader == name), None)
    plan = leading.picture.plan() if leading is not None else None
    if leading is None or plan is None or not set(plan.members) <= set(agents):
        return None
    refused = {key for agent in agents.values() for key in agent.monitoring.experience(agent.picture.at_ms)}
    for intent, section in plan.sections.items():
        if intent == SITE:
            continue
        other: SetName = "isolated" if leading.picture.modes().get(intent, "connected") == "connected" else "connected"
        for ahead, present in _apart(section, other):
            if not any(
                one.instance == ahead.instance and one.phase in RUNNING
                for one in leading.picture.everywhere().get(ahead.holder, ())
            ):
                continue  # nobody does it: it is paused, or exclusive and without a quorum
            if f"{ahead.holder} {ahead.digest}" in refused:
                continue  # somebody says no, from what it saw of it (P5)
            if _could_keep(ahead, section, other, plan, leading):
                return f"{ahead.instance} could stay on {ahead.holder} and would go to {present.holder} when {other}"
    return None


def _apart(section: Section, other: SetName) -> Iterator[tuple[Assignment, Assignment]]:
    in_force = section.of("connected" if other == "isolated" else "isolated")
    for instance, present in sorted(section.of(other).items()):
        ahead = in_force.get(instance)
        if ahead is not None and ahead.holder != present.holder:
            yield ahead, present


def _could_keep(ahead: Assignment, section: Section, other: SetName, plan: Plan, leading: Agent) -> bool:
    picture, node, intent = leading.picture, ahead.holder, section.intent
    fit, ir = picture.fit(node), picture.irs().get(intent)
    roles = ir.sets[other].elements if ir is not None else {}
    spec = roles.get(ahead.element)
    if fit is None or spec is None or node in picture.drained():
        return False
    measured = fit.measured.get(f"{intent}/{ahead.element}", {}).get(ahead.configuration)
    beside = [a for a in section.of(other).values() if a.holder == node]
    return (
        measured is not None
        and measured.digest == ahead.digest
        and does(spec, measured, newcomer=False)
        and all(a.element != ahead.element for a in beside)
        and not any(
            spec.configurations[ahead.configuration].conflicts_with(roles[a.element].configurations[a.configuration])
            for a in beside
        )
        and not fit.free.lacking(_needs(node, plan, intent, other, ahead))
    )


def _needs(node: NodeId, plan: Plan, intent: IntentId, other: SetName, more: Assignment) -> Resources:
    """P3: for each intent the larger of what its sets take of a node, with one more place in one of them."""
    total = Resources()
    for section in plan.sections.values():
        sums: dict[SetName, Resources] = {"connected": Resources(), "isolated": Resources()}
        for name in sums:
            for assignment in section.of(name).values():
                if assignment.holder == node:
                    sums[name] = sums[name] + assignment.resources
        if section.intent == intent:
            sums[other] = sums[other] + more.resources
        total = total + sums["connected"].larger(sums["isolated"])
    return total
