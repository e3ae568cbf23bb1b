"""What is wanted and where: Intent, Site and Node, as they stand in a file (camelCase there).

A field that exists here is honoured, as in `catalogue_kinds`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from skerry.core.stages.intent.model.fields import (
    API_VERSION,
    Amount,
    CpuShare,
    Kindred,
    Metadata,
    Name,
    Part,
    Ratio,
    SizeShare,
    Word,
    quantity,
)

# --- Intent, Site, Node ----------------------------------------------------------------------------------------------


class Selector(Part, frozen=True, kw_only=True):
    """Which sites: all labels must be there."""

    match_labels: Annotated[dict[str, str], Meta(min_length=1, max_length=16)]


class OnReconnect(Part, frozen=True, kw_only=True):
    """When work moves after a cut (D18)."""

    replace_if_gain: Ratio = "10%"


class IntentSpec(Part, frozen=True, kw_only=True):
    """See FORMAT; row D1."""

    functionality: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9.-]{0,62}(@\d{1,9}(\.\d{1,9}){0,2})?$",
            extra={"expected": "a functionality such as tiered-storage or tiered-storage@1"},
        ),
    ]
    """`name` or `name@version`, the version as far as it matters: `@1` is the highest 1.x.y."""
    sites: Selector | None = None
    """Without it: every site of the manager; at a site, that site."""
    limits: dict[Word, Amount] = {}
    priority: Annotated[int, Meta(ge=0, le=1000)] = 100
    on_reconnect: OnReconnect = OnReconnect()


class Intent(Part, frozen=True, kw_only=True, tag_field="kind", tag="Intent"):
    """What somebody wants."""

    api_version: Literal["skerry/v1"] = API_VERSION
    metadata: Metadata
    spec: IntentSpec


class Uplink(Part, frozen=True, kw_only=True):
    """When the way to the manager counts as lost and as back (M2)."""

    lost_after: Annotated[str, quantity("duration", least="500ms", most="1h")] = "10s"
    back_after: Annotated[str, quantity("duration", least="500ms", most="1h")] = "30s"


class SiteSpec(Part, frozen=True, kw_only=True):
    """See FORMAT."""

    uplink: Uplink = Uplink()
    tie_breaker: Name | None = None
    """The node whose weight decides between halves (X3)."""
    governance: Name
    run_once_lease: Annotated[str, quantity("duration", least="1s", most="5m")] = "3s"
    """T of PROTOCOL: how long a `run_once` role goes on without its quorum."""
    reading_every: Annotated[str, quantity("duration", least="1s", most="1h")] = "10s"
    """How often a holder writes down what its instances provided: so much is unknown after a crash (H1)."""


class Site(Part, frozen=True, kw_only=True, tag_field="kind", tag="Site"):
    """A site's own settings."""

    api_version: Literal["skerry/v1"] = API_VERSION
    metadata: Metadata
    spec: SiteSpec


class NodeMetadata(Part, frozen=True, kw_only=True):
    """A node's name and its site's."""

    name: Name
    site: Name


class NodeOffers(Part, frozen=True, kw_only=True):
    """What the owner lets Skerry use: amounts, or shares of the machine."""

    cpu: CpuShare = "100%"
    memory: SizeShare = "100%"
    disk: SizeShare = "100%"


class NodeDeclares(Part, frozen=True, kw_only=True):
    """What cannot be found out by looking."""

    capabilities: tuple[Kindred, ...] = ()


class NodeAllows(Part, frozen=True, kw_only=True):
    """What the owner lets roles start."""

    drivers: tuple[Literal["process"], ...] = ("process",)
    programs: tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9._+-]{1,64}$")], ...] = ()


class NodeSla(Part, frozen=True, kw_only=True):
    """Above this much use the machine counts as loaded (S7)."""

    cpu: Ratio = "80%"
    memory: Ratio = "80%"


class NodeSpec(Part, frozen=True, kw_only=True):
    """See FORMAT."""

    offers: NodeOffers = NodeOffers()
    declares: NodeDeclares = NodeDeclares()
    allows: NodeAllows = NodeAllows()
    sla: NodeSla = NodeSla()


class Node(Part, frozen=True, kw_only=True, tag_field="kind", tag="Node"):
    """A file on the machine: its owner's word, not head office's."""

    api_version: Literal["skerry/v1"] = API_VERSION
    metadata: NodeMetadata
    spec: NodeSpec = NodeSpec()
