"""A small site in memory: a few agents as they are, one clock for all, and everything around them as simple as can be.

Every message takes 5 ms, a start 40, a stop 20, a trial 100. Nothing is drawn: a run is the same each time. A cut link
swallows what is on it and its tokens go after the fabric's lease; an agent that is killed is missed at once, its
workloads go on. Whatever a step persists is on disk before anything of it leaves, and after every step it is checked
that nothing runs without a subscription on that disk (I4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from typing import Any

import msgspec

from skerry.adapters.cel import CelExpressions
from skerry.core.actors.agent import Agent, Identity
from skerry.core.actors.operators import HAND_OVER
from skerry.core.conversation import (
    DECLARE_DEAD,
    Exchange,
    Heard,
    Started,
    document_of,
    key_in,
    kind_of,
    life_from,
    opened,
    stored_documents,
)
from skerry.core.group.custody.model import Version
from skerry.core.group.journal.model import AS_SHIPPED, Retention
from skerry.core.group.membership.machine import PresenceChanged
from skerry.core.group.uplink.machine import CloseSession, OpenSession, SessionChanged
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import (
    AskUnattended,
    AwaitDrained,
    CheckInstance,
    Effects,
    ExtendWorkload,
    MeasureInstance,
    Put,
    StartWorkload,
    StopWorkload,
    TryConfiguration,
    WriteEndpoints,
)
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.expressions import Remembering
from skerry.core.kernel.ids import InstanceId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified, body_digest, seal
from skerry.core.kernel.values import encode
from skerry.core.stages.capability.events import FactsFound
from skerry.core.stages.capability.model import NodeFacts
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.intent import holds
from skerry.core.stages.ir.model import Guest, IntermediateRepresentation, Operator, Roster, RosterEntry, SiteDocument
from skerry.core.stages.ir.rights import with_rights_since
from skerry.core.stages.monitoring.events import InstanceChecked, InstanceMeasured, UnattendedAnswered
from skerry.core.stages.subscription.events import WorkloadDrained, WorkloadExited, WorkloadReady, WorkloadStopped
from skerry.core.stages.subscription.machine import DEADLINE
from skerry.core.stages.subscription.runs import Adopted
from skerry.sim.keys import StandInSigner, StandInVerifier
from tests.core.things import ANYBODY, HQ, mib

MESSAGE_MS, START_MS, STOP_MS, TRIAL_MS, LEASE_MS = 5, 40, 20, 100, 1_000
SPINS_MAX = 20
OPERATOR, RIGHTS = "ann", (holds.RIGHT, HAND_OVER, DECLARE_DEAD)
EXPRESSIONS = Remembering(CelExpressions())


@dataclass
class Workload:
    """A process."""

    pid: int
    digest: str
    fence: int | None
    port: int
    kill_at_ms: int | None


@dataclass
class Node:
    """One machine: its disk and its processes outlive its agent."""

    name: NodeId
    signer: StandInSigner
    ops: int
    disk: dict[str, bytes] = field(default_factory=dict)
    workloads: dict[InstanceId, Workload] = field(default_factory=dict)
    agent: Agent | None = None
    serves_ops: int = 150
    """What others measure of an instance that runs here."""
    lives: int = 0
    inputs: int = 0
    sessions: set[str] = field(default_factory=set)
    spins: tuple[int, int] = (0, 0)


@dataclass
class Desk:
    """A manager's: what it has said, and what it knows that the site holds."""

    signer: StandInSigner
    issued: dict[str, Sealed] = field(default_factory=dict)
    holds: dict[str, Version] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    """The names of all documents of which questions told."""


Watcher = Callable[[Node, Input[Any], Effects], None]


class World:
    """The site `shop`, its manager and that one's guests, and the time."""

    def __init__(
        self,
        names: str,
        *irs: IntermediateRepresentation,
        watch: Watcher | None = None,
        guests: tuple[str, ...] = (),
        retention: Retention = AS_SHIPPED,
    ) -> None:
        self.retention = retention
        self.now_ms = 0
        self.watch = watch
        self.cut: set[frozenset[str]] = set()
        self.crash_after: tuple[str, int] | None = None
        """A node that dies when it has made so many steps that persist something, before anything of that leaves."""
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._asked = 0
        self._pids = 0
        signers = {name: StandInSigner(name, 0) for name in (*names, HQ, OPERATOR, *guests)}
        self.verifier = StandInVerifier(list(signers.values()))
        self._operator = signers[OPERATOR]
        self.desks = {name: Desk(signers[name]) for name in (HQ, *guests)}
        self.nodes = {n: Node(name=NodeId(n), signer=signers[n], ops=200 + 50 * i) for i, n in enumerate(names)}
        self.roster = Roster(
            site="shop",
            version=1,
            predecessor="",
            manager=HQ,
            manager_key=signers[HQ].public_key,
            members={n: RosterEntry(node=n, public_key=signers[n].public_key) for n in names},
            operators={OPERATOR: Operator(name=OPERATOR, public_key=self._operator.public_key, may=RIGHTS)},
            guests=tuple(Guest(name=ManagerId(g), public_key=signers[g].public_key) for g in guests),
        )
        site = SiteDocument(
            name="shop", generation=1, governance=ANYBODY, uplink_lost_after_ms=2_000, uplink_back_after_ms=3_000
        )
        for document in (self.roster, site):
            self.issue(document)
        for ir in irs:
            self.issue(ir, ir.owner)
        for node in self.nodes.values():
            for desk in self.desks.values():
                node.disk.update({f"document/{name}": encode(sealed) for name, sealed in desk.issued.items()})

    # --- time -----------------------------------------------------------------------------------------------------

    def after(self, delay_ms: int, happening: Callable[[], None]) -> None:
        """Let something happen a while from now."""
        self._asked += 1
        heappush(self._queue, (self.now_ms + delay_ms, self._asked, happening))

    def run(self, for_ms: int) -> None:
        """Let so much time pass."""
        until_ms = self.now_ms + for_ms
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, happening = heappop(self._queue)
            happening()
        self.now_ms = until_ms

    # --- what can be done to it -----------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start these agents on their disks as they are."""
        for name in names:
            self._begin(self.nodes[name])
        for name in names:
            self._tell_presence(name, present=True)

    def kill(self, name: str, *, machine: bool = False) -> None:
        """The agent ends; with `machine` everything on it."""
        node = self.nodes[name]
        node.agent = None
        node.sessions.clear()
        if machine:
            node.workloads.clear()
        self._tell_presence(name, present=False)

    def part(self, *parts: str) -> None:
        """Let only nodes of one part hear each other; `parts` are like "ab", "c". The manager belongs to none."""
        self.part_from_manager()
        for one in parts:
            for other in parts:
                if one < other:
                    self.cut |= {frozenset(pair) for pair in ((a, b) for a in one for b in other)}
        self._review()

    def part_from_manager(self, *managers: str) -> None:
        """Cut the uplink of every node to these managers, or to all."""
        self.cut |= {frozenset((n, manager)) for n in self.nodes for manager in managers or self.desks}
        self._review()

    def mend(self, one: str, other: str) -> None:
        """The link between two works again."""
        self.cut.discard(frozenset((one, other)))
        self._review()

    def heal(self) -> None:
        """Every link works."""
        self.cut.clear()
        self._review()

    def finds(self, name: str, assurance_permille: int = 500) -> None:
        """The sensors of a node tell what it has."""
        facts = NodeFacts(
            caps=mib(1_000),
            programs=("program",),
            hardware=name,
            assurance_permille=assurance_permille,
            cpu_cores=2,
        )
        self.step(self.nodes[name], FactsFound(facts=facts))

    def issue(self, document: Any, by: str = HQ) -> None:
        """A manager's word; the site gets it with the next answer."""
        desk = self.desks[by]
        sealed = self._sealed(by, desk.signer, document)
        kept = document_of(opened(sealed, "shop", self._key, self.verifier)[0], self.roster)
        desk.issued[kept.name] = sealed
        desk.holds[kept.name] = kept.version

    def renew_roster(self, **changes: Any) -> None:
        """The manager's next roster."""
        before = self.desks[HQ].issued[f"roster/{self.roster.version:06d}"]
        following = msgspec.structs.replace(
            self.roster, version=self.roster.version + 1, predecessor=body_digest(before), **changes
        )
        self.roster = with_rights_since(self.roster, following)
        self.issue(self.roster)

    def rights(self, *may: str) -> dict[str, Operator]:
        """The operators, who may do this at the site and nothing else."""
        return {n: msgspec.structs.replace(o, may=may) for n, o in self.roster.operators.items()}

    def word(self, body: Any) -> Verified[Any]:
        """What the operator signs."""
        return opened(self._sealed(OPERATOR, self._operator, body), "shop", self._key, self.verifier)[0]

    # --- one agent ------------------------------------------------------------------------------------------------

    def _begin(self, node: Node) -> None:
        node.lives += 1
        node.agent = None
        given = self._input(node, Started())
        identity = Identity(site="shop", node=node.name, life=life_from(node.lives << 8 | ord(node.name)), boot="1")
        found = tuple(
            Adopted(
                instance=i, digest=w.digest, pid=w.pid, endpoint=f"{node.name}:{w.port}", port=w.port, fence=w.fence
            )
            for i, w in sorted(node.workloads.items())
        )
        documents = stored_documents(node.disk, "shop", self.verifier)
        node.agent, effects = Agent.recover(
            identity, node.signer, EXPRESSIONS, node.disk, found, documents, given, retention=self.retention
        )
        self._carry_out(node, effects, given)
        self.step(node, Started())
        self.finds(node.name)

    def _input(self, node: Node, event: Any) -> Input[Any]:
        node.inputs += 1
        return Input(id=f"{node.name}{node.inputs}", at_ms=self.now_ms, wall_ms=self.now_ms, draw=0, event=event)

    def step(self, node: Node, event: Any) -> None:
        """One input of one agent, with all that it leads to."""
        if node.agent is None:
            return
        given = self._input(node, event)
        effects = node.agent.step(given)
        node.agent.check_invariants()
        if self.watch is not None:
            self.watch(node, given, effects)
        self._carry_out(node, effects, given)
        self._arm(node)

    def _carry_out(self, node: Node, effects: Effects, given: Input[Any]) -> None:
        for change in effects.persist:
            if isinstance(change, Put):
                node.disk[change.key] = change.value
            else:
                node.disk.pop(change.key, None)
        if effects.persist and self.crash_after is not None and self.crash_after[0] == node.name:
            self.crash_after = (node.name, self.crash_after[1] - 1)
            if self.crash_after[1] == 0:
                self.kill(node.name)
                return
        agent = node.agent
        assert agent is not None
        for send in effects.send:
            payload = agent.seal_message(send.message)
            for other in self.nodes.values():
                if other is not node and send.to in (None, other.name):
                    self._carry(node, other, payload)
        for report in effects.report:
            self._to_manager(node, report.manager, agent.seal_message(report.message))
        for act in effects.act:
            self._act(node, act)
        for instance in node.workloads:
            assert f"subscription/{instance}" in node.disk, f"I4: {instance} runs on {node.name} without a subscription"

    def _arm(self, node: Node) -> None:
        agent = node.agent
        due_ms = agent.next_deadline_ms() if agent is not None else None
        if due_ms is None:
            return

        def wake() -> None:
            if node.agent is agent and agent is not None and agent.next_deadline_ms() == due_ms:
                last_ms, spins = node.spins
                node.spins = (self.now_ms, spins + 1 if last_ms == self.now_ms else 0)
                assert node.spins[1] < SPINS_MAX, f"{node.name} wants to be woken at once, over and over"
                self.step(node, DeadlinePassed())

        self.after(max(due_ms - self.now_ms, 0), wake)

    # --- links ----------------------------------------------------------------------------------------------------

    def linked(self, one: str, other: str) -> bool:
        """Whether these two reach each other."""
        return frozenset((one, other)) not in self.cut

    def _carry(self, node: Node, other: Node, sealed: Sealed) -> None:
        if not self.linked(node.name, other.name):
            return

        def arrive() -> None:
            if other.agent is None or not self.linked(node.name, other.name):
                return
            for said in opened(sealed, "shop", self._key, self.verifier):
                self.step(other, Heard(said=said))

        self.after(MESSAGE_MS, arrive)

    def _key(self, signer: str) -> bytes | None:
        return key_in(self.roster, signer)

    def _sealed(self, signer: str, key: StandInSigner, body: Any) -> Sealed:
        self._asked += 1
        statement = Statement(
            kind=kind_of(body), site="shop", signer=signer, life="hq", number=self._asked, body=encode(body)
        )
        return seal(key, statement)

    def _tell_presence(self, name: str, *, present: bool) -> None:
        for other in self.nodes.values():
            if other.name != name and self.linked(other.name, name):
                self.step(other, PresenceChanged(node=NodeId(name), present=present))

    def _review(self) -> None:
        """After a lease every end knows what a cut or a healing has changed."""

        def tell() -> None:
            for node in self.nodes.values():
                for other in self.nodes.values():
                    if node is not other:
                        there = other.agent is not None and self.linked(node.name, other.name)
                        self.step(node, PresenceChanged(node=other.name, present=there))
                for manager in sorted(node.sessions):
                    up = self.linked(node.name, manager)
                    self.step(node, SessionChanged(manager=ManagerId(manager), up=up))

        self.after(LEASE_MS if self.cut else MESSAGE_MS, tell)

    # --- the manager ----------------------------------------------------------------------------------------------

    def _to_manager(self, node: Node, manager: str, sealed: Sealed) -> None:
        if manager not in node.sessions or not self.linked(node.name, manager):
            return
        desk = self.desks[manager]
        for said in opened(sealed, "shop", self._key, self.verifier):
            if isinstance(said.body, Question):
                theirs = msgspec.msgpack.decode(said.body.carried, type=Exchange)
                desk.told |= set(theirs.versions)
                desk.holds.update({n: v for n, v in theirs.versions.items() if n.startswith(("fit/", "plan"))})
                lacking = tuple(s for n, s in sorted(desk.issued.items()) if theirs.versions.get(n, ()) < desk.holds[n])
                carried = encode(Exchange(versions=desk.holds, heads=theirs.heads, items=lacking))
                answer = self._sealed(manager, desk.signer, Answer(number=said.body.number, carried=carried))
                self.after(2 * MESSAGE_MS, partial(self._from_manager, node, manager, answer))

    def _from_manager(self, node: Node, manager: str, sealed: Sealed) -> None:
        if self.linked(node.name, manager):
            for said in opened(sealed, "shop", self._key, self.verifier):
                self.step(node, Heard(said=said))

    # --- the machine ----------------------------------------------------------------------------------------------

    def _later(self, node: Node, delay_ms: int, event: Any) -> None:
        agent = node.agent
        self.after(delay_ms, lambda: self.step(node, event) if node.agent is agent else None)

    def _act(self, node: Node, act: Any) -> None:
        match act:
            case StartWorkload():
                self._start_workload(node, act)
            case StopWorkload(instance=instance):
                node.workloads.pop(instance, None)
                self._later(node, STOP_MS, WorkloadStopped(instance=instance))
            case ExtendWorkload(instance=instance, kill_at_ms=kill_at_ms):
                if instance in node.workloads:
                    self._guard(node, instance, kill_at_ms)
            case AwaitDrained(instance=instance):
                self._later(node, STOP_MS, WorkloadDrained(instance=instance))
            case TryConfiguration(trial=trial, configuration=of):
                figures = {"ops": node.ops * 1_000}
                self._later(node, TRIAL_MS, TrialFinished(trial=trial, digest=of.digest, figures_milli=figures))
            case CheckInstance(instance=instance):
                self._later(node, 1, InstanceChecked(instance=instance, ok=instance in node.workloads))
            case AskUnattended(node=holder, instance=instance):
                reached = self.linked(node.name, holder) and instance in self.nodes[holder].workloads
                self._later(
                    node,
                    2 if reached else act.within_ms,
                    UnattendedAnswered(node=holder, instance=instance, ok=reached),
                )
            case MeasureInstance(instance=instance, holder=holder, digest=digest):
                reached = self.linked(node.name, holder) and instance in self.nodes[holder].workloads
                ops = self.nodes[holder].serves_ops
                found: dict[str, Any] = {"figures_milli": {"ops": ops * 1_000}} if reached else {"failure": "refused"}
                self._later(
                    node, act.for_ms, InstanceMeasured(instance=instance, holder=holder, digest=digest, **found)
                )
            case OpenSession() | CloseSession():
                self._session(node, act)
            case WriteEndpoints():
                pass  # no workload here reads it
            case _:
                raise TypeError(f"an act that nobody carries out: {type(act).__name__}")

    def _session(self, node: Node, act: OpenSession | CloseSession) -> None:
        match act:
            case OpenSession(manager=manager):
                node.sessions.add(manager)
                if self.linked(node.name, manager):
                    self._later(node, 2 * MESSAGE_MS, SessionChanged(manager=manager, up=True))
            case CloseSession(manager=manager):
                node.sessions.discard(manager)
                self._later(node, 1, SessionChanged(manager=manager, up=False))

    def _start_workload(self, node: Node, act: StartWorkload) -> None:
        self._pids += 1
        port = act.port or 4_000 + self._pids
        made = Workload(pid=self._pids, digest=act.configuration.digest, fence=act.fence, port=port, kill_at_ms=None)
        node.workloads[act.instance] = made
        if act.kill_at_ms is not None:
            self._guard(node, act.instance, act.kill_at_ms)
        ready = WorkloadReady(
            instance=act.instance, pid=made.pid, endpoint=f"{node.name}:{port}", port=port, fence=act.fence
        )
        self._later(node, START_MS, ready)

    def _guard(self, node: Node, instance: InstanceId, kill_at_ms: int) -> None:
        workload = node.workloads[instance]
        workload.kill_at_ms = kill_at_ms

        def due() -> None:
            if node.workloads.get(instance) is workload and workload.kill_at_ms == kill_at_ms:
                del node.workloads[instance]
                self.step(node, WorkloadExited(instance=instance, reason=DEADLINE))

        self.after(max(kill_at_ms - self.now_ms, 0), due)
