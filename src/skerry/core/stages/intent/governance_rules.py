"""Whether a governance holds together: rows that decide, offices that can be filled, clauses that count."""

from __future__ import annotations

from typing import get_args

from skerry.core.kernel.expressions import ExpressionError, Expressions, holds
from skerry.core.stages.intent.model import quantities
from skerry.core.stages.intent.model.catalogue import Finding, Findings, nearest
from skerry.core.stages.intent.model.catalogue_kinds import AssentRow, Duty, Governance, OfficeRow
from skerry.core.stages.intent.model.facts import NODE_SAMPLE, SITE_SAMPLES

DUTIES: tuple[str, ...] = get_args(Duty)


def check_governance(governance: Governance, expressions: Expressions) -> list[Finding]:
    """Everything that can be said of a governance by itself; its conditions are tried on sites of several sizes."""
    findings = Findings(governance)
    spec = governance.spec
    _check_rows("spec.managementRoles", [row.when for row in spec.management_roles], expressions, findings)
    _check_rows("spec.assent", [row.when for row in spec.assent], expressions, findings)
    for index, row in enumerate(spec.management_roles):
        _check_offices(f"spec.managementRoles[{index}].roles", row, expressions, findings)
    for index, clause in enumerate(spec.assent):
        _check_clause(f"spec.assent[{index}]", clause, findings)
    return findings.found


def _check_rows(path: str, conditions: list[str | None], expressions: Expressions, findings: Findings) -> None:
    for index, when in enumerate(conditions):
        last = index == len(conditions) - 1
        if last and when is not None:
            findings.add(f"{path}[{index}].when", "the last row must hold always", "leave `when` out, or add a row")
        if not last and when is None:
            message = "a row without `when` holds always, so the rows after it would never be reached"
            findings.add(f"{path}[{index}]", message, "add `when`, or move the row to the end")
        if when is None:
            continue
        try:
            for facts in SITE_SAMPLES:
                holds(expressions, when, facts)
        except ExpressionError as error:
            findings.add(f"{path}[{index}].when", str(error))


def _check_offices(path: str, row: OfficeRow, expressions: Expressions, findings: Findings) -> None:
    for name, office in row.roles.items():
        if not office.does and name not in DUTIES:
            message = f"`{name}` is no duty by itself, so what it does must be said"
            findings.add(f"{path}.{name}", message, f"add `does: [...]` with some of {', '.join(DUTIES)}")
        for index, other in enumerate(office.apart_from):
            if other == name:
                findings.add(f"{path}.{name}.apartFrom[{index}]", f"`{name}` cannot be apart from itself")
            elif other not in row.roles:
                message = f"`{other}` is no management role of this row"
                findings.add(f"{path}.{name}.apartFrom[{index}]", message, nearest(other, row.roles))
        if office.criteria is not None:
            try:
                holds(expressions, office.criteria, NODE_SAMPLE)
            except ExpressionError as error:
                findings.add(f"{path}.{name}.criteria", str(error))
    leaders = [name for name, office in row.roles.items() if "leader" in (office.does or (name,))]
    if not leaders:
        findings.add(path, "nobody has the duty `leader`", "add a role `leader`, or `does: [leader]` to one")
    elif len(leaders) > 1 or row.roles[leaders[0]].instances > 1 or row.roles[leaders[0]].per_nodes:
        findings.add(path, f"expected one leader, found more: {', '.join(leaders)}", "a site has one leader at a time")


def _check_clause(path: str, clause: AssentRow, findings: Findings) -> None:
    if (clause.by == "ratio") != (clause.ratio is not None):
        message = "`by: ratio` without a `ratio`" if clause.ratio is None else f"a `ratio` with `by: {clause.by}`"
        findings.add(path, message, "write `by: ratio` and, for example, `ratio: 66%`")
    if clause.ratio is not None and not 0 < quantities.parse(clause.ratio, "ratio") <= 1000:
        findings.add(f"{path}.ratio", f"expected more than 0% and at most 100%, found `{clause.ratio}`")
    if clause.of == "roster" and clause.by not in ("ratio", "majority"):
        message = f"`of: roster` sets the denominator of a ratio or a majority; `{clause.by}` has none"
        findings.add(f"{path}.of", message, "leave `of` out, or use `by: ratio`")
