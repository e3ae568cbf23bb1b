"""The kinds that intents are looked up in: Functionality, Role, Governance, as they stand in a file (camelCase there).

A field that exists here is honoured; what the format foresees and Skerry does not do yet is refused by name
(`catalogue.NOT_YET`) instead of being ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from skerry.core.stages.intent.model.fields import (
    API_VERSION,
    Amount,
    Count,
    Cpu,
    Expression,
    Figure,
    Kindred,
    Metadata,
    Name,
    Part,
    Ratio,
    Size,
    Text,
    Weight,
    Word,
    quantity,
)

# --- Functionality ---------------------------------------------------------------------------------------------------


class VersionedMetadata(Part, frozen=True, kw_only=True):
    """Name and version of a functionality."""

    name: Name
    version: Annotated[
        str,
        Meta(
            pattern=r"^(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){0,2}$",
            extra={"expected": "a version such as 1.2.0"},
        ),
    ]


class Limit(Part, frozen=True, kw_only=True):
    """What an intent may set."""

    type: Literal["rate", "count", "duration", "size", "ratio", "money"]
    default: Amount | None = None
    """Without one, every intent must set the limit."""
    max: Amount | None = None


class Offer(Part, frozen=True, kw_only=True):
    """What clients use, and which element serves it."""

    interface: Kindred
    at: Name


class Instances(Part, frozen=True, kw_only=True):
    """How many of an element."""

    min: Count | None = None
    max: Count | None = None


class Bound(Part, frozen=True, kw_only=True):
    """A standard in one metric: one of the two bounds, and how far remediation may go."""

    at_least: Figure | None = None
    at_most: Figure | None = None
    floor: Figure | None = None
    """A figure of the same kind or, if the bound is not itself a ratio, a share of it (`60%`).
    Without it the bound is not lowered at all."""


class Element(Part, frozen=True, kw_only=True):
    """One member of a functionality: a role, or a further functionality (S1)."""

    role: Name | None = None
    functionality: Name | None = None
    needs: tuple[Name, ...] = ()
    with_: dict[Word, Text] = field(name="with", default_factory=dict)
    when: Expression | None = None
    """CEL over `limits`: whether the element exists at all."""
    instances: Instances = Instances()
    essential: bool = True


class ElementPatch(Part, frozen=True, kw_only=True):
    """What a set changes about an element."""

    instances: Instances = Instances()
    standards: dict[Word, Bound] = {}
    essential: bool | None = None


class SetPatch(Part, frozen=True, kw_only=True):
    """A set of roles as a change of the one before it: `connected` changes the elements, `isolated` the connected."""

    headroom: Ratio | None = None
    omit: tuple[Name, ...] = ()
    elements: dict[Name, ElementPatch] = {}


class Sets(Part, frozen=True, kw_only=True):
    """The two sets of roles (D2)."""

    connected: SetPatch = SetPatch()
    isolated: SetPatch = SetPatch()


class FunctionalitySpec(Part, frozen=True, kw_only=True):
    """See FORMAT; rows D1, D2, D27."""

    limits: dict[Word, Limit] = {}
    offers: Offer
    elements: Annotated[dict[Name, Element], Meta(min_length=1, max_length=64)]
    sets: Sets = Sets()
    governance: Name


class Functionality(Part, frozen=True, kw_only=True, tag_field="kind", tag="Functionality"):
    """A use that an intent can ask for; several versions may stand in a catalogue."""

    api_version: Literal["skerry/v1"] = API_VERSION
    metadata: VersionedMetadata
    spec: FunctionalitySpec


# --- Role ------------------------------------------------------------------------------------------------------------


class Requires(Part, frozen=True, kw_only=True):
    """What a node must have."""

    capabilities: tuple[Kindred, ...] = ()
    that: Expression | None = None
    """CEL over `node`."""


class RoleResources(Part, frozen=True, kw_only=True):
    """What one instance may take."""

    cpu: Cpu = "0"
    memory: Size = "0"
    disk: Size = "0"


class Data(Part, frozen=True, kw_only=True):
    """What happens to an instance's data when it moves (U13)."""

    mode: Literal["none", "pinned", "replicated"] = "none"
    copies: Count | None = None


class Scaling(Part, frozen=True, kw_only=True):
    """Instances, and one more for every so many nodes of the site (D3)."""

    instances: Count = 1
    per_nodes: Count | None = None


class RoleWeights(Part, frozen=True, kw_only=True):
    """Of the objective function, relative to each other (D11)."""

    fit: Weight = 5
    assurance: Weight = 2
    free: Weight = 2
    change: Weight = 1


class Ready(Part, frozen=True, kw_only=True):
    """How a process shows that it is ready: exactly one of the two."""

    tcp: Name | None = None
    http: Text | None = None
    within: Annotated[str, quantity("duration", least="100ms", most="10m")] = "10s"


class Within(Part, frozen=True, kw_only=True):
    """A time that something may take."""

    within: Annotated[str, quantity("duration", least="0s", most="10m")]


class Stack(Part, frozen=True, kw_only=True):
    """A tested configuration, as written."""

    name: Name
    requires: Requires = Requires()
    conflicts: tuple[Kindred, ...] = ()
    start: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)]
    ready: Ready
    probe: Annotated[tuple[Text, ...], Meta(max_length=64)] = ()
    probe_for: Annotated[str, quantity("duration", least="100ms", most="10m")] | None = None
    """How long the probe drives its load; without it, what follows `--for` in `probe`."""
    environment: dict[Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")], Text] = {}
    stop: Within = Within(within="1s")


class RoleSpec(Part, frozen=True, kw_only=True):
    """See FORMAT; rows D9, D11, D14, U13."""

    interface: Kindred
    standards: dict[Word, Bound] = {}
    requires: Requires = Requires()
    resources: RoleResources = RoleResources()
    data: Data = Data()
    on_split: Literal["run_anywhere", "run_once"] = "run_anywhere"
    when_no_quorum: Literal["stop", "run"] = "stop"
    """Of a `run_once` role: what it does where no majority of the roster is in contact (X8)."""
    key: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9./-]{0,199}$")] | None = None
    """The exclusive key of a `run_once` role (X1); by default intent and element."""
    scaling: Scaling = Scaling()
    weights: RoleWeights = RoleWeights()
    remediation: tuple[Literal["lower"], ...] = ()
    drain: Within = Within(within="30s")
    configurations: Annotated[tuple[Stack, ...], Meta(min_length=1, max_length=32)]


class Role(Part, frozen=True, kw_only=True, tag_field="kind", tag="Role"):
    """What has to be done, to which standard, and the configurations that can do it."""

    api_version: Literal["skerry/v1"] = API_VERSION
    metadata: Metadata
    spec: RoleSpec


# --- Governance ------------------------------------------------------------------------------------------------------

Duty = Literal["leader", "validator", "reporter"]


class Office(Part, frozen=True, kw_only=True):
    """A management role (D4)."""

    does: tuple[Duty, ...] = ()
    """Its duties; by default the one that it is called after."""
    criteria: Expression | None = None
    """CEL over `node`: who may hold it, and for how long."""
    apart_from: tuple[Name, ...] = ()
    instances: Count = 1
    per_nodes: Count | None = None
    weights: dict[Literal["reach", "idle", "assurance"], Weight] = {}


class OfficeRow(Part, frozen=True, kw_only=True):
    """One set of management roles and when it applies (D3)."""

    when: Expression | None = None
    roles: Annotated[dict[Name, Office], Meta(min_length=1, max_length=16)]


class AssentRow(Part, frozen=True, kw_only=True):
    """How many must say yes, and when that applies (G1)."""

    when: Expression | None = None
    by: Literal["assignee", "unanimous", "majority", "ratio"]
    of: Literal["part", "roster"] = "part"
    ratio: Ratio | None = None
    silent_rounds: Count = 3
    at_least: Count = 1


class GovernanceSpec(Part, frozen=True, kw_only=True):
    """See FORMAT; rows D3, D4, D13."""

    management_roles: Annotated[tuple[OfficeRow, ...], Meta(min_length=1, max_length=16)]
    assent: Annotated[tuple[AssentRow, ...], Meta(min_length=1, max_length=16)]
    last: Literal["assignee", "unfilled"] = "assignee"
    """What follows the last clause (G2)."""


class Governance(Part, frozen=True, kw_only=True, tag_field="kind", tag="Governance"):
    """How a site decides."""

    api_version: Literal["skerry/v1"] = API_VERSION
    metadata: Metadata
    spec: GovernanceSpec
