"""From an intent to what a site gets of it, by look-up in the catalogue (D2), and what a site reads out of that (D3).

`translate` is all or nothing: it raises `TranslationError` with everything that is wrong, never half an IR. A site of
any size gets the same IR; `management_roles`, `assent_clauses` and the specs' own `scaled` are how the site applies it
to the number of its nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from skerry.core.kernel.expressions import Expressions, holds
from skerry.core.kernel.ids import ElementName, IntentId, ManagerId
from skerry.core.stages.intent import model as manifest
from skerry.core.stages.intent.model import (
    Catalogue,
    Finding,
    Findings,
    Limits,
    effective_set,
    nearest,
    parse,
    resolve_limits,
)
from skerry.core.stages.ir.elements import Ground, role_set
from skerry.core.stages.ir.model import (
    AssentClause,
    Governance,
    IntermediateRepresentation,
    ManagementRole,
    ManagementRow,
    RoleSet,
    SetName,
    SiteDocument,
)

_MODES: tuple[SetName, ...] = ("connected", "isolated")


class TranslationError(ValueError):
    """An intent that cannot be translated, with every reason."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(str(finding) for finding in findings))


def translate(
    intent: manifest.Intent,
    catalogue: Catalogue,
    *,
    expressions: Expressions,
    owner: ManagerId,
    generation: int,
    intent_id: IntentId | None = None,
    local: bool = False,
) -> IntermediateRepresentation:
    """The IR of an intent. `intent_id` is by default `<owner>/<name>`. Raises `TranslationError`."""
    findings = Findings(intent)
    functionality = catalogue.functionality(intent.spec.functionality)
    if functionality is None:
        wanted = intent.spec.functionality
        hint = nearest(wanted, catalogue.functionalities)
        findings.add("spec.functionality", f"no functionality in the catalogue matches `{wanted}`", hint)
        raise TranslationError(findings.found)
    uid = intent_id or IntentId(f"{owner}/{intent.metadata.name}")
    limits = resolve_limits(functionality, intent.spec.limits, findings)
    if findings.found:
        raise TranslationError(findings.found)
    sets, found = _sets(functionality, catalogue, limits, uid, expressions)
    governance = catalogue.governances.get(functionality.spec.governance)
    if governance is None:
        missing = Findings(functionality)
        missing.add("spec.governance", f"there is no governance `{functionality.spec.governance}` in the catalogue")
        found += missing.found
    if found or governance is None:
        raise TranslationError(found)
    return IntermediateRepresentation(
        intent=uid,
        name=intent.metadata.name,
        generation=generation,
        owner=owner,
        functionality=f"{functionality.metadata.name}@{functionality.metadata.version}",
        offers_interface=functionality.spec.offers.interface,
        offers_at=ElementName(functionality.spec.offers.at),
        sets=sets,
        governance=governance_of(governance),
        priority=intent.spec.priority,
        limits=limits.milli,
        limits_text=limits.text,
        replace_if_gain_permille=parse(intent.spec.on_reconnect.replace_if_gain, "ratio"),
        local=local,
    )


def check_functionality(
    functionality: manifest.Functionality, catalogue: Catalogue, expressions: Expressions
) -> list[Finding]:
    """What would go wrong in every translation of it: tried with each limit's default or, failing that, its ceiling.

    A functionality with a limit that has neither is tried only with an intent."""
    tried = Findings(functionality)
    wanted = {n: limit.max for n, limit in functionality.spec.limits.items() if not limit.default and limit.max}
    limits = resolve_limits(functionality, wanted, tried)
    if tried.found:
        return []
    return _sets(functionality, catalogue, limits, IntentId("check"), expressions)[1]


def _sets(
    functionality: manifest.Functionality,
    catalogue: Catalogue,
    limits: Limits,
    intent: IntentId,
    expressions: Expressions,
) -> tuple[dict[SetName, RoleSet], list[Finding]]:
    findings = Findings(functionality)
    ground = Ground(
        functionality=functionality,
        catalogue=catalogue,
        limits=limits.facts,
        intent=intent,
        expressions=expressions,
        findings=findings,
    )
    sets = {mode: role_set(ground, effective_set(functionality.spec.sets, mode)) for mode in _MODES}
    return sets, list(dict.fromkeys(findings.found))  # what both sets share is wrong once


def governance_of(governance: manifest.Governance) -> Governance:
    """A governance as a site reads it."""
    spec = governance.spec
    return Governance(
        name=governance.metadata.name,
        management=tuple(
            ManagementRow(
                when=row.when or "true",
                roles={name: _management_role(name, office) for name, office in row.roles.items()},
            )
            for row in spec.management_roles
        ),
        assent=tuple(
            AssentClause(
                when=row.when or "true",
                by=row.by,
                of=row.of,
                ratio_permille=parse(row.ratio, "ratio") if row.ratio is not None else 500,
                silent_rounds=row.silent_rounds,
                at_least=row.at_least,
            )
            for row in spec.assent
        ),
        last=spec.last,
    )


def _management_role(name: str, office: manifest.Office) -> ManagementRole:
    return ManagementRole(
        name=name,
        does=office.does or (name,),
        criteria=office.criteria or "true",
        apart_from=office.apart_from,
        instances=office.instances,
        per_nodes=office.per_nodes,
        weights={str(term): weight for term, weight in office.weights.items()},
    )


def site_document(site: manifest.Site, catalogue: Catalogue, *, generation: int) -> SiteDocument:
    """A site's settings as its nodes read them. Raises `TranslationError` if its governance is unknown."""
    governance = catalogue.governances.get(site.spec.governance)
    if governance is None:
        findings = Findings(site)
        hint = nearest(site.spec.governance, catalogue.governances)
        findings.add("spec.governance", f"there is no governance `{site.spec.governance}` in the catalogue", hint)
        raise TranslationError(findings.found)
    return SiteDocument(
        name=site.metadata.name,
        generation=generation,
        governance=governance_of(governance),
        labels=site.metadata.labels,
        uplink_lost_after_ms=parse(site.spec.uplink.lost_after, "duration"),
        uplink_back_after_ms=parse(site.spec.uplink.back_after, "duration"),
        tie_breaker=site.spec.tie_breaker,
        run_once_lease_ms=parse(site.spec.run_once_lease, "duration"),
        reading_every_ms=parse(site.spec.reading_every, "duration"),
    )


def check_lease(site: SiteDocument, irs: Iterable[IntermediateRepresentation]) -> list[Finding]:
    """Each `run_once` role of `irs` that this site could never hold: a guard kills it at the end of its lease less its
    stopping time (X6), so a lease that is not longer than that time ends before it has begun."""
    faults = [
        Finding(
            kind="Site",
            name=site.name,
            path="spec.runOnceLease",
            message=f"expected more than the {configuration.stop_within_ms / 1000:g}s that configuration "
            f"`{configuration.name}` of the `run_once` role `{element.role}` (intent `{ir.name}`) may take to stop, "
            f"found {site.run_once_lease_ms / 1000:g}s",
            hint="lengthen `runOnceLease` of the Site, or shorten `stop.within` of the configuration",
        )
        for ir in irs
        if not ir.withdrawn
        for mode in _MODES
        for element in ir.sets[mode].elements.values()
        if element.key is not None
        for configuration in element.configurations.values()
        if configuration.stop_within_ms >= site.run_once_lease_ms
    ]
    return list(dict.fromkeys(faults))  # what both sets share is wrong once


def management_roles(
    governance: Governance, facts: Mapping[str, Any], expressions: Expressions
) -> dict[str, ManagementRole]:
    """The management roles of the first row that holds (D3), by name; none if no row does.
    `facts` are `intent.facts.site_facts`. Raises `ExpressionError`."""
    for row in governance.management:
        if holds(expressions, row.when, facts):
            return row.roles
    return {}


def assent_clauses(
    governance: Governance, facts: Mapping[str, Any], expressions: Expressions
) -> tuple[AssentClause, ...]:
    """The clause in force, the first that holds (D13), and after it those that follow when its silent rounds are used
    up (G2): the later rows that hold, up to an `assignee`, after which only `Governance.last` is left.
    Raises `ExpressionError`."""
    found: list[AssentClause] = []
    for clause in governance.assent:
        if holds(expressions, clause.when, facts):
            found.append(clause)
            if clause.by == "assignee":
                break
    return tuple(found)
