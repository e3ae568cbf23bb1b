"""RoleFit: what a node measured of itself, by really running each configuration against a test load (D9)."""

from __future__ import annotations

from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.values import Value
from skerry.core.stages.capability.model import NodeFacts, Resources


class Measured(Value, frozen=True, kw_only=True):
    """One configuration, run on one node."""

    configuration: str
    digest: str
    """Of the configuration; the measurement is worth nothing for another one."""
    hardware: str
    """`NodeFacts.hardware` at the time."""
    figures_milli: dict[str, int]
    """Metric to figure, in thousandths of its unit: 120 operations a second is 120000."""
    operations: int
    seconds_milli: int
    at_ms: int
    """The measuring node's boot-time."""
    wall_ms: int
    disturbed: bool = False
    """Another node of the same machine measured at the same time."""
    failure: str | None = None
    """Why it could not be measured; `figures_milli` is then empty."""


class RoleFit(Value, frozen=True, kw_only=True, tag="role_fit"):
    """All that one node reports, for every element that it knows of."""

    node: NodeId
    version: int
    """Grows with each change."""
    facts: NodeFacts
    free: Resources
    """What was free when this was reported: advice, since only the node's own ledger reserves (P3)."""
    measured: dict[str, dict[str, Measured]]
    """By `<intent>/<element>`, then by configuration."""
    limitations: dict[str, dict[str, str]] = {}
    """Why a configuration was not even tried: by `<intent>/<element>`, then by configuration."""
