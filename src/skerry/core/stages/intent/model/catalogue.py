"""What intents are looked up in, what documents are called, and what the format foresees but Skerry refuses for now.

Order of applying does not matter: names are looked up when something is checked or translated, never when it is added.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from skerry.core.kernel.values import Value
from skerry.core.stages.intent.model.catalogue_kinds import (
    ElementPatch,
    Functionality,
    Governance,
    Instances,
    Role,
    SetPatch,
    Sets,
)
from skerry.core.stages.intent.model.quantities import LimitKind
from skerry.core.stages.intent.model.site_kinds import Intent, Node, Site

Manifest = Functionality | Role | Governance | Intent | Site | Node
"""What users apply."""
KINDS: dict[str, type[Manifest]] = {
    kind.__name__: kind for kind in (Functionality, Role, Governance, Intent, Site, Node)
}
"""What can be applied, by the word in `kind`."""
KINDS_LATER = ("Policy",)
KINDS_MADE = ("IntermediateRepresentation", "RoleFit", "Plan", "Agreement", "Subscription", "Event")
"""Made by the system and only read."""

NOT_YET: dict[str, frozenset[str]] = {
    "Functionality": frozenset({"spec.offers.lookup"}),
    "Intent": frozenset({"spec.onLimit"}),
    "Site": frozenset({"spec.uplink.quietHours", "spec.changeWindow"}),
    "Node": frozenset({"spec.declares.counted"}),
}
"""Fields that the format foresees and that are refused for now, by kind."""
NOT_YET_WORDS: dict[str, frozenset[str]] = {
    "Role": frozenset({"group", "oblige"}),
    "Intent": frozenset({"keep", "best_score", "manual"}),
    "Node": frozenset({"podman"}),
}
"""Words likewise, where another word or a mapping stands."""

COMMON_LIMITS: dict[str, LimitKind] = {
    "clients": "count",
    "devices": "count",
    "uses": "count",
    "rate": "rate",
    "duration": "duration",
    "cost": "money",
}
"""Service limits that every intent may state, declared by its functionality or not (D1)."""


class Finding(Value, frozen=True, kw_only=True):
    """One thing that is wrong with a document."""

    kind: str
    name: str
    """As `identity` gives it."""
    path: str
    """The field, such as `spec.elements.hot.needs[0]`."""
    message: str
    """What was expected and what was found."""
    hint: str = ""
    """What to do, such as the nearest known name."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, {self.path}: {self.message}{f' ({self.hint})' if self.hint else ''}"


class Findings:
    """Gathers what is wrong with one document, so that all of it is told and not only the first."""

    def __init__(self, manifest: Manifest) -> None:
        self._kind, self._name = type(manifest).__name__, identity(manifest)
        self.found: list[Finding] = []

    def add(self, path: str, message: str, hint: str = "") -> None:
        """One more; `path` is within the document."""
        self.found.append(Finding(kind=self._kind, name=self._name, path=path, message=message, hint=hint))


class Catalogue(Value, frozen=True, kw_only=True):
    """Functionalities, roles and governances (D2)."""

    functionalities: dict[str, Functionality] = {}
    """By `name@version`."""
    roles: dict[str, Role] = {}
    governances: dict[str, Governance] = {}

    def extended(self, manifests: Iterable[Manifest]) -> Catalogue:
        """This catalogue with those of `manifests` that belong into one; same names are replaced."""
        functionalities, roles, governances = dict(self.functionalities), dict(self.roles), dict(self.governances)
        for manifest in manifests:
            match manifest:
                case Functionality():
                    functionalities[identity(manifest)] = manifest
                case Role():
                    roles[identity(manifest)] = manifest
                case Governance():
                    governances[identity(manifest)] = manifest
                case Intent() | Site() | Node():
                    pass  # looked up from here, not looked up in here
        return Catalogue(functionalities=functionalities, roles=roles, governances=governances)

    def manifests(self) -> list[Manifest]:
        """All of them, in an order that does not tell when each was applied."""
        kinds: tuple[Mapping[str, Manifest], ...] = (self.governances, self.roles, self.functionalities)
        return [manifest for kind in kinds for _, manifest in sorted(kind.items())]

    def functionality(self, reference: str) -> Functionality | None:
        """The highest version that a reference (`name`, `name@1`, `name@1.2.0`) matches; None: there is none."""
        name, _, wanted = reference.partition("@")
        prefix = version_key(wanted) if wanted else ()
        matching = [
            one
            for one in self.functionalities.values()
            if one.metadata.name == name and version_key(one.metadata.version)[: len(prefix)] == prefix
        ]
        return max(matching, key=lambda one: version_key(one.metadata.version), default=None)


def version_key(version: str) -> tuple[int, ...]:
    """`1.12.0` as numbers, so that it sorts above `1.2.0`."""
    return tuple(int(part) for part in version.split("."))


def identity(manifest: Manifest) -> str:
    """What a document is known by among those of its kind: its name, of a functionality `name@version`."""
    if isinstance(manifest, Functionality):
        return f"{manifest.metadata.name}@{manifest.metadata.version}"
    return manifest.metadata.name


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for an unknown name: the known one most like it, else all that are known."""
    like = difflib.get_close_matches(name, known, n=1)
    if like:
        return f"did you mean `{like[0]}`?"
    return f"known are: {', '.join(sorted(known)[:12])}" if known else "none is known"


def effective_set(sets: Sets, mode: Literal["connected", "isolated"]) -> SetPatch:
    """A mode's set as one change of the functionality's elements: the isolated one lies on top of the connected."""
    base = sets.connected
    if mode == "connected":
        return base
    top = sets.isolated
    elements = dict(base.elements)
    for name, patch in top.elements.items():
        elements[name] = _patched(elements.get(name, ElementPatch()), patch)
    return SetPatch(
        headroom=top.headroom if top.headroom is not None else base.headroom,
        omit=tuple(dict.fromkeys(base.omit + top.omit)),
        elements=elements,
    )


def _patched(base: ElementPatch, top: ElementPatch) -> ElementPatch:
    return ElementPatch(
        instances=merged_instances(base.instances, top.instances),
        standards={**base.standards, **top.standards},
        essential=base.essential if top.essential is None else top.essential,
    )


def merged_instances(base: Instances, top: Instances) -> Instances:
    """`top` where it says something, else `base`."""
    return Instances(
        min=base.min if top.min is None else top.min,
        max=base.max if top.max is None else top.max,
    )
