"""What a client is told: where an interface is offered, by whom, best first (D17, S10, S13).

Only what answers now counts: instances whose holder is in contact and says that they are active. One that is to go is
told only if there is no other. A more special interface stands for a general one (S3b): `object-store.v1.fast` for
`object-store.v1`.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.lookup.model import Endpoint
from skerry.core.stages.subscription.model import Instance


def find(
    interface: str,
    irs: Mapping[IntentId, IntermediateRepresentation],
    running: Mapping[NodeId, tuple[Instance, ...]],
) -> tuple[Endpoint, ...]:
    """All endpoints of an interface: active before draining, then by instance."""
    found = [
        Endpoint(
            instance=instance.instance,
            node=node,
            endpoint=instance.endpoint,
            fence=_fence(ir, running) if instance.fence is None else instance.fence,
            draining=instance.phase == "draining",
            interface=ir.offers_interface,
        )
        for ir in irs.values()
        if not ir.withdrawn and _is_kind(ir.offers_interface, interface)
        for node, instances in running.items()
        for instance in instances
        if instance.phase in ("active", "draining") and _element(instance.instance, ir.intent) == ir.offers_at
    ]
    return tuple(sorted(found, key=lambda e: (e.draining, e.instance, e.node)))


def _is_kind(offered: str, wanted: str) -> bool:
    return offered == wanted or offered.startswith(wanted + ".")


def _element(instance: InstanceId, intent: IntentId) -> str | None:
    if not instance.startswith(f"{intent}/"):
        return None
    return instance.removeprefix(f"{intent}/").split("#")[0]


def _fence(ir: IntermediateRepresentation, running: Mapping[NodeId, tuple[Instance, ...]]) -> int | None:
    """The highest fence of the functionality's exclusive roles, so that a client can refuse a late answer (X9)."""
    fences = [
        instance.fence
        for instances in running.values()
        for instance in instances
        if instance.fence is not None and instance.instance.startswith(f"{ir.intent}/")
    ]
    return max(fences, default=None)
