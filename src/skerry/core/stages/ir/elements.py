"""The elements of one set of roles: a functionality's members with limits, patches and their roles' words filled in.

What is wrong is gathered in `Ground.findings`, under the functionality's element that it was found at: a role is
shared, and may be right for one functionality and wrong for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skerry.core.kernel.expressions import ExpressionError, Expressions, holds
from skerry.core.kernel.ids import ElementName, GrantKey, IntentId
from skerry.core.kernel.values import digest
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.intent import model as manifest
from skerry.core.stages.intent.model import Catalogue, Findings, figure, merged_instances, parse, resolve
from skerry.core.stages.ir.model import Configuration, ElementSpec, Readiness, RoleSet, Standard, Weights

INSTANCES_MAX = 1000
"""Of a role that grows with its site and states no ceiling."""
PROBE_FOR_MS = 5_000


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a translation stands on."""

    functionality: manifest.Functionality
    catalogue: Catalogue
    limits: Mapping[str, int | float]
    intent: IntentId
    expressions: Expressions
    findings: Findings


def role_set(ground: Ground, patch: manifest.SetPatch) -> RoleSet:
    """The roles of one mode; `patch` is the mode's whole change of the elements."""
    present = {
        name: element
        for name, element in ground.functionality.spec.elements.items()
        if name not in patch.omit and _exists(ground, name, element)
    }
    elements = {}
    for name, element in present.items():
        role = ground.catalogue.roles.get(element.role or "")
        if role is None:
            path = f"spec.elements.{name}.role"
            ground.findings.add(path, f"there is no role `{element.role}` in the catalogue")
            continue
        change = patch.elements.get(name, manifest.ElementPatch())
        needs = tuple(ElementName(needed) for needed in element.needs if needed in present)
        elements[name] = _element(ground, name, element, role, change, needs, patch.headroom)
    return RoleSet(elements=elements)


def _exists(ground: Ground, name: str, element: manifest.Element) -> bool:
    if element.when is None:
        return True
    try:
        return holds(ground.expressions, element.when, {"limits": dict(ground.limits)})
    except ExpressionError as error:
        ground.findings.add(f"spec.elements.{name}.when", str(error))
        return False


def _element(
    ground: Ground,
    name: str,
    element: manifest.Element,
    role: manifest.Role,
    change: manifest.ElementPatch,
    needs: tuple[ElementName, ...],
    headroom: str | None,
) -> ElementSpec:
    spec = role.spec
    instances, most = _instances(ground, name, element, spec, change)
    facts = {"limits": dict(ground.limits), "with": element.with_}
    resources = _resources(spec.resources)
    once = spec.on_split == "run_once"
    return ElementSpec(
        name=ElementName(name),
        role=role.metadata.name,
        interface=spec.interface,
        instances=instances,
        instances_max=most,
        per_nodes=spec.scaling.per_nodes,
        essential=element.essential if change.essential is None else change.essential,
        needs=needs,
        standards=_standards(ground, name, {**spec.standards, **change.standards}, facts),
        headroom_permille=parse(headroom, "ratio") if headroom is not None else 1000,
        requires=spec.requires.capabilities,
        that=spec.requires.that or "true",
        resources=resources,
        data=spec.data.mode,
        on_split=spec.on_split,
        when_no_quorum=spec.when_no_quorum,
        key=GrantKey(spec.key or f"{ground.intent}/{name}") if once else None,
        weights=Weights(
            fit=spec.weights.fit,
            assurance=spec.weights.assurance,
            free=spec.weights.free,
            change=spec.weights.change,
        ),
        remediation=spec.remediation,
        drain_within_ms=parse(spec.drain.within, "duration"),
        configurations={
            stack.name: _configuration(ground, name, stack, resources, facts) for stack in spec.configurations
        },
    )


def _instances(
    ground: Ground,
    name: str,
    element: manifest.Element,
    spec: manifest.RoleSpec,
    change: manifest.ElementPatch,
) -> tuple[int, int]:
    """Wanted, and at most. The element's and the set's word outrank the role's; data needs a node for each copy."""
    asked = merged_instances(element.instances, change.instances)
    least = max(asked.min or spec.scaling.instances, spec.data.copies or 1)
    open_end = INSTANCES_MAX if spec.scaling.per_nodes else least
    if asked.max is not None and asked.max < least:
        message = f"at most {asked.max} instances, but role `{element.role}` needs {least} (its copies or scaling)"
        ground.findings.add(f"spec.elements.{name}.instances", message)
    return least, max(least, asked.max or open_end)


def _resources(written: manifest.RoleResources) -> Resources:
    return Resources(
        cpu_milli=parse(written.cpu, "cpu"),
        memory_bytes=parse(written.memory, "size"),
        disk_bytes=parse(written.disk, "size"),
    )


def _standards(
    ground: Ground, name: str, bounds: Mapping[str, manifest.Bound], facts: Mapping[str, Any]
) -> tuple[Standard, ...]:
    standards = []
    for metric, bound in sorted(bounds.items()):
        try:
            standards.append(_standard(ground, metric, bound, facts))
        except ValueError as error:
            role = ground.functionality.spec.elements[name].role
            ground.findings.add(f"spec.elements.{name}", f"standard `{metric}` of role `{role}`: {error}")
    return tuple(standards)


def _standard(ground: Ground, metric: str, bound: manifest.Bound, facts: Mapping[str, Any]) -> Standard:
    """One standard in figures; raises ValueError."""
    written = bound.at_least if bound.at_least is not None else bound.at_most
    if written is None:
        raise ValueError("expected one of `atLeast` and `atMost`, found neither")
    value, kind = figure(resolve(written, facts, ground.expressions))
    floor = _floor(ground, bound.floor, value, kind, facts) if bound.floor is not None else None
    if bound.at_least is not None:
        if floor is not None and floor > value:
            raise ValueError(f"floor `{bound.floor}` is above `atLeast`, {value / 1000:g}")
        return Standard(metric=metric, at_least_milli=value, floor_milli=floor)
    if floor is not None and floor < value:
        raise ValueError(f"floor `{bound.floor}` is stricter than `atMost`, {value / 1000:g}")
    return Standard(metric=metric, at_most_milli=value, floor_milli=floor)


def _floor(ground: Ground, text: str, bound_milli: int, bound_kind: str, facts: Mapping[str, Any]) -> int:
    value, kind = figure(resolve(text, facts, ground.expressions))
    if kind == "ratio" and bound_kind != "ratio":
        return bound_milli * value // 1000
    if "number" not in (kind, bound_kind) and kind != bound_kind:
        raise ValueError(f"the bound is a {bound_kind}, its floor `{text}` a {kind}")
    return value


def _configuration(
    ground: Ground, name: str, stack: manifest.Stack, resources: Resources, facts: Mapping[str, Any]
) -> Configuration:
    def filled(text: str) -> str:
        try:
            return resolve(text, facts, ground.expressions)
        except ExpressionError as error:
            ground.findings.add(f"spec.elements.{name}", f"configuration `{stack.name}`: {error}")
            return text

    start, probe = tuple(map(filled, stack.start)), tuple(map(filled, stack.probe))
    environment = {key: filled(value) for key, value in stack.environment.items()}
    probe_for_ms = _probe_for_ms(stack.probe_for, probe)
    # A fit belongs to a digest: whatever changes what is measured belongs into it, and nothing else, so that
    # raising a limit or renaming a role measures nothing again (D8a).
    content = (start, probe, probe_for_ms, environment, stack.ready.http, stack.ready.tcp, resources)
    return Configuration(
        name=stack.name,
        start=start,
        ready=Readiness(
            http_path=stack.ready.http,
            tcp_port=stack.ready.tcp,
            within_ms=parse(stack.ready.within, "duration"),
        ),
        probe=probe,
        probe_for_ms=probe_for_ms,
        environment=environment,
        requires=stack.requires.capabilities,
        that=stack.requires.that or "true",
        conflicts=stack.conflicts,
        stop_within_ms=parse(stack.stop.within, "duration"),
        digest=digest(content),
    )


def _probe_for_ms(written: str | None, probe: tuple[str, ...]) -> int:
    """As stated, else what follows `--for` on the probe's own command line, else five seconds."""
    if written is None and "--for" in probe[:-1]:
        try:
            return parse(probe[probe.index("--for") + 1], "duration")
        except ValueError:
            return PROBE_FOR_MS  # some other program's own idea of `--for`
    return parse(written, "duration") if written is not None else PROBE_FOR_MS
