"""What a workload learns of its surroundings: the endpoints file (FORMAT)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.stages.ir.model import ElementSpec, IntermediateRepresentation, Mode
from skerry.core.stages.subscription.model import Instance

_JSON = msgspec.json.Encoder(order="deterministic")


def endpoints_file(
    node: NodeId,
    instance: InstanceId,
    fence: int | None,
    ir: IntermediateRepresentation,
    spec: ElementSpec,
    running: Mapping[NodeId, tuple[Instance, ...]],
    modes: Mapping[IntentId, Mode],
    draining: bool,
) -> bytes:
    """The file's content, JSON. Of each needed element the instances that answer now, in nodes' order.

    `running` is what this node and those in contact say of themselves: a node out of contact serves nobody here.
    """
    needs = {
        element: [
            {
                "instance": i.instance,
                "node": holder,
                "endpoint": i.endpoint,
                "fence": i.fence,
                "draining": i.phase == "draining",
            }
            for holder, instances in sorted(running.items())
            for i in instances
            if i.phase in ("active", "draining") and _is_of(i.instance, ir.intent, element)
        ]
        for element in spec.needs
    }
    return _JSON.encode(
        {
            "instance": instance,
            "node": node,
            "fence": fence,
            "mode": modes.get(ir.intent, "connected"),
            "draining": draining,
            "needs": needs,
        }
    )


def _is_of(instance: InstanceId, intent: IntentId, element: str) -> bool:
    return instance.startswith(f"{intent}/{element}#")
