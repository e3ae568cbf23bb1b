"""What a site agrees on: assignments, and the plan that holds them (P1, D12, D13)."""

from __future__ import annotations

import msgspec

from skerry.core.kernel.ids import ElementName, GrantKey, InstanceId, IntentId, NodeId, PlanId
from skerry.core.kernel.values import Value, Whole, digest
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.ir.model import SetName
from skerry.core.stages.proposal.model import NOT_MEASURED

ROUND_MS = 300
SITE = IntentId("site")
"""The section of the site's own roles: validator, reporter."""
MEASURING = "still measuring"
NEGOTIATED = "being negotiated"
NO_ANSWER = "no answer from"
PASSING = (MEASURING, NOT_MEASURED, NEGOTIATED, NO_ANSWER)
"""Why a slot is open for the moment: whoever is slow or silent may still do it. Any other reason lasts until something
changes."""


class Slot(Value, frozen=True, kw_only=True, array_like=True, order=True):
    """A place in a plan that somebody has to fill: one instance in one set."""

    set: SetName
    instance: InstanceId

    def __str__(self) -> str:
        return f"{self.instance} ({self.set})"


class No(Value, frozen=True, kw_only=True, array_like=True):
    """A no bears its reason and, against somebody else, a reference to a journal entry (G2)."""

    reason: str
    evidence: str = ""


class Assignment(Value, frozen=True, kw_only=True):
    """Who fills a slot, with what."""

    instance: InstanceId
    element: ElementName
    holder: NodeId
    configuration: str = ""
    digest: str = ""
    """Of the configuration; empty for a management role, which needs no software."""
    resources: Resources = Resources()
    key: GrantKey | None = None
    fit_permille: int = 0
    """As the holder reported it."""
    lowered: bool = False
    """Remediation lowered the standards to their floor (D14)."""
    agreed: str = ""
    """How, in words: `unanimous of 3 out of 5`."""
    since: PlanId | None = None
    """The plan that first had it."""

    def agreed_by(self, how: str, plan: PlanId) -> Assignment:
        """The same, with the word that the site gave on it."""
        return msgspec.structs.replace(self, agreed=how, since=plan)


class Section(Value, frozen=True, kw_only=True):
    """One intent's part of a plan: both sets, so that a change of mode is a node's local step (M5)."""

    intent: IntentId
    generation: Whole
    connected: dict[InstanceId, Assignment] = {}
    isolated: dict[InstanceId, Assignment] = {}
    unfilled: dict[str, str] = {}
    """Slots that nobody fills, by `str(Slot)`, with the reason."""
    only: SetName | None = None
    """The one set that was voted, where a site decides nothing ahead: it stays in force until the other one is."""

    def of(self, name: SetName) -> dict[InstanceId, Assignment]:
        """One of the two sets."""
        return self.connected if (self.only or name) == "connected" else self.isolated

    def with_sets(self, connected: dict[InstanceId, Assignment], isolated: dict[InstanceId, Assignment]) -> Section:
        """The same, with other assignments."""
        return msgspec.structs.replace(self, connected=connected, isolated=isolated)

    def is_open(self, slot: Slot, *, for_the_moment: bool = False) -> bool:
        """Whether it would have a place filled, and found nobody; `for_the_moment`: because somebody is slow or silent
        who may still do it or agree to it."""
        why = self.unfilled.get(str(slot))
        return why is not None and (not for_the_moment or any(reason in why for reason in PASSING))

    @property
    def digest(self) -> str:
        """What a verdict names (R1)."""
        return digest(self)


class Plan(Value, frozen=True, kw_only=True, tag="plan"):
    """Who does what at a site. Only a leader commits one (P1)."""

    id: PlanId
    members: tuple[NodeId, ...]
    sections: dict[IntentId, Section]
    isolated_from: tuple[str, ...] = ()
    """The managers that could not be reached when it was made: what it changed is temporary until they ratify it."""
    wall_ms: int = 0

    def holder_of(self, duty: str) -> tuple[NodeId, ...]:
        """Who has a management role, by the duty's element name."""
        site = self.sections.get(SITE)
        if site is None:
            return ()
        return tuple(sorted({a.holder for a in site.connected.values() if a.element == duty}))


NO_PLAN = PlanId(term=0, leader=NodeId(""), number=0)
"""Below every plan."""
