"""One node's agent: which machines it runs, what each may know of the others, in which order they look at a change.

Routing only. An event goes to the machine that understands it; every machine whose view has changed by that then
reconsiders, until nothing changes any more. What machines say to this node itself comes back in the same step. Records
are chained and documents signed here, so that all of a step is durable before any of it leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from skerry.core.actors import views
from skerry.core.actors.declaring import declare_dead
from skerry.core.actors.folding import Folding
from skerry.core.actors.keeping import keep
from skerry.core.actors.operators import refused_hand_over, take_hold
from skerry.core.actors.owners import follows
from skerry.core.actors.picture import Picture
from skerry.core.actors.repairing import repair
from skerry.core.actors.watching import Looked, Watch
from skerry.core.conversation import (
    AgentEvent,
    DeclareDeadAsked,
    Exchange,
    Heard,
    LeaveAsked,
    Refused,
    Started,
    document_of,
    kind_of,
)
from skerry.core.group.custody.machine import packed
from skerry.core.group.custody.model import Kept
from skerry.core.group.election.machine import FOLLOWED_KEY, VOID_KEY, Election
from skerry.core.group.election.wire import HandOverAsked
from skerry.core.group.granting.machine import Granting
from skerry.core.group.journal.chain import Shelf, piece_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import AS_SHIPPED, Acknowledgement, Entry, Fold, Retention, chain_name
from skerry.core.group.journal.retention import Retaining
from skerry.core.group.membership.machine import Membership
from skerry.core.group.membership.wire import Beat
from skerry.core.group.succession.machine import Succession
from skerry.core.group.uplink.machine import MODES_KEY, Answered, Uplink
from skerry.core.group.uplink.wire import Answer
from skerry.core.kernel.effects import NOTHING, Effects, Note, OpenNewLife, Publish, Put, Record, Reply
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import LifeId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.once import Once
from skerry.core.kernel.sealing import Sealed, Signer, Statement, Verified, seal
from skerry.core.kernel.values import Value, decode, encode
from skerry.core.stages.capability.events import FactsFound, UsageSampled
from skerry.core.stages.fit.machine import Fitting
from skerry.core.stages.intent.events import LocalIntentGiven
from skerry.core.stages.intent.holds import HoldAsked
from skerry.core.stages.intent.local import take
from skerry.core.stages.ir.model import Roster
from skerry.core.stages.monitoring.machine import Monitoring
from skerry.core.stages.monitoring.unattended import Unattended
from skerry.core.stages.negotiation.machine import Chair
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.negotiation.voter import Voter
from skerry.core.stages.subscription.machine import Keeper
from skerry.core.stages.subscription.runs import Adopted

PIECES = (Entry, Fold)
"""What journals consist of."""
ROUNDS_MAX = 50
"""Machines that still change each other after so many rounds of one step are a bug."""


class Identity(Value, frozen=True, kw_only=True):
    """Who this agent is, for this life."""

    site: str
    node: NodeId
    life: LifeId
    boot: str
    """Names one boot of the machine: boot-times of different boots have nothing to do with each other (T2)."""


@dataclass
class Agent:
    """The machines of one node."""

    identity: Identity
    signer: Signer
    picture: Picture
    membership: Membership
    election: Election
    succession: Succession
    granting: Granting
    uplink: Uplink
    journal: Journal
    fitting: Fitting
    chair: Chair
    voter: Voter
    keeper: Keeper
    monitoring: Monitoring
    unattended: Unattended
    retaining: Retaining
    folding: Folding
    refused: int = 0
    """Statements that were good in form and changed nothing (I8)."""
    moved: dict[str, Any] = field(default_factory=dict)
    """The machines that the present or last step has moved, by name."""
    _number: int = 0
    _ends: bool = False
    """A new life is asked for."""
    _once: Once = field(default_factory=Once)
    _due_ms: dict[str, int] = field(default_factory=dict)
    """The deadlines of those machines that have one."""
    _looked: Looked = field(default_factory=Looked)
    _loop: deque[Verified[Any]] = field(default_factory=deque)

    @classmethod
    def recover(
        cls,
        identity: Identity,
        signer: Signer,
        expressions: Expressions,
        kept: Mapping[str, bytes],
        found: tuple[Adopted, ...],
        documents: list[Kept],
        given: Input[Started],
        *,
        contingency: bool = True,
        retention: Retention = AS_SHIPPED,
        shelf: Shelf | None = None,
    ) -> tuple[Agent, Effects]:
        """Load what the disk holds; decide nothing again (notes for the shell). `documents` are those of `kept`, opened
        and verified by the caller, since they bear signatures. `shelf` gives what is durable by now under a key of the
        journal; without one all of it stays in memory. Raises `msgspec.DecodeError` if what is kept is damaged."""
        state, me, at_ms = dict(kept), identity.node, given.at_ms
        picture = Picture(me=me, expressions=expressions, contingency=contingency)
        for document in documents:
            picture.custody.restore(document)
        editions = picture.editions()
        succession = Succession.recover(me, state, editions)
        lease_ms = succession.longest_lease_ms(editions, succession.counting or min(editions))
        keeper, effects = Keeper.recover(me, state, found, at_ms, given.wall_ms, lease_ms)
        agent = cls(
            identity=identity,
            signer=signer,
            picture=picture,
            membership=Membership(me=me, life=identity.life),
            election=Election.recover(me, state.get(FOLLOWED_KEY), at_ms),
            succession=succession,
            granting=Granting.recover(me, state, at_ms, lease_ms),
            uplink=Uplink.recover(me, state.get(MODES_KEY), at_ms),
            journal=Journal.recover(me, identity.site, identity.life, identity.boot, signer, state, shelf),
            fitting=Fitting.recover(me, expressions, state, at_ms),
            chair=Chair(me=me),
            voter=Voter(me=me),
            keeper=keeper,
            monitoring=Monitoring(me=me),
            unattended=Unattended(),
            retaining=Retaining(retention),
            folding=Folding(),
        )
        agent.election.void_term = decode(state.get(VOID_KEY, encode(0)), int)
        for document in documents:
            agent._learn(document)
        return agent, effects

    def __post_init__(self) -> None:
        self.picture.agent = self

    # --- the calling convention -----------------------------------------------------------------------------------

    def step(self, given: Input[AgentEvent]) -> Effects:
        """Take one event; let every machine that it concerns decide; give all that is to be done."""
        self.moved = {}
        done = self._settle_in(self._route(given.event, given), given)
        for _ in range(ROUNDS_MAX):
            self._watch.look()
            if not self._loop and not self._watch.concerned:
                break
            done = done + self._reconsider(given)
            while self._loop:
                done = done + self._settle_in(self._on_said(self._loop.popleft(), given), given)
        else:
            raise AssertionError("the machines of one agent do not settle")
        return msgspec.structs.replace(done, cause=given.id) if done is not NOTHING else NOTHING

    def next_deadline_ms(self) -> int | None:
        """The earliest of all machines' deadlines."""
        return min(self._due_ms.values()) if self._due_ms else None

    def check_invariants(self) -> None:
        """Of everything that the last step has moved; see there."""
        for machine in self.moved.values():
            machine.check_invariants()

    # --- routing --------------------------------------------------------------------------------------------------

    @cached_property
    def machines(self) -> dict[str, Any]:
        """In the order in which they look at a change: who is there, who leads, what holds, what runs; beats last."""
        return {
            "unattended": self.unattended,
            "election": self.election,
            "uplink": self.uplink,
            "fitting": self.fitting,
            "voter": self.voter,
            "chair": self.chair,
            "succession": self.succession,
            "granting": self.granting,
            "keeper": self.keeper,
            "monitoring": self.monitoring,
            "membership": self.membership,
        }

    def _route(self, event: AgentEvent, given: Input[Any]) -> Effects:
        match event:
            case Heard(said=said):
                return self._on_said(said, given)
            case LocalIntentGiven():
                goes = self.picture.goes(self.identity.node)
                return take(event, self.picture.roster(), self.picture.irs(), goes=goes)
            case HoldAsked():
                return take_hold(event, self.picture)
            case HandOverAsked():
                refused = refused_hand_over(event, self.picture)
                return refused if refused is not None else self._run("election", event, given)
            case LeaveAsked(request=request, said=said):
                goodbye = Effects(reply=(Reply(request=request, ok=True),), note=(Note(what="agent.leaves"),))
                return goodbye + self._take_and_tell(said)
            case DeclareDeadAsked():
                return declare_dead(event, self.picture)
            case UsageSampled(usage=usage):
                self.picture.usage = usage
                return NOTHING
            case FactsFound(facts=facts):
                self.picture.facts, self.picture.version = facts, self.picture.version + 1
                return NOTHING
            case DeadlinePassed():
                return self._wake(given) + self._tidy(given.at_ms) + self._fold(given.at_ms)
            case Started():
                note = Note(what="agent.started", about=self.identity.node, data={"life": self.identity.life})
                return Effects(note=(note,))
            case _:
                done = self._run(views.MACHINE_OF_EVENT[type(event)], event, given)
                return self._run("monitoring", Reconsider(), given) + done if type(event) in views.ENDS else done

    def _on_said(self, said: Verified[Any], given: Input[Any]) -> Effects:
        """A peer's, a manager's or a carried statement."""
        body = said.body
        machine = views.MACHINE_OF.get(type(body))
        if machine is None and not isinstance(body, Answer):
            return self._take_piece(said, given.at_ms) if isinstance(body, PIECES) else self._take_document(said)
        if not self._is_news(said):
            self.refused += 1
            return NOTHING
        if machine is None:
            return self._on_answer(said, given)
        if said.statement.signer not in self.picture.roster().members:
            return self._hear_former(said)
        done = self._run(machine, said, given)
        if isinstance(body, Beat) and (lacking := repair(self.picture, said)):
            done = done + Effects(send=lacking)
        return done

    def _hear_former(self, said: Verified[Any]) -> Effects:
        """Who was taken out of the roster has no say any more. Its beats show that it has not heard of it."""
        if isinstance(said.body, Beat):
            return Effects(send=repair(self.picture, said))
        self.refused += 1
        return NOTHING

    def _is_news(self, said: Verified[Any]) -> bool:
        """I8: each message once, and only of the life that its signer lives now. Documents and entries are not judged
        by this: they bear versions and numbers of their own, and are carried by many."""
        news = self._once.is_news(said.statement)  # before its life is judged: what is refused for that was heard, too
        if not news or isinstance(said.body, Beat):
            return news
        contact = self.membership.contacts.get(NodeId(said.statement.signer))
        return contact is None or contact.life == said.statement.life

    def _wake(self, given: Input[Any]) -> Effects:
        done = NOTHING
        for name in ("membership", *self.machines):  # who is there comes first: who stood still finds out by it
            due_ms = self._due_ms.get(name)
            if due_ms is not None and due_ms <= given.at_ms:
                done = done + self._settle_in(self._run(name, DeadlinePassed(), given), given)
        return done

    def _reconsider(self, given: Input[Any]) -> Effects:
        done, watch = NOTHING, self._watch
        for name in self.machines:
            if name in watch.concerned and watch.is_due(name):
                done = done + self._settle_in(self._run(name, Reconsider(), given), given)
                watch.look()
        return done

    def _run(self, name: str, event: Any, given: Input[Any]) -> Effects:
        self.picture.at_ms = given.at_ms
        self._watch.saw(name)
        machine = self.moved[name] = self.machines[name]
        own = Input(id=given.id, at_ms=given.at_ms, wall_ms=given.wall_ms, draw=given.draw, event=event)
        done: Effects = machine.step(own, views.VIEW_OF[name](self.picture))
        due_ms = machine.next_deadline_ms()
        if due_ms is not None:
            self._due_ms[name] = due_ms
        else:
            self._due_ms.pop(name, None)
        if machine is self.membership:
            self.picture.facets.follow(self.membership)
        return done

    @cached_property
    def _watch(self) -> Watch:
        custody, facets = self.picture.custody, self.picture.facets
        documents = {"own": custody.own, **custody.shelves}
        whole = {"custody": custody, "facets": facets, "picture": self.picture, "forks": self.journal.forks}
        covers = {**dict.fromkeys(documents, "custody"), **dict.fromkeys(facets.sides, "facets")}
        return Watch(self.machines, {**self.machines, **documents, **facets.sides, **whole}, covers, self._looked)

    # --- what machines ask of the actor ---------------------------------------------------------------------------

    def _settle_in(self, effects: Effects, given: Input[Any]) -> Effects:
        """Chain the records, sign the documents, bring home what is said to this node itself."""
        if effects is NOTHING or effects.empty:
            return NOTHING
        if not (effects.record or effects.publish or effects.send):
            return effects
        done = msgspec.structs.replace(effects, record=(), publish=(), send=())
        written: list[Sealed] = []
        for record in effects.record:
            self.moved["journal"] = self.journal
            kept, entry = self.journal.record(record, given)
            done = done + kept
            written.append(entry)
        done = done + Effects(send=packed(None, written))
        for publish in effects.publish:
            done = done + self._publish(publish)
        for send in effects.send:
            if send.to == self.identity.node:
                self._loop.append(self._sealed(send.message))
            else:
                done = done + Effects(send=(send,))
        return done

    def _publish(self, publish: Publish) -> Effects:
        said = self._sealed(publish.value)
        document = Kept(
            name=publish.name,
            version=publish.version,
            author=self.identity.node,
            value=publish.value,
            sealed=said.sealed,
        )
        kept = self.picture.custody.keep(document)
        return kept + Effects(send=packed(None, [said.sealed]))

    def _sealed(self, body: Any) -> Verified[Any]:
        self._number += 1
        statement = Statement(
            kind=kind_of(body),
            site=self.identity.site,
            signer=self.identity.node,
            life=self.identity.life,
            number=self._number,
            body=encode(body),
        )
        return Verified(statement=statement, body=body, sealed=seal(self.signer, statement))

    def seal_message(self, message: Any) -> Sealed:
        """Sign what is about to leave, unless it was when it was written (N6)."""
        return message if isinstance(message, Sealed) else self._sealed(message).sealed

    # --- documents, entries, the manager --------------------------------------------------------------------------

    def _take_piece(self, said: Verified[Any], at_ms: int) -> Effects:
        self.moved["journal"] = self.journal
        done = self.journal.take(said, at_ms)
        if self.journal.own_chain in self.journal.forks.chains and not self._ends:
            self._ends = True
            void = Put(key=VOID_KEY, value=encode(self.election.highest))
            act = OpenNewLife(why="somebody else has written in this life's name")
            done = done + Effects(persist=(void,), act=(act,), note=(Note(what="life.ends", data={"why": act.why}),))
        if not done.persist:
            piece = piece_of(said.sealed, said.statement, said.body)
            self.picture.relay(piece, chain_name(said.statement.signer, said.statement.life))
        return done

    def _tidy(self, at_ms: int) -> Effects:
        done = self.retaining.tidy(self.journal, at_ms)
        if done.persist:
            self.moved["journal"] = self.journal
        return done

    def _fold(self, at_ms: int) -> Effects:
        done = self.folding.fold(self.picture, at_ms)
        if done.persist:
            self.moved["journal"] = self.journal
        return done

    def _take_document(self, said: Verified[Any]) -> Effects:
        """C2: keep what is newer and may be said; a plan only if my leader holds it (P1)."""
        roster = self.picture.roster()
        try:
            document = document_of(said, roster)
        except Refused as refused:
            self.refused += 1
            note = Note(what="statement.refused", about=said.statement.signer, data={"why": str(refused)})
            return Effects(note=(note,))
        custody = self.picture.custody
        if not custody.newer(document.name, document.version) or not self._acceptable(document, roster):
            return NOTHING
        kept = keep(document, custody)
        self._learn(document)
        note = Note(what="document.taken", about=document.name, data={"version": list(document.version)})
        return kept + Effects(note=(note,)) + self._if_removed(document.value, roster)

    def _if_removed(self, document: Any, roster: Roster) -> Effects:
        """Whoever hears that it is taken out of the roster stops all (the keeper sees to it), and says so."""
        me = self.identity.node
        if not isinstance(document, Roster) or me not in roster.members or me in document.members:
            return NOTHING
        data = {"roster": document.version}
        record = Record(kind="decision", what="node.removed", about=me, data=data)
        return Effects(record=(record,), note=(Note(what="node.removed", about=me, data=data),))

    def _learn(self, document: Kept) -> None:
        """Documents that say something of the journal."""
        if isinstance(document.value, Acknowledgement):
            self.moved["journal"] = self.journal
            self.journal.acknowledge(document.value)

    def _acceptable(self, document: Kept, roster: Roster) -> bool:
        match document.value:
            case Roster() as offered:
                return follows(offered, self.picture.held_roster())
            case Plan() as plan:
                return self._acceptable_plan(plan, roster)
            case _:
                return True

    def _acceptable_plan(self, plan: Plan, roster: Roster) -> bool:
        leader = self.election.leadership.leader
        if plan.id.leader not in roster.members and plan.id not in self.picture.plans_held():
            return False  # it may have made it after it was taken out
        if leader is None or leader == plan.id.leader:
            return leader is not None
        if leader == self.identity.node:
            return self._is_held_in_my_part(plan)
        return bool(self.picture.plan_held_by(leader) == plan.id)

    def _is_held_in_my_part(self, plan: Plan) -> bool:
        """P4: a leader goes on from the highest that anyone in its part holds. Not from what others hold: two leaders
        that do not hear each other, and share neighbours, would outdo each other's plans for ever."""
        part = self.election.leadership.part
        return any((held := self.picture.plan_held_by(n)) is not None and held >= plan.id for n in part)

    def _take_and_tell(self, said: Verified[Any]) -> Effects:
        """A document that was handed in here, for all."""
        return self._take_document(said) + Effects(send=packed(None, [said.sealed]))

    def _on_answer(self, said: Verified[Answer], given: Input[Any]) -> Effects:
        """The manager answered: whatever it sent is opened like anything else, and what it lacks goes with the next."""
        manager = ManagerId(said.statement.signer)
        try:
            exchange = decode(said.body.carried, Exchange) if said.body.carried else None
        except msgspec.DecodeError:
            exchange, manager = None, ManagerId("")
        if manager not in self.picture.managers():
            self.refused += 1
            return NOTHING
        lacks = exchange is not None and self.picture.take_answer(manager, exchange)
        return self._run("uplink", Answered(manager=manager, answer=said.body, lacks=lacks), given)
