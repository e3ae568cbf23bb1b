"""What a look-up gives."""

from __future__ import annotations

from skerry.core.kernel.ids import InstanceId, NodeId
from skerry.core.kernel.values import Value


class Endpoint(Value, frozen=True, kw_only=True):
    """One place where an interface is offered."""

    instance: InstanceId
    node: NodeId
    endpoint: str
    """`host:port`."""
    fence: int | None
    draining: bool
    interface: str
