"""RoleFit: what a node measured of itself, by really running each configuration against a test load (D9).

With it stands the arithmetic of fit: 120 operations a second against 100 required is a fit of 1.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.values import Value, Whole
from skerry.core.stages.capability.model import NodeFacts, Resources
from skerry.core.stages.ir.model import ElementSpec, Standard

FIT_MAX_PERMILLE = 1_000_000
FIT_AGE_MAX_MS = 24 * 3600 * 1000
"""A fit gets old after a day (D8a)."""


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
    version: Whole
    """Grows with each change."""
    facts: NodeFacts
    free: Resources
    """What its owner's own processes left of the caps when this was reported: advice, since only the node's own ledger
    reserves (P3)."""
    measured: dict[str, dict[str, Measured]]
    """By `<intent>/<element>`, then by configuration."""
    limitations: dict[str, dict[str, str]] = {}
    """Why a configuration was not even tried: by `<intent>/<element>`, then by configuration."""


def fit_permille(standards: Iterable[Standard], figures_milli: Mapping[str, int], *, lowered: bool = False) -> int:
    """The worst of the ratios of figure to standard, in thousandths; 1,000 if nothing is asked for.

    `lowered` takes each standard's floor in place of its bound, where it has one. A metric that was not measured
    makes the fit 0: what was not shown does not count.
    """
    ratios = [ratio_permille(standard, figures_milli.get(standard.metric), lowered=lowered) for standard in standards]
    return min([*ratios, FIT_MAX_PERMILLE]) if ratios else 1_000


def ratio_permille(standard: Standard, figure_milli: int | None, *, lowered: bool = False) -> int:
    """One figure against one standard."""
    if figure_milli is None:
        return 0
    found = [FIT_MAX_PERMILLE]
    floor = standard.floor_milli if lowered else None
    if standard.at_least_milli is not None:
        bound = floor if floor is not None else standard.at_least_milli
        found.append(figure_milli * 1000 // bound if bound > 0 else FIT_MAX_PERMILLE)
    elif standard.at_most_milli is not None:
        bound = floor if floor is not None else standard.at_most_milli
        found.append(bound * 1000 // figure_milli if figure_milli > 0 else FIT_MAX_PERMILLE)
    return min(found)


def does(spec: ElementSpec, measured: Measured, *, lowered: bool = False, newcomer: bool = True) -> bool:
    """Whether a measurement is enough for a role: for a newcomer headroom above the standards, for who does the work
    already the standards; with lowered ones their floor."""
    if measured.failure is not None:
        return False
    fit = fit_permille(spec.standards, measured.figures_milli, lowered=lowered)
    return fit >= (spec.headroom_permille if newcomer and not lowered else 1_000)


def summary(spec: ElementSpec, measured: Mapping[str, Measured]) -> tuple[int, int]:
    """Best and mean fit over the configurations that could be measured (D9); (0, 0) if none could."""
    fits = [fit_permille(spec.standards, m.figures_milli) for m in measured.values() if m.failure is None]
    return (max(fits), sum(fits) // len(fits)) if fits else (0, 0)
