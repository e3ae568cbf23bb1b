"""What a node's own disk says that it is to run: the plan and the mode that it holds, and what operators hold there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.core.kernel.ids import InstanceId
from skerry.core.stages.negotiation.model import SITE
from skerry.core.stages.subscription.rules import paused_by

if TYPE_CHECKING:
    from skerry.core.actors.agent import Agent


def given(agent: Agent, *, exclusive: bool = False) -> dict[InstanceId, str]:
    """To each instance that is this node's by the plan and the mode that it holds, and held by no operator (R4), the
    digest of its configuration; those that need grants only if they are asked for."""
    plan, modes, irs = agent.picture.plan(), agent.picture.modes(), agent.picture.irs()
    paused, drained = agent.picture.paused(), agent.identity.node in agent.picture.drained()
    return {
        instance: assignment.digest
        for intent, section in (plan.sections.items() if plan is not None else ())
        if intent != SITE and intent in irs and not irs[intent].withdrawn
        for instance, assignment in section.of(modes.get(intent, "connected")).items()
        if assignment.holder == agent.identity.node and (exclusive or assignment.key is None)
        if not drained and not paused_by(instance, paused)
    }
