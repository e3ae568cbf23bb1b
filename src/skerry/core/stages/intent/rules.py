"""Whether documents make sense together: names that exist, no cycles, bounds the right way round, sound expressions.

Pure; `adapters.manifests` turns findings into file, line and column. What depends on a functionality's limits
(standards, conditions of elements) is found by translating it: see `ir.rules.check_functionality`.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry.core.kernel.expressions import Expressions
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.intent.functionality_rules import check_functionality, functionality_cycles
from skerry.core.stages.intent.governance_rules import check_governance
from skerry.core.stages.intent.model.catalogue import Catalogue, Finding, Findings, Manifest, nearest
from skerry.core.stages.intent.model.catalogue_kinds import Functionality, Governance, Role
from skerry.core.stages.intent.model.limits import resolve_limits
from skerry.core.stages.intent.model.quantities import share_of
from skerry.core.stages.intent.model.site_kinds import Intent, Node, Site
from skerry.core.stages.intent.role_rules import check_role


def check(manifests: Iterable[Manifest], catalogue: Catalogue, expressions: Expressions) -> list[Finding]:
    """Everything that is wrong with `manifests`, looked up in `catalogue`, which already holds those that belong into
    one (`Catalogue.extended`)."""
    wanted = list(manifests)
    found: list[Finding] = []
    for manifest in wanted:
        match manifest:
            case Functionality():
                found += check_functionality(manifest, catalogue)
            case Role():
                found += check_role(manifest, expressions)
            case Governance():
                found += check_governance(manifest, expressions)
            case Intent():
                found += _check_intent(manifest, catalogue)
            case Site():
                found += _check_site(manifest, catalogue)
            case Node():
                pass  # says nothing about other documents, and its fields bound themselves
    return found + functionality_cycles(wanted, catalogue)


def _check_intent(intent: Intent, catalogue: Catalogue) -> list[Finding]:
    findings = Findings(intent)
    functionality = catalogue.functionality(intent.spec.functionality)
    if functionality is None:
        findings.add(*unknown_functionality(intent.spec.functionality, catalogue))
    else:
        resolve_limits(functionality, intent.spec.limits, findings)
    return findings.found


def unknown_functionality(reference: str, catalogue: Catalogue) -> tuple[str, str, str]:
    """Path, message and hint for a reference that matches nothing; tells a wrong version from a wrong name."""
    name = reference.partition("@")[0]
    versions = [f.metadata.version for f in catalogue.functionalities.values() if f.metadata.name == name]
    if versions:
        hint = f"there is {', '.join(f'{name}@{version}' for version in sorted(versions))}"
        return "spec.functionality", f"no version of `{name}` matches `{reference}`", hint
    names = {f.metadata.name for f in catalogue.functionalities.values()}
    return "spec.functionality", f"there is no functionality `{name}` in the catalogue", nearest(name, names)


def _check_site(site: Site, catalogue: Catalogue) -> list[Finding]:
    findings = Findings(site)
    if site.spec.governance not in catalogue.governances:
        message = f"there is no governance `{site.spec.governance}`"
        findings.add("spec.governance", message, nearest(site.spec.governance, catalogue.governances))
    return findings.found


def caps(node: Node, machine: Resources) -> Resources:
    """What a node's owner offers: amounts as written, shares of what the machine has, never more than it has."""
    offers = node.spec.offers
    return Resources(
        cpu_milli=share_of(offers.cpu, "cpu", machine.cpu_milli),
        memory_bytes=share_of(offers.memory, "size", machine.memory_bytes),
        disk_bytes=share_of(offers.disk, "size", machine.disk_bytes),
    )
