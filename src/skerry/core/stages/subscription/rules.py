"""What a plan and an IR say of one instance. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.core.kernel.ids import InstanceId, IntentId
from skerry.core.stages.ir.model import ElementSpec, IntermediateRepresentation, Mode
from skerry.core.stages.negotiation.model import Assignment, Plan, Slot

DRAIN_WITHIN_MS = 30_000


def spec_of(instance: InstanceId, ir: IntermediateRepresentation | None, mode: Mode) -> ElementSpec | None:
    """The role of an instance, in the mode's set or, if that leaves it out, in the other."""
    if ir is None:
        return None
    name = instance.rsplit("/", 1)[1].split("#")[0]
    for roles in (ir.sets[mode], *ir.sets.values()):
        if name in roles.elements:
            return roles.elements[name]
    return None


def drain_ms(instance: InstanceId, ir: IntermediateRepresentation) -> int:
    """How long an instance that goes may wait for its clients to go."""
    spec = spec_of(instance, ir, "connected")
    return spec.drain_within_ms if spec is not None else DRAIN_WITHIN_MS


def named_for(
    plan: Plan | None, instance: InstanceId, intent: IntentId, modes: Mapping[IntentId, Mode]
) -> Assignment | None:
    """Who is to have an instance by the set in force; None: nobody."""
    section = plan.sections.get(intent) if plan is not None else None
    return section.of(modes.get(intent, "connected")).get(instance) if section is not None else None


def is_open(
    plan: Plan | None,
    instance: InstanceId,
    intent: IntentId,
    modes: Mapping[IntentId, Mode],
    *,
    for_the_moment: bool = False,
) -> bool:
    """Whether a plan would have an instance in the set in force, and found nobody for it; `for_the_moment`:
    because somebody is slow or silent who may still do it or agree to it."""
    section = plan.sections.get(intent) if plan is not None else None
    slot = Slot(set=modes.get(intent, "connected"), instance=instance)
    return section is not None and section.is_open(slot, for_the_moment=for_the_moment)


def is_exclusive(plan: Plan | None, instance: InstanceId) -> bool:
    """Whether a plan gives an instance, in either set, to somebody who needs a grant for it."""
    sections = plan.sections.values() if plan is not None else ()
    named = (given for s in sections for given in (s.connected.get(instance), s.isolated.get(instance)))
    return any(given is not None and given.key is not None for given in named)


def paused_by(instance: InstanceId, paused: Mapping[str, str]) -> str | None:
    """Who holds an instance's intent or role, and why, in words; None: nobody (R4)."""
    role = instance.split("#")[0]
    return paused.get(role.rpartition("/")[0]) or paused.get(role)
