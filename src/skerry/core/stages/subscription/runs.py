"""What a keeper knows of the processes on its node, and what of them stands in each other's way (D16, M5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.core.kernel.ids import GrantKey, InstanceId, IntentId
from skerry.core.kernel.values import Value
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.ir.model import Configuration, ElementSpec, IntermediateRepresentation
from skerry.core.stages.negotiation.model import Assignment
from skerry.core.stages.subscription.model import Phase
from skerry.core.stages.subscription.rules import spec_of

Irs = Mapping[IntentId, IntermediateRepresentation]


class Adopted(Value, frozen=True, kw_only=True):
    """A process that was found running at the start."""

    instance: InstanceId
    digest: str
    pid: int
    endpoint: str
    port: int | None
    fence: int | None


@dataclass
class Run:
    """One instance on this node."""

    intent: IntentId
    configuration: str
    digest: str
    phase: Phase
    since_wall_ms: int
    plan: str
    key: GrantKey | None = None
    pid: int = 0
    endpoint: str = ""
    port: int | None = None
    fence: int | None = None
    reason: str = ""
    surrendered: bool = False
    """It is active under a key that was had without a quorum (X8)."""
    stop_within_ms: int = 1_000
    failures_ms: list[int] = field(default_factory=list)
    retry_ms: int = 0
    kill_at_ms: int | None = None
    endpoints: bytes = b""
    endpoints_from_ms: int = 0
    """From when on what it is told of its surroundings follows what this agent sees."""
    unheard_ms: int | None = None
    """Since when nothing was heard of whoever is to have it instead."""
    drained: bool = False
    started: Configuration | None = None
    """What runs, as it was when it was started."""


@dataclass
class Wanted:
    """What the plan wants here now."""

    assignment: Assignment
    ir: IntermediateRepresentation
    spec: ElementSpec
    configuration: Configuration


def conflicting(instance: InstanceId, want: Wanted, runs: Mapping[InstanceId, Run]) -> InstanceId | None:
    """Something that still runs here and may not run beside what is wanted (D16)."""
    for other, run in runs.items():
        if other == instance or run.phase in ("waiting", "failed"):
            continue
        if run.started is not None and want.configuration.conflicts_with(run.started):
            return other
    return None


def taking_room(
    instance: InstanceId, want: Wanted, runs: Mapping[InstanceId, Run], irs: Irs, room: Resources
) -> InstanceId | None:
    """M5, P3: of what goes, something whose resources are needed before this can start. A node has promised the larger
    of the needs of an intent's sets, and not their sum; where there is room for both, nobody waits."""
    going, needed = [], want.spec.resources
    for other, run in sorted(runs.items()):
        spec = spec_of(other, irs.get(run.intent), "connected")
        if other == instance or spec is None or run.phase in ("waiting", "failed"):
            continue
        needed = needed + spec.resources
        if run.phase in ("draining", "stopping"):
            going.append(other)
    return going[0] if going and not needed.within(room) else None
