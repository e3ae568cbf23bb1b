"""What one agent knows, gathered in one place so that each machine's view can be cut from it.

It holds no state over time but the documents in custody, what the sensors found, and what the manager last said that it
holds; everything else is looked up in the machines when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from skerry.core.actors.dealings import Dealings, Stock
from skerry.core.actors.editions import edition_of, highest_fences
from skerry.core.actors.facets import Facets, carried_by
from skerry.core.actors.forgotten import forgotten_term, told_plan
from skerry.core.actors.owners import concerns_manager
from skerry.core.actors.parting import Parting
from skerry.core.actors.relaying import Relay
from skerry.core.conversation import LEAVE_PREFIX, Carried, Exchange, Leave
from skerry.core.group.custody.machine import Custody, Holdings
from skerry.core.group.custody.model import CARRY_MAX, Kept, lacks
from skerry.core.group.granting.model import DeclaredDead
from skerry.core.group.journal.chain import Piece
from skerry.core.group.membership.model import Contact
from skerry.core.group.succession.model import Closing, Edition
from skerry.core.group.uplink.model import UplinkSettings
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import GrantKey, InstanceId, IntentId, ManagerId, NodeId, PlanId
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import digest, encode
from skerry.core.stages.capability.model import NodeFacts, Resources, Usage
from skerry.core.stages.fit.model import RoleFit
from skerry.core.stages.intent.holds import in_words
from skerry.core.stages.ir.model import READING_EVERY_MS, IntermediateRepresentation, Mode, Roster, SiteDocument
from skerry.core.stages.monitoring.model import Verification
from skerry.core.stages.negotiation.model import No, Plan
from skerry.core.stages.ratification.model import Verdict
from skerry.core.stages.subscription.model import Instance

if TYPE_CHECKING:
    from skerry.core.actors.agent import Agent

T = TypeVar("T")

LISTED_FOR_MS = 3_000
"""After a change of the documents held, beats list them for so long even if nobody seems to differ."""
IN_STEP_MS = 3_000
"""Journals grow all the time, and a beat is a moment old when it is read: who held the same entries so recently does
not differ."""


@dataclass
class Picture:
    """One agent's knowledge."""

    me: NodeId
    expressions: Expressions
    contingency: bool = True
    """Whether the plan for isolation is voted before it is needed (D6)."""
    custody: Custody = field(init=False)
    facts: NodeFacts | None = None
    usage: Usage = field(default_factory=lambda: Usage(tree=Resources(), owner=Resources()))
    version: int = 0
    """Grows when `facts` or what the manager holds changes."""
    facets: Facets = field(default_factory=Facets)
    agent: Agent = field(init=False)
    """Set by the agent whose picture this is."""
    at_ms: int = 0
    """The moment of the step that is being made."""
    dealings: dict[ManagerId, Dealings] = field(default_factory=dict)
    relays: dict[ManagerId, Relay] = field(default_factory=dict)
    parting: Parting = field(default_factory=Parting)
    _listed: tuple[str, int] = ("", 0)
    in_step_ms: dict[NodeId, int] = field(default_factory=dict)
    """When a member was last heard to hold the entries that I held."""
    _roster: Roster | None = None
    """As of a version of the shelf: asked for several times a step."""
    _roster_version: int = 0
    _editions: dict[int, Edition] = field(default_factory=dict)
    _found: dict[str, tuple[object, Any]] = field(default_factory=dict)
    """What was looked for among documents and entries, as of a version of theirs: most of it is asked for at every
    step."""

    def __post_init__(self) -> None:
        self.custody = Custody(me=self.me)

    # --- documents ------------------------------------------------------------------------------------------------

    def roster(self) -> Roster:
        """The highest version held. An agent that has joined always holds one."""
        shelf = self.custody.shelves["roster"]
        if self._roster is None or self._roster_version != shelf.version:
            self._roster, self._roster_version = self.held_roster().value, shelf.version
        return self._roster

    def held_roster(self) -> Kept:
        """The same, as it was signed."""
        return max(self.custody.shelves["roster"].kept.values(), key=lambda k: k.version)

    def editions(self) -> dict[int, Edition]:
        """All versions held, as far as grants go."""
        return self.once("editions", self._shelf("roster"), self._all_editions)

    def _all_editions(self) -> dict[int, Edition]:
        held = self.custody.shelves["roster"].kept.values()
        self._editions.update((k.value.version, edition_of(k)) for k in held if k.value.version not in self._editions)
        return dict(self._editions)

    def closings(self) -> dict[NodeId, Closing]:
        """What each node has closed (X5)."""
        return self.once("closings", self._shelf("closing"), lambda: {c.node: c for c in self._of("closing")})

    def closed_fences(self) -> dict[GrantKey, int]:
        """To each key the highest fence that anybody had seen who closed a roster (X9)."""
        return self.once("fences", self._shelf("closing"), lambda: highest_fences(self.closings().values()))

    def declared_dead(self) -> dict[NodeId, int]:
        """Of whom an operator says so, and who has not answered; with the generation of that word (X8)."""
        held = self.once("dead", self._shelf("dead"), lambda: self._of("dead"))
        return {said.node: said.generation for said in held if isinstance(said, DeclaredDead)}

    def goes(self, node: NodeId) -> bool:
        """Whether a node was taken out of the roster, or has said that it leaves."""
        return node not in self.roster().members or f"{LEAVE_PREFIX}{node}" in self.custody.kept

    def others(self) -> frozenset[NodeId]:
        """All of the roster without me."""
        return self.once(
            "others",
            self._shelf("roster"),
            lambda: frozenset(NodeId(name) for name in self.roster().members if name != self.me),
        )

    def site(self) -> SiteDocument | None:
        """The site's settings."""
        kept = self.custody.kept.get("site")
        return kept.value if kept is not None else None

    def irs(self) -> dict[IntentId, IntermediateRepresentation]:
        """All intents, withdrawn ones too; what a guest wanted that was dismissed is withdrawn (D25)."""
        return self.once(
            "irs", self.irs_version(), lambda: {ir.intent: self._in_force(ir) for ir in self._of("intent")}
        )

    def irs_version(self) -> tuple[int, int]:
        """Changes whenever they do."""
        return (self._shelf("intent"), self._shelf("roster"))

    def _in_force(self, ir: IntermediateRepresentation) -> IntermediateRepresentation:
        known = ir.owner in self.roster().managers
        return ir if known or ir.withdrawn else msgspec.structs.replace(ir, withdrawn=True)

    def fits(self) -> dict[NodeId, RoleFit]:
        """What every node reported."""
        return self.once("fits", self._shelf("fit"), lambda: {fit.node: fit for fit in self._of("fit")})

    def fit(self, node: NodeId) -> RoleFit | None:
        """What one of them reported."""
        kept = self.custody.kept.get(f"fit/{node}")
        return kept.value if kept is not None else None

    def _of(self, kind: str) -> list[Any]:
        return [kept.value for kept in self.custody.shelves[kind].kept.values()]

    def _shelf(self, kind: str) -> int:
        return self.custody.shelves[kind].version

    def once(self, what: str, version: object, find: Callable[[], T]) -> T:
        """What `find` finds, looked for once a version of that in which it is looked for."""
        known = self._found.get(what)
        if known is None or known[0] != version:
            known = self._found[what] = (version, find())
        found: T = known[1]
        return found

    def plan(self) -> Plan | None:
        """The plan that this node holds."""
        kept = self.custody.kept.get("plan")
        return kept.value if kept is not None else None

    def forgotten_term(self) -> int:
        """The highest term of plans of mine that managers hold and that are later than this one; 0: there is none."""
        return forgotten_term(self.me, self.plan(), self.dealings.values())

    def verdicts(self) -> dict[IntentId, Verdict]:
        """The managers' words that apply: those that name the plan in force and its section (R1)."""
        return self.once("verdicts", (self._shelf("verdict"), self._shelf("plan")), self._verdicts_in_force)

    def _verdicts_in_force(self) -> dict[IntentId, Verdict]:
        plan = self.plan()
        found: dict[IntentId, Verdict] = {}
        for name, kept in self.custody.kept.items():
            if plan is None or not name.startswith("verdict/"):
                continue
            verdict: Verdict = kept.value
            section = plan.sections.get(verdict.intent)
            if section is not None and verdict.plan == plan.id and verdict.digest == section.digest:
                found[verdict.intent] = verdict
        return found

    def holds(self) -> list[Kept]:
        """What operators hold (R4): set, not lifted."""
        return self.once("holds", self._shelf("hold"), self._find_holds)

    def _find_holds(self) -> list[Kept]:
        return [k for _, k in sorted(self.custody.shelves["hold"].kept.items()) if not k.value.lifted]

    def paused(self) -> dict[str, str]:
        """Intents and roles that are paused, with who does so and why."""
        return self.once("paused", self._shelf("hold"), lambda: self._held("pause"))

    def drained(self) -> dict[NodeId, str]:
        """Nodes that are drained, likewise."""
        return self.once(
            "drained", self._shelf("hold"), lambda: {NodeId(n): why for n, why in self._held("drain").items()}
        )

    def _held(self, what: str) -> dict[str, str]:
        return {k.value.subject: in_words(k.value, k.author) for k in self.holds() if k.value.what == what}

    def uplink_settings(self) -> UplinkSettings:
        """How long its managers may be silent."""
        site = self.site()
        if site is None:
            return UplinkSettings()
        return UplinkSettings(lost_after_ms=site.uplink_lost_after_ms, back_after_ms=site.uplink_back_after_ms)

    def reading_every_ms(self) -> int:
        """How often a holder writes down what its instances provided (H1)."""
        site = self.site()
        return site.reading_every_ms if site is not None else READING_EVERY_MS

    def managers(self) -> tuple[ManagerId, ...]:
        """The home manager and its guests, in order of precedence (D25)."""
        return self.roster().managers

    def modes(self) -> dict[IntentId, Mode]:
        """Each intent's mode is that of its owner (M1)."""
        return {intent: self.agent.uplink.mode(ir.owner) for intent, ir in self.irs().items()}

    # --- the others -----------------------------------------------------------------------------------------------

    def contacts(self) -> dict[NodeId, Contact]:
        """Who is in contact."""
        return self.agent.membership.contacts

    def carried(self, node: NodeId) -> Carried:
        """What the latest beat of a node in contact carries."""
        return self.facets.carried[node]

    def running(self) -> dict[NodeId, tuple[Instance, ...]]:
        """What each node in contact says that it runs, and what answers without its agent (U12)."""
        said = self.facets.sides["running"]
        return self.once(
            "running",
            (said.version, self.agent.unattended.version),
            lambda: {**self.agent.unattended.nodes, **dict(sorted(said.said.items()))},
        )

    def departed(self) -> dict[NodeId, tuple[Instance, ...]]:
        """What nodes whose token went said last that they run."""
        return {node: carried_by(raw).running for node, raw in self.agent.membership.departed.items()}

    def everywhere(self) -> dict[NodeId, tuple[Instance, ...]]:
        """The same, with what this node runs."""
        return {**self.running(), self.me: self.agent.keeper.instances()}

    def verifications(self) -> dict[InstanceId, Verification]:
        """What validators and reporters found of the instances that run now, as their latest beats say."""
        found = {v.instance: v for node in self.contacts() for v in self.carried(node).verified}
        return {**found, **self.agent.monitoring.verified}

    def noes(self) -> dict[str, No]:
        """What this node would say against others from experience, by `<node> <digest>` (P5); nothing against who does
        the same well now by the figures of whoever measures it, which are newer (decision 0032)."""
        verified = self.verifications()
        well = {
            f"{node} {one.digest}"
            for node, running in self.everywhere().items()
            for one in running
            if (found := verified.get(one.instance)) is not None and found.ok and found.holder == node
        }
        noes = self.agent.monitoring.experience(self.at_ms)
        return {key: no for key, no in noes.items() if key not in well}

    def plan_held_by(self, node: NodeId) -> Any:
        """The id of the plan that a node in contact holds, or None."""
        return self.carried(node).plan if node in self.contacts() else None

    def plans_held(self) -> frozenset[PlanId]:
        """What the members in contact hold."""
        return frozenset(plan for node in self.contacts() if (plan := self.carried(node).plan) is not None)

    # --- what I carry ---------------------------------------------------------------------------------------------

    def beat_stamp(self) -> tuple[Any, ...]:
        """Changes with everything that should not wait for the next beat. Journal and fits may wait: entries and fits
        leave as they are written, so a beat only repairs what was lost; a site at rest writes readings all the time,
        and one that measures itself has each node report to all after each trial."""
        agent = self.agent
        return (
            agent.election.version,
            agent.uplink.version,
            agent.keeper.version,
            agent.monitoring.version,
            self.custody.version - self._shelf("fit"),
        )

    def beat_content(self) -> bytes:
        """What my next beat carries."""
        agent = self.agent
        self.facets.follow(agent.membership)  # it beats in the very step in which it finds who is there
        plan = self.plan()
        return encode(
            Carried(
                standing=agent.election.standing(),
                uplinks=agent.uplink.reports(),
                modes=agent.uplink.modes,
                plan=plan.id if plan is not None else None,
                running=agent.keeper.instances(),
                verified=tuple(v for _, v in sorted(agent.monitoring.verified.items())),
                reach_permille=self.reach_permille(),
                idle_permille=self.idle_permille(),
            )
        )

    def beat_holdings(self) -> bytes:
        """What it says that I hold."""
        return encode(self._holdings())

    def _holdings(self) -> Holdings:
        documents = self.digest_of_documents()
        if documents != self._listed[0]:
            self._listed = (documents, self.at_ms)
        differ = any(held.documents != documents for held in self.facets.holdings.values())
        listed = differ or self.agent.membership.strangers() or self.at_ms - self._listed[1] <= LISTED_FOR_MS
        in_step = all(self.at_ms - self.in_step_ms.get(node, -IN_STEP_MS) < IN_STEP_MS for node in self.contacts())
        return Holdings(
            documents=documents,
            entries=self.digest_of_entries(),
            versions=self.custody.versions() if listed else None,
            heads=None if in_step else self.agent.journal.open_heads(),
            wanted=self._wanted() or None,
        )

    def _wanted(self) -> dict[str, int]:
        """Of each chain of which some manager lacks what I cannot give, from where on."""
        found: dict[str, int] = {}
        for relay in self.relays.values():
            for name, number in relay.wanted(self.agent.journal, self.at_ms).items():
                found[name] = min(number, found.get(name, number))
        return found

    def digest_of_documents(self) -> str:
        """Of the versions of all that I hold, as beats compare it."""
        return self.once("documents", self.custody.version, self.custody.listing.digest)

    def digest_of_entries(self) -> str:
        """Of the heads of chains that the manager has not acknowledged, likewise."""
        journal = self.agent.journal
        return self.once("entries", journal.version, lambda: digest(journal.open_heads()))

    def reach_permille(self) -> int:
        """The share of the roster that I am in contact with, myself included."""
        return (len(self.contacts()) + 1) * 1000 // max(len(self.roster().members), 1)

    def idle_permille(self) -> int:
        """The share of memory that is not reserved, in steps of 50 so that it does not flutter."""
        if self.facts is None or self.facts.caps.memory_bytes == 0:
            return 0
        reserved = self.agent.voter.reserved(self.plan()).memory_bytes
        return max(0, 1000 - reserved * 1000 // self.facts.caps.memory_bytes) // 50 * 50

    # --- the manager ----------------------------------------------------------------------------------------------

    def question(self, manager: ManagerId, with_items: bool) -> bytes:
        """What the next question carries: what I hold and, `with_items`, what the manager lacked when it last
        answered."""
        dealings = self.dealings.setdefault(manager, Dealings())
        home, relay = self.roster().manager, self.relays.setdefault(manager, Relay())
        versions = {n: v for n, v in self.custody.versions().items() if concerns_manager(n, manager, home)}
        mine = Stock(versions=versions, heads=self._told_heads(dealings))
        relay.look(frozenset(self.contacts()), self.at_ms)
        lost = relay.lost((dealings.theirs or Stock()).heads, self.agent.journal, self.at_ms)
        items = self._owed(manager, dealings, CARRY_MAX if with_items or dealings.theirs is None else 0)
        return dealings.ask(mine, tuple(items), lost)

    def take_answer(self, manager: ManagerId, exchange: Exchange) -> bool:
        """Note what the manager holds; whether it still lacks something."""
        dealings = self.dealings.setdefault(manager, Dealings())
        known = told_plan(dealings)
        dealings.hear(exchange)
        if told_plan(dealings) != known:
            self.version += 1
        if dealings.theirs is not None:
            relay = self.relays.setdefault(manager, Relay())
            relay.hear(exchange.lacks, dealings.theirs.heads, self.agent.journal, self.at_ms)
        return bool(self._owed(manager, dealings, 1))

    def relay(self, piece: Piece, chain: str) -> None:
        """A piece of the journal that my own does not take: a manager may lack it (J3)."""
        for relay in self.relays.values():
            relay.offer(piece, chain)

    def _owed(self, manager: ManagerId, dealings: Dealings, most: int) -> list[Sealed]:
        """What the manager lacks, documents first: what nodes and operators say, and its own word only if it does not
        know that any more (J4). Nothing before it has said what it holds, or if I was taken out."""
        theirs, home = dealings.theirs, self.roster().manager
        if theirs is None:  # a guest may not know yet that I belong here, and then it answers nothing
            return [self.held_roster().sealed] if manager != home else []
        if self.me not in self.roster().members:  # it would take none of it, however often I say it
            return []
        kept = [k for n, k in sorted(self.custody.kept.items()) if concerns_manager(n, manager, home)]
        owed = [k.sealed for k in kept if lacks(theirs.versions, k.name, k.version) and not self._waits(k)]
        journal = self.agent.journal
        relayed = self.relays.setdefault(manager, Relay()).owed(journal, most)
        return [*owed, *relayed, *journal.beyond(theirs.heads, most, self._told_heads(dealings))][:most]

    def _waits(self, document: Kept) -> bool:
        """Whether somebody says here that it leaves, and has told of what is not here yet (I5)."""
        if not isinstance(document.value, Leave) or document.value.node not in self.contacts():
            return False
        node, theirs = document.value.node, self.facets.holdings[document.value.node]
        told = {} if theirs.entries == self.digest_of_entries() else theirs.heads
        return not self.parting.may_go(node, told, self.agent.journal.heads, self.at_ms)

    def rest_for_ms(self) -> int:
        """How long nothing has to be decided for this site to be at rest."""
        return self.agent.retaining.retention.rest_for_ms(self.uplink_settings().lost_after_ms)

    def rests(self, at_ms: int) -> bool:
        """Whether nobody has decided anything for so long."""
        return at_ms - self.agent.journal.decided_ms >= self.rest_for_ms()

    def _told_heads(self, dealings: Dealings) -> dict[str, int]:
        """How much of each chain a manager is told of: at rest the newest readings wait for their sum (0017)."""
        journal = self.agent.journal
        if not self.rests(self.at_ms):
            return journal.heads
        untold_ms = self.agent.retaining.retention.untold_for_ms(self.uplink_settings().lost_after_ms)
        return journal.heads_without_readings(self.at_ms - untold_ms, (dealings.theirs or Stock()).heads)
