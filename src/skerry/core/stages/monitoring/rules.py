"""Who measures whom, and what the figures amount to (D24, P5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.stages.ir.model import Configuration, ElementSpec, IntermediateRepresentation
from skerry.core.stages.subscription.model import Instance


def measurer(holder: NodeId, validators: Sequence[NodeId], reporters: Sequence[NodeId]) -> NodeId | None:
    """Who measures what `holder` holds: the first validator that is another node, else the first such reporter; where
    there is nobody else, the holder itself, as on a site of one."""
    for node in (*validators, *reporters):
        if node != holder:
            return node
    return next(iter(validators), None)


def median(figures: Sequence[int]) -> int:
    """The middle figure; of an even number the higher of the two: it takes more than half to take work away from who
    does it (U3)."""
    return sorted(figures)[len(figures) // 2]


def intent_of(instance: InstanceId) -> IntentId:
    """The intent that an instance belongs to."""
    return IntentId(instance.rsplit("/", 1)[0])


def configured(
    instance: Instance, irs: Mapping[IntentId, IntermediateRepresentation]
) -> tuple[IntermediateRepresentation, ElementSpec, Configuration] | None:
    """The IR, role and configuration of an instance, by its digest."""
    ir = irs.get(intent_of(instance.instance))
    if ir is None:
        return None
    for roles in (ir.sets["connected"], ir.sets["isolated"]):
        for spec in roles.elements.values():
            if not instance.instance.startswith(f"{ir.intent}/{spec.name}#"):
                continue
            for configuration in spec.configurations.values():
                if configuration.digest == instance.digest:
                    return ir, spec, configuration
    return None
