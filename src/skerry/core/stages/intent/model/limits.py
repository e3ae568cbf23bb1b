"""Limits of an intent, resolved against what its functionality allows: defaults, ceilings, kinds (D1, D2)."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.core.kernel.values import Value
from skerry.core.stages.intent.model import quantities
from skerry.core.stages.intent.model.catalogue import COMMON_LIMITS, Findings, nearest
from skerry.core.stages.intent.model.catalogue_kinds import Functionality, Limit


class Limits(Value, frozen=True, kw_only=True):
    """Every limit that is in force for one intent."""

    milli: dict[str, int] = {}
    """In thousandths of each one's unit (see `quantities`); money is not a figure."""
    text: dict[str, str] = {}
    """All of them, as they were written."""
    facts: dict[str, int | float] = {}
    """Those that the functionality declares, as expressions see them."""


def resolve_limits(functionality: Functionality, wanted: Mapping[str, str], findings: Findings) -> Limits:
    """The limits of an intent that wants `wanted`; what is wrong with them goes to `findings`, under `spec.limits`."""
    declared = functionality.spec.limits
    for name in wanted:
        if name not in declared and name not in COMMON_LIMITS:
            message = f"`{functionality.metadata.name}` has no limit `{name}`"
            findings.add(f"spec.limits.{name}", message, nearest(name, {*declared, *COMMON_LIMITS}))
    common = {name: Limit(type=kind) for name, kind in COMMON_LIMITS.items() if name in wanted}
    milli: dict[str, int] = {}
    text: dict[str, str] = {}
    facts: dict[str, int | float] = {}
    for name, limit in {**common, **declared}.items():
        written = wanted.get(name, limit.default)
        if written is None:
            message = f"`{functionality.metadata.name}` has no default for `{name}`: every intent must set it"
            findings.add("spec.limits", message, f"add `{name}: ...`, {quantities.EXPECTED[limit.type]}")
            continue
        value = checked_limit(f"spec.limits.{name}", written, limit, findings)
        text[name] = written
        if value is not None:
            milli[name] = value
            if name in declared:
                facts[name] = quantities.limit_fact(value, limit.type)
    return Limits(milli=milli, text=text, facts=facts)


def checked_limit(path: str, written: str, limit: Limit, findings: Findings) -> int | None:
    """The figure in thousandths; None for money, and for what is wrong and now among `findings`."""
    try:
        if limit.type == "money":
            quantities.check(written, "money")
            return None
        value = quantities.limit_milli(written, limit.type)
    except ValueError as error:
        findings.add(path, str(error))
        return None
    try:
        ceiling = quantities.limit_milli(limit.max, limit.type) if limit.max is not None else None
    except ValueError:
        return value  # the functionality's own fault, told with the functionality
    if ceiling is not None and value > ceiling:
        findings.add(path, f"`{written}` is above the ceiling of `{limit.max}`", "ask for less, or raise the ceiling")
        return None
    return value
