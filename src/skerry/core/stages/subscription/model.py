"""What a node runs, and how far each instance has come (D15, D16)."""

from __future__ import annotations

from typing import Literal

from skerry.core.kernel.ids import InstanceId, IntentId
from skerry.core.kernel.values import Value
from skerry.core.stages.ir.model import Configuration

Phase = Literal["waiting", "starting", "active", "draining", "stopping", "failed"]
"""waiting: for a grant, a stop elsewhere or a pause after a failure; starting: not yet being performed;
active: it answers; draining: it goes when its clients have gone; failed: it crashed too often to try again soon."""


class Instance(Value, frozen=True, kw_only=True, array_like=True):
    """One instance as its holder's beats carry it."""

    instance: InstanceId
    phase: Phase
    configuration: str
    digest: str
    endpoint: str = ""
    """`host:port`, once it answers."""
    fence: int | None = None
    since_wall_ms: int = 0
    reason: str = ""
    """Why it waits or failed."""
    surrendered: bool = False
    """It is exclusive, and goes on without a quorum (X8)."""


class Subscription(Value, frozen=True, kw_only=True):
    """A node's word to itself that it may run an instance: on disk before it starts (I4), named by the plan's id."""

    instance: InstanceId
    intent: IntentId
    digest: str
    plan: str
    configuration: Configuration | None = None
    """As it was started: what it conflicts with and how long it takes to stop outlive the intent that named it."""
    port: int | None = None
    """Taken again when it starts anew, so that clients find it where it was."""
