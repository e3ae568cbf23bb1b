"""Names of things. All are plain text on the wire; the types keep them apart in code."""

from __future__ import annotations

from typing import NewType

from skerry.core.kernel.values import Value, Whole

NodeId = NewType("NodeId", str)
"""A node's name, unique in its site's roster."""
SiteId = NewType("SiteId", str)
"""A site's name, unique at its home manager."""
ManagerId = NewType("ManagerId", str)
"""A manager's name."""
LifeId = NewType("LifeId", str)
"""One run of an agent, from start to end (N1): 16 hex digits drawn at the start."""
IntentId = NewType("IntentId", str)
"""An intent's uid: `<owner>/<name>`, owner being a manager or, for one handed in locally, a site's operator."""
ElementName = NewType("ElementName", str)
"""The name of a role within a functionality, such as `store`."""
InstanceId = NewType("InstanceId", str)
"""One instance of an element: `<intent>/<element>#<number>`."""
GrantKey = NewType("GrantKey", str)
"""What must not be active twice (X1): by default `<intent>/<element>`."""


class PlanId(Value, frozen=True, kw_only=True, order=True, array_like=True):
    """Ordered by term, then leader, then number (P1)."""

    term: Whole
    leader: NodeId
    number: Whole

    def __str__(self) -> str:
        return f"{self.term}.{self.leader}.{self.number}"


def instance_id(intent: IntentId, element: ElementName, number: int) -> InstanceId:
    """The name of one instance."""
    return InstanceId(f"{intent}/{element}#{number}")
