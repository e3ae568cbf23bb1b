"""The intermediate representation: an intent made into roles with measurable standards, management roles, governance.

Made by the manager (or, while cut off, by the site itself for a local operator), signed, kept on every node's disk
(D2, D3, D5). All expressions of limits are resolved here; what is left for the node to fill in are `${port.NAME}`,
`${dir.NAME}`, `${endpoint.NAME}`, `${node.NAME}` in argument vectors.

Ratios are in thousandths (`_permille`), times in milliseconds, rates in thousandths of an operation per second.
"""

from __future__ import annotations

from typing import Literal, get_args

from skerry.core.kernel.ids import ElementName, GrantKey, IntentId, ManagerId
from skerry.core.kernel.values import Value, Whole
from skerry.core.stages.capability.model import Resources

SetName = Literal["connected", "isolated"]
Mode = SetName
"""An intent's mode names the set of roles in force (M1)."""
OnSplit = Literal["run_anywhere", "run_once"]
READING_EVERY_MS = 10_000
"""How often holders write readings where nobody has said it otherwise."""


class Standard(Value, frozen=True, kw_only=True):
    """What a role must reach in one metric. Figures are in thousandths of the metric's unit."""

    metric: str
    at_least_milli: int | None = None
    at_most_milli: int | None = None
    floor_milli: int | None = None
    """How far remediation may lower (or, for at_most, raise) the bound; None: not at all."""


class Readiness(Value, frozen=True, kw_only=True):
    """How a started process shows that it is ready: an HTTP 200 at a path of `endpoint.main`, or an open TCP port."""

    http_path: str | None = None
    tcp_port: str | None = None
    within_ms: int = 10_000


class Configuration(Value, frozen=True, kw_only=True):
    """A tested configuration: one software stack that can fill a role."""

    name: str
    start: tuple[str, ...]
    """Argument vector; `${...}` is filled in by the node that starts it."""
    ready: Readiness
    probe: tuple[str, ...] = ()
    """Argument vector of the program that measures a running instance and prints one JSON line of figures."""
    probe_for_ms: int = 5_000
    environment: dict[str, str] = {}
    requires: tuple[str, ...] = ()
    """Capabilities, by kind (`software.redis`)."""
    that: str = "true"
    """CEL over `node`."""
    conflicts: tuple[str, ...] = ()
    """Names of configurations, or capabilities, that may not run on the same node."""
    stop_within_ms: int = 1_000
    digest: str = ""
    """Content digest; a fit belongs to one digest (D8a)."""

    def conflicts_with(self, other: Configuration) -> bool:
        """Whether the two may not run on one node, by the word of either: it names the other, or a kind that the other
        requires, as it is or as a more special one (D16, S4)."""
        return self._excludes(other) or other._excludes(self)

    def _excludes(self, other: Configuration) -> bool:
        return any(
            word == other.name or any(kind == word or kind.startswith(f"{word}.") for kind in other.requires)
            for word in self.conflicts
        )


class Weights(Value, frozen=True, kw_only=True):
    """Of the objective function (D11); relative to each other."""

    fit: int = 5
    assurance: int = 2
    free: int = 2
    change: int = 1


class ElementSpec(Value, frozen=True, kw_only=True):
    """One role of one set."""

    name: ElementName
    role: str
    interface: str
    instances: int
    """How many are wanted, scaling rules applied by the site to its size: see `per_nodes`."""
    instances_max: int
    per_nodes: int | None = None
    """One more instance for every so many nodes (D3)."""
    essential: bool = True
    needs: tuple[ElementName, ...] = ()
    standards: tuple[Standard, ...] = ()
    headroom_permille: int = 1_000
    """A measured fit below this does not do: 1,500 asks for half as much again as the standard."""
    requires: tuple[str, ...] = ()
    that: str = "true"
    resources: Resources = Resources()
    data: Literal["none", "pinned", "replicated"] = "none"
    on_split: OnSplit = "run_anywhere"
    when_no_quorum: Literal["stop", "run"] = "stop"
    """Of a `run_once` role: `run` gives exclusiveness up where no majority of the roster is in contact (X8)."""
    key: GrantKey | None = None
    """The exclusive key of a `run_once` role (X1)."""
    weights: Weights = Weights()
    remediation: tuple[str, ...] = ()
    drain_within_ms: int = 30_000
    """How long an instance that goes may take until its clients have gone (P4)."""
    configurations: dict[str, Configuration] = {}

    def scaled(self, nodes: int) -> int:
        """How many instances a site of `nodes` nodes wants (D3): one more for every `per_nodes` of them, by that rule
        never more than there are nodes, and never fewer than the role asks for by itself."""
        grown = self.instances + (nodes // self.per_nodes if self.per_nodes else 0)
        return max(self.instances, min(grown, nodes, self.instances_max))


class RoleSet(Value, frozen=True, kw_only=True):
    """All roles of one mode."""

    elements: dict[str, ElementSpec]


class ManagementRole(Value, frozen=True, kw_only=True):
    """A management role as data (D4)."""

    name: str
    does: tuple[str, ...]
    """Duties: `leader`, `validator`, `reporter`."""
    criteria: str = "true"
    """CEL over `node` (reach, idle, assurance, ...): who is eligible, and who relinquishes."""
    apart_from: tuple[str, ...] = ()
    instances: int = 1
    per_nodes: int | None = None
    weights: dict[str, int] = {}

    def scaled(self, nodes: int) -> int:
        """How many instances a site of `nodes` nodes wants (D3): one more for every `per_nodes` of them, by that rule
        never more than there are nodes, and never fewer than the role asks for by itself."""
        grown = self.instances + (nodes // self.per_nodes if self.per_nodes else 0)
        return max(self.instances, min(grown, nodes))


class ManagementRow(Value, frozen=True, kw_only=True):
    """One management-role set; the first row whose `when` holds for the site is used (D3)."""

    when: str = "true"
    roles: dict[str, ManagementRole]


class AssentClause(Value, frozen=True, kw_only=True):
    """How many must say yes (G1, G2); the first row whose `when` holds is used."""

    when: str = "true"
    by: Literal["assignee", "unanimous", "majority", "ratio"] = "assignee"
    of: Literal["part", "roster"] = "part"
    ratio_permille: int = 500
    silent_rounds: int = 3
    """After so many rounds without a result the next clause is used."""
    at_least: int = 1
    """The smallest part that may commit new assignments under this clause (L7)."""


class Governance(Value, frozen=True, kw_only=True):
    """Management roles and assent in one, since the one is looked up from the other."""

    name: str
    management: tuple[ManagementRow, ...]
    assent: tuple[AssentClause, ...]
    last: Literal["assignee", "unfilled"] = "assignee"
    """What follows when the last clause's rounds are used up (G2)."""


class IntermediateRepresentation(Value, frozen=True, kw_only=True, tag="ir"):
    """What a site gets of an intent."""

    intent: IntentId
    name: str
    generation: Whole
    owner: ManagerId
    """The manager whose word it is, and which `intent` begins with; for one handed in locally while cut off, the site's
    home manager, unratified."""
    functionality: str
    offers_interface: str
    offers_at: ElementName
    sets: dict[SetName, RoleSet]
    governance: Governance
    priority: int = 100
    limits: dict[str, int] = {}
    """The intent's resolved limits, in thousandths of each one's unit."""
    limits_text: dict[str, str] = {}
    """The same as a person wrote them, with those that are no figures (cost)."""
    replace_if_gain_permille: int = 100
    """On reconnection work moves only for a gain of at least this (D18)."""
    withdrawn: bool = False
    """A tombstone: the intent's roles stop everywhere."""
    local: bool = False
    """Handed in at the site while cut off (U4): temporary until its owner ratifies it."""

    def __post_init__(self) -> None:
        """Every node looks into both sets, so that whoever decodes an intent without one refuses it. Raises
        `ValueError`, which decoding makes a `ValidationError`."""
        if len(self.sets) != len(get_args(SetName)):
            raise ValueError("expected a set `connected` and a set `isolated`")


class SiteDocument(Value, frozen=True, kw_only=True, tag="site"):
    """The site's own settings (FORMAT `Site`)."""

    name: str
    generation: Whole
    governance: Governance
    labels: dict[str, str] = {}
    uplink_lost_after_ms: int = 10_000
    uplink_back_after_ms: int = 30_000
    tie_breaker: str | None = None
    run_once_lease_ms: int = 3_000
    reading_every_ms: int = READING_EVERY_MS
    """How often a holder writes what its instances provided: at most so much is unknown after a crash (H1, H3)."""


class CatalogueDocument(Value, frozen=True, kw_only=True, tag="catalogue"):
    """The catalogue as a site keeps it, so that an intent can be translated there while it is cut off (U4)."""

    generation: Whole
    manifests: str
    """YAML: all functionalities, roles and governances."""


class RosterEntry(Value, frozen=True, kw_only=True):
    """One member."""

    node: str
    public_key: bytes
    """Ed25519, 32 bytes: both the TLS identity and the signing key."""
    endpoints: tuple[str, ...] = ()
    """Where its peers reach it, if known; otherwise found by scouting."""


class Operator(Value, frozen=True, kw_only=True):
    """A person or program that may act at the site itself, checked offline (U4)."""

    name: str
    public_key: bytes
    may: tuple[str, ...] = ()
    since: dict[str, Whole] = {}
    """To a right the version of the roster that gave it anew: what was said under it before is void. Those that it has
    had all the time are left out."""


class Guest(Value, frozen=True, kw_only=True):
    """A manager that the home manager admitted: it owns intents at this site, and nothing else (D25)."""

    name: ManagerId
    public_key: bytes
    """Ed25519, 32 bytes: what it signs with."""
    authority: str = ""
    """The certificate, PEM, of whoever vouches for its connection."""
    uplink: str = ""
    """Where nodes reach it: `tls/<host>:<port>`."""
    dismissed: bool = False
    """Its intents count as withdrawn; what it signed is still read."""
    since: Whole = 0
    """The version of the roster that admitted it anew: what it held before is void."""


class Roster(Value, frozen=True, kw_only=True, tag="roster"):
    """Who belongs to the site. One author, the home manager (N4)."""

    site: str
    version: Whole
    predecessor: str
    """Digest of the version before; empty for the first."""
    manager: ManagerId
    manager_key: bytes
    members: dict[str, RosterEntry]
    operators: dict[str, Operator] = {}
    tie_breaker: str | None = None
    """Part of the roster, since what a quorum is may change only with a version of it (X3, X5)."""
    run_once_lease_ms: Whole = 3_000
    """Likewise, since how long a promise binds may (X2, X4)."""
    former: dict[str, RosterEntry] = {}
    """Who belonged once and does not any more: what they signed then is still read, and their names are not given
    again, since a name stands for one key and its promises."""
    wall_ms: Whole = 0
    """When its author made it, by their own clock (T1): until then whoever it leaves out may have worked (H3)."""
    guests: tuple[Guest, ...] = ()
    """Other managers that own intents here, in the order in which they were admitted: the later yields (D25)."""

    @property
    def managers(self) -> tuple[ManagerId, ...]:
        """Whose intents count here, in order of precedence."""
        return (self.manager, *(guest.name for guest in self.guests if not guest.dismissed))

    def guest(self, name: str) -> Guest | None:
        """The guest of this name, dismissed or not."""
        return next((guest for guest in self.guests if guest.name == name), None)

    def gives(self, operator: str, right: str, under: int) -> bool:
        """Whether an operator has this right, and has had it ever since the version under which they spoke (R4, X8)."""
        known = self.operators.get(operator)
        return known is not None and right in known.may and known.since.get(right, 0) <= under <= self.version

    def manager_key_of(self, name: str) -> bytes | None:
        """The key of the home manager or of a guest, dismissed or not."""
        if name == self.manager:
            return self.manager_key
        guest = self.guest(name)
        return guest.public_key if guest is not None else None


def owns(manager: str, intent: str) -> bool:
    """Whether an intent, or something that is named after one, is this manager's: the name says so (M1)."""
    return intent.startswith(f"{manager}/")
