"""Whether a functionality holds together: members that exist, needs without a cycle, sets that fit its elements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from skerry.core.stages.intent.model import quantities
from skerry.core.stages.intent.model.catalogue import (
    Catalogue,
    Finding,
    Findings,
    Manifest,
    effective_set,
    identity,
    merged_instances,
    nearest,
)
from skerry.core.stages.intent.model.catalogue_kinds import Functionality, Instances, Limit
from skerry.core.stages.intent.model.limits import checked_limit

_MODES: tuple[Literal["connected", "isolated"], ...] = ("connected", "isolated")


def check_functionality(functionality: Functionality, catalogue: Catalogue) -> list[Finding]:
    """Everything that can be said without evaluating its expressions."""
    findings = Findings(functionality)
    spec = functionality.spec
    for name, limit in spec.limits.items():
        _check_limit(f"spec.limits.{name}", limit, findings)
    if spec.governance not in catalogue.governances:
        message = f"there is no governance `{spec.governance}` in the catalogue"
        findings.add("spec.governance", message, nearest(spec.governance, catalogue.governances))
    _check_members(functionality, catalogue, findings)
    _check_needs(functionality, findings)
    _check_offer(functionality, catalogue, findings)
    _check_sets(functionality, findings)
    return findings.found


def _check_limit(path: str, limit: Limit, findings: Findings) -> None:
    if limit.max is not None and limit.type == "money":
        findings.add(f"{path}.max", "money has no ceiling: it is kept as it is written", "leave `max` out")
    elif limit.max is not None:
        checked_limit(f"{path}.max", limit.max, Limit(type=limit.type), findings)
    if limit.default is not None:
        checked_limit(f"{path}.default", limit.default, limit, findings)


def _check_members(functionality: Functionality, catalogue: Catalogue, findings: Findings) -> None:
    for name, element in functionality.spec.elements.items():
        path = f"spec.elements.{name}"
        if (element.role is None) == (element.functionality is None):
            found = "neither" if element.role is None else "both"
            findings.add(path, f"expected exactly one of `role` and `functionality`, found {found}")
        elif element.role is not None and element.role not in catalogue.roles:
            message = f"there is no role `{element.role}` in the catalogue"
            findings.add(f"{path}.role", message, nearest(element.role, catalogue.roles))
        elif element.functionality is not None:
            _check_nested(f"{path}.functionality", element.functionality, catalogue, findings)


def _check_nested(path: str, name: str, catalogue: Catalogue, findings: Findings) -> None:
    if catalogue.functionality(name) is None:
        known = {one.metadata.name for one in catalogue.functionalities.values()}
        findings.add(path, f"there is no functionality `{name}` in the catalogue", nearest(name, known))
    else:
        hint = "name the roles of the inner functionality as elements of this one"
        findings.add(path, "a functionality within a functionality is not supported yet", hint)


def functionality_cycles(manifests: Iterable[Manifest], catalogue: Catalogue) -> list[Finding]:
    """Functionalities of `manifests` that contain themselves, by whatever way."""
    members = {
        one.metadata.name: tuple(
            element.functionality for element in one.spec.elements.values() if element.functionality is not None
        )
        for one in sorted(catalogue.functionalities.values(), key=identity)
    }
    found = []
    for manifest in manifests:
        cycle = _cycle_through(manifest.metadata.name, members) if isinstance(manifest, Functionality) else None
        if cycle and isinstance(manifest, Functionality):
            inner = next(name for name, e in manifest.spec.elements.items() if e.functionality == cycle[1])
            findings = Findings(manifest)
            message = f"a cycle of functionalities: {' → '.join(cycle)}"
            findings.add(f"spec.elements.{inner}.functionality", message, "a functionality cannot contain itself")
            found += findings.found
    return found


def _cycle_through(start: str, members: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """A way from `start` back to it, its first and last being `start`; None: there is none."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for inner in members.get(way[-1], ()):
            if inner == start:
                return [*way, inner]
            if inner not in seen:
                seen.add(inner)
                ways.append([*way, inner])
    return None


def _check_needs(functionality: Functionality, findings: Findings) -> None:
    elements = functionality.spec.elements
    for name, element in elements.items():
        for index, needed in enumerate(element.needs):
            if needed not in elements:
                message = f"`{name}` needs `{needed}`, which is no element here"
                findings.add(f"spec.elements.{name}.needs[{index}]", message, nearest(needed, elements))
    graph = {name: element.needs for name, element in elements.items()}
    way = next(filter(None, (_cycle_through(name, graph) for name in elements)), None)
    if way is not None:
        message = f"elements need each other in a cycle: {' → '.join(way)}"
        findings.add(f"spec.elements.{way[0]}.needs", message, "one of them must be able to start without the next")


def _check_offer(functionality: Functionality, catalogue: Catalogue, findings: Findings) -> None:
    spec = functionality.spec
    element = spec.elements.get(spec.offers.at)
    if element is None:
        message = f"`{spec.offers.at}` is no element here"
        findings.add("spec.offers.at", message, nearest(spec.offers.at, spec.elements))
        return
    if element.when is not None:
        findings.add("spec.offers.at", f"`{spec.offers.at}` has a `when`: without it there would be nothing to offer")
    role = catalogue.roles.get(element.role or "")
    if role is not None and not is_kind(role.spec.interface, spec.offers.interface):
        message = f"role `{element.role}` serves `{role.spec.interface}`, which is no `{spec.offers.interface}`"
        findings.add("spec.offers.interface", message, f"offer `{role.spec.interface}`, or another element")


def is_kind(special: str, general: str) -> bool:
    """Whether one dotted kind is the other or a more special one (S4)."""
    return special == general or special.startswith(f"{general}.")


def _check_sets(functionality: Functionality, findings: Findings) -> None:
    spec = functionality.spec
    for mode in _MODES:
        patch = spec.sets.connected if mode == "connected" else spec.sets.isolated
        path = f"spec.sets.{mode}"
        for index, name in enumerate(patch.omit):
            if name not in spec.elements:
                findings.add(f"{path}.omit[{index}]", f"`{name}` is no element here", nearest(name, spec.elements))
        for name in patch.elements:
            if name not in spec.elements:
                message = f"`{name}` is no element here"
                findings.add(f"{path}.elements.{name}", message, nearest(name, spec.elements))
        if patch.headroom is not None and quantities.parse(patch.headroom, "ratio") < 1000:
            message = f"`{patch.headroom}` would do with less than the standard; expected 1 or more"
            findings.add(f"{path}.headroom", message, "to lower a standard, use its `floor`")
        _check_omitted(functionality, mode, findings)
        _check_instances(functionality, mode, findings)


def _check_omitted(functionality: Functionality, mode: Literal["connected", "isolated"], findings: Findings) -> None:
    spec = functionality.spec
    omitted = effective_set(spec.sets, mode).omit
    if spec.offers.at in omitted:
        findings.add(f"spec.sets.{mode}.omit", f"`{spec.offers.at}` is what clients use: it cannot be left out")
    for name, element in spec.elements.items():
        missing = [needed for needed in element.needs if needed in omitted]
        if name not in omitted and missing:
            message = f"`{missing[0]}` is left out, but `{name}` needs it"
            findings.add(f"spec.sets.{mode}.omit", message, f"leave out `{name}` too, or keep `{missing[0]}`")


def _check_instances(functionality: Functionality, mode: Literal["connected", "isolated"], findings: Findings) -> None:
    patches = effective_set(functionality.spec.sets, mode).elements
    for name, element in functionality.spec.elements.items():
        patched = name in patches
        if mode == "isolated" and not patched:
            continue  # the same as connected: told once
        base = element.instances
        both = merged_instances(base, patches[name].instances) if patched else base
        if _wrong_way_round(both):
            path = f"spec.sets.{mode}.elements.{name}.instances" if patched else f"spec.elements.{name}.instances"
            findings.add(path, f"at least {both.min} instances and at most {both.max} cannot both be")


def _wrong_way_round(instances: Instances) -> bool:
    return instances.min is not None and instances.max is not None and instances.min > instances.max
