"""The subscription repository (D19): what of an intent is confirmed at a site, as its journal tells it.

A role counts once the holder that the plan names has it active and somebody else measured it within its standards; each
confirmation bears its limitations. A functionality is satisfied only when every role of the set in force is confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.fit.model import RoleFit
from skerry.core.stages.history.model import Reading
from skerry.core.stages.ir.model import IntermediateRepresentation, Mode
from skerry.core.stages.negotiation.model import Assignment, Section

IntentState = Literal["satisfied", "degraded", "not provided", "paused", "withdrawn"]
"""What people are told of an intent at a site; `paused`: an operator holds it (R4)."""


def standing(
    ir: IntermediateRepresentation,
    section: Section | None,
    nodes: int,
    readings: Iterable[Reading],
    fits: Mapping[NodeId, RoleFit],
) -> dict[str, Any]:
    """Mode, state and roles of one intent at a site of `nodes` nodes. The mode is that of the newest measurement."""
    mine = [reading for reading in readings if reading.about.startswith(f"{ir.intent}/")]
    mode = _mode(mine)
    roles = []
    for name, spec in ir.sets[mode].elements.items():
        assigned = [a for a in section.of(mode).values() if a.element == name] if section is not None else []
        confirmed = {a.instance: _limitations(ir, a, fits) for a in assigned if _is_confirmed(a, mine)}
        active = [a.instance for a in assigned if _is_active(a, mine)]
        roles.append(
            {
                "element": name,
                "essential": spec.essential,
                "wanted": spec.scaled(nodes),
                "assigned": {a.instance: a.holder for a in assigned},
                "active": active,
                "confirmed": confirmed,
            }
        )
    return {"mode": mode, "state": state_of(ir, roles, "confirmed"), "roles": roles}


def _mode(readings: list[Reading]) -> Mode:
    measured = [r for r in readings if r.what == "validated"]
    newest = max(measured, key=lambda r: r.wall_ms, default=None)
    return "isolated" if newest is not None and newest.data.get("mode") == "isolated" else "connected"


def _is_active(assignment: Assignment, readings: list[Reading]) -> bool:
    """The holder's last word on it: wall time orders the lives of one node, which has one clock."""
    said = [r for r in readings if (r.about, r.node) == (assignment.instance, assignment.holder)]
    said = [r for r in said if r.what in ("role.active", "role.stopped", "instance.seconds")]
    last = max(said, key=lambda r: (r.wall_ms, r.number), default=None)
    return last is not None and last.what != "role.stopped" and not last.data.get("final")


def _is_confirmed(assignment: Assignment, readings: list[Reading]) -> bool:
    measured = [
        r
        for r in readings
        if r.what == "validated"
        and r.about == assignment.instance
        and (r.data.get("holder"), r.data.get("digest")) == (assignment.holder, assignment.digest)
    ]
    last = max(measured, key=lambda r: r.wall_ms, default=None)
    fit = last.data.get("fit_of_floor_permille") if last is not None else None
    return _is_active(assignment, readings) and isinstance(fit, int) and fit >= 1_000


def _limitations(
    ir: IntermediateRepresentation, assignment: Assignment, fits: Mapping[NodeId, RoleFit]
) -> dict[str, str]:
    fit = fits.get(assignment.holder)
    found = dict(fit.limitations.get(f"{ir.intent}/{assignment.element}", {})) if fit is not None else {}
    if assignment.lowered:
        found["standards"] = "lowered to their floor"
    return found


def state_of(ir: IntermediateRepresentation, roles: Iterable[dict[str, Any]], confirmed: str) -> IntentState:
    """D16, D17: by which elements are essential, by what answers, and by what was measured: of each role its instances
    that stand under the key `confirmed`."""
    if ir.withdrawn:
        return "withdrawn"
    missing = [role for role in roles if len(role[confirmed]) < role["wanted"]]
    if not missing:
        return "satisfied"
    return "not provided" if any(role["essential"] and not role["active"] for role in missing) else "degraded"
