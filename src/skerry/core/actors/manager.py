"""What a manager does for one site: keeps what the site says, gives it what is its own word, judges its sections.

It takes no part in what the site decides. State is exchanged, not announced (docs/decisions/0001): each question of the
site carries what it holds and what the manager lacked, each answer the same the other way round. What the site says is
durable here before it is acknowledged (J3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from skerry.core.actors.bad_copies import BadCopies
from skerry.core.actors.claims import CLAIMS_KEY, Claims
from skerry.core.actors.dealings import Dealings, Stock
from skerry.core.actors.handed_in import HandedIn
from skerry.core.actors.judging import Judging
from skerry.core.actors.lapsing import lapse
from skerry.core.actors.owners import concerns_manager
from skerry.core.actors.parting import Parting, heads_told
from skerry.core.actors.parts import by_leader, plan_of, plans_in_force, versions_for
from skerry.core.actors.remembered import pieces, readings
from skerry.core.actors.restored import RESTORED_KEY, Restored
from skerry.core.actors.telling import Acknowledging, knows_all, lacking, own
from skerry.core.conversation import LEAVE_PREFIX, Exchange, Refused, document_of, kind_of, with_former
from skerry.core.group.custody.machine import Custody, stored_key
from skerry.core.group.custody.model import CARRY_MAX, Kept, Version
from skerry.core.group.journal.chain import piece_key
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Acknowledgement, Entry, Fold, chain_name
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import NOTHING, Effects, Instruct, Note, Persist, Put
from skerry.core.kernel.ids import IntentId, LifeId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.once import Once
from skerry.core.kernel.sealing import Sealed, Signer, Statement, Verified, body_digest, seal
from skerry.core.kernel.values import Value, decode, encode
from skerry.core.stages.history.model import Reading
from skerry.core.stages.ir.issuing import Held
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster, SiteDocument
from skerry.core.stages.ir.rights import with_rights_since
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict

BEHIND_FOR_MS = 2_000
"""How long new generations of known intents are held back while the site's plan and its evidence are on their way."""
VERDICT_PREFIX = "verdicts/"


class SiteSaid(Value, frozen=True, kw_only=True, tag=True):
    """A statement of a member arrived, and its signature is good."""

    node: NodeId
    """The member that holds the session; the author may be another."""
    said: Verified[Any]


class ItemRefused(Value, frozen=True, kw_only=True, tag=True):
    """Something that a member handed on does not verify: it was changed after it was signed."""

    node: NodeId
    sealed: Sealed
    why: str


class Authored(Value, frozen=True, kw_only=True, tag=True):
    """An operator changed something: the manager has a new word for this site."""

    documents: tuple[Any, ...]


ManagerEvent = SiteSaid | ItemRefused | Authored


@dataclass
class ManagerSite:
    """One site, as its home manager or a guest knows it."""

    site: str
    manager: ManagerId
    signer: Signer
    custody: Custody
    journal: Journal
    handed_in: HandedIn
    judging: Judging
    bad_copies: BadCopies = field(default_factory=BadCopies)
    restored: Restored = field(default_factory=Restored)
    claims: Claims = field(default_factory=Claims)
    acknowledging: Acknowledging = field(default_factory=Acknowledging)
    parting: Parting = field(default_factory=Parting)
    heard_wall_ms: int | None = None
    heard_from: NodeId | None = None
    _heard_all: bool = False
    """Since this process began, a member has told what the site has of this manager's word, and all of it is here."""
    _wall_ms: int = 0
    """What the clock showed at the last event."""
    _behind_since_ms: int | None = None
    _founding: tuple[Persist, ...] = ()
    _heard: Once = field(default_factory=Once)
    _dealings: dict[NodeId, Dealings] = field(default_factory=dict)
    """With each member, present or former, that ever asked; the roster bounds them."""

    @classmethod
    def recover(
        cls,
        site: str,
        manager: ManagerId,
        signer: Signer,
        handed_in: HandedIn,
        kept: Mapping[str, bytes],
        documents: list[Kept],
        *,
        heard: bool = False,
    ) -> ManagerSite:
        """From the store; `documents` are those of `kept`, opened and verified. `heard`: this process has it so far."""
        custody = Custody(me=NodeId(manager))
        for document in map(by_leader, documents):
            if custody.newer(document.name, document.version):
                custody.restore(document)
        judging = Judging(manager)
        for key in sorted(kept):
            if key.startswith(VERDICT_PREFIX):
                judging.take(decode(kept[key], Verdict))
        recovered = cls(
            site=site,
            manager=manager,
            signer=signer,
            custody=custody,
            journal=Journal.recover(NodeId(manager), site, LifeId("-"), "-", signer, dict(kept)),
            handed_in=handed_in,
            judging=judging,
            restored=Restored.recover(kept.get(RESTORED_KEY)),
            claims=Claims.recover(kept.get(CLAIMS_KEY)),
            _heard_all=heard,
        )
        for statement, body in pieces(recovered.journal):
            recovered._look_at(statement.signer, body)
        return recovered

    @classmethod
    def found(cls, roster: Roster, signer: Signer, handed_in: HandedIn) -> ManagerSite:
        """A site that nobody has joined yet, with its first roster. What is to be kept of it waits in `founding()`."""
        site = cls.recover(roster.site, roster.manager, signer, handed_in, {}, [])
        site._founding, site._heard_all = site._author(roster).persist, True
        return site

    @classmethod
    def visit(cls, site: str, manager: ManagerId, signer: Signer, handed_in: HandedIn, told: list[Kept]) -> ManagerSite:
        """A site at which this manager is a guest from now on, by what its home manager told (D25). What is to be kept
        waits in `founding()`. It may have been one before, and not know it: it says nothing before a member was heard
        (J4)."""
        visited = cls.recover(site, manager, signer, handed_in, {}, told)
        persist = (Put(key=stored_key(name), value=encode(kept.sealed)) for name, kept in visited.custody.kept.items())
        visited._founding = tuple(persist)
        return visited

    def founding(self) -> tuple[Persist, ...]:
        """What the founding of this site wants kept; once."""
        founding, self._founding = self._founding, ()
        return founding

    def own_documents(self) -> list[Kept]:
        """All that is this manager's word, in the order in which a node can take it."""
        return own(self.custody)

    @property
    def verdicts(self) -> list[Verdict]:
        """All that were given, in order."""
        return self.judging.given

    @property
    def is_home(self) -> bool:
        """Whether the roster and the site's settings are this manager's word (N4); else it is a guest (D25)."""
        return self.manager == self.roster().manager

    @property
    def may_speak(self) -> bool:
        """J4: whether this manager knows what it last said to the site. It may have been put back to a backup, so after
        each start it says nothing new before a member has told what is there; to a site that nobody was ever heard of
        there is nothing to know."""
        nobody_heard = self.is_home and not (self.journal.chains or self._documents_of_members())
        return self._heard_all or nobody_heard

    def _documents_of_members(self) -> bool:
        return any(kept.author != self.manager for kept in self.custody.kept.values())

    # --- what is held ---------------------------------------------------------------------------------------------

    def roster(self) -> Roster:
        """The newest version; a site that nobody has joined yet has an empty first one."""
        newest = self.held_roster().value
        assert isinstance(newest, Roster)
        return newest

    def held_roster(self) -> Kept:
        """The same, as it was signed."""
        return max((k for n, k in self.custody.kept.items() if n.startswith("roster/")), key=lambda k: k.version)

    def plan(self) -> Plan | None:
        """The site's plan, as far as it was heard; of a site that is split the latest."""
        return next(iter(self.plans()), None)

    def plans(self) -> list[Plan]:
        """The plan of each part (R3)."""
        return plans_in_force(self.custody)

    def versions(self, theirs: Mapping[str, Version] | None = None) -> dict[str, Version]:
        """What is held, under the names by which the site knows it: of the plans that of who holds `theirs`, or the
        latest."""
        plan = self.plan()
        latest = {"plan": (plan.id.term, str(plan.id.leader), plan.id.number)} if plan is not None else {}
        return versions_for(latest if theirs is None else theirs, self.custody)

    def irs(self) -> list[IntermediateRepresentation]:
        """All intents of the site."""
        return [k.value for n, k in sorted(self.custody.kept.items()) if n.startswith("intent/")]

    def values(self, prefix: str) -> list[Any]:
        """The documents whose names begin so."""
        return [k.value for n, k in sorted(self.custody.kept.items()) if n.startswith(prefix)]

    def held(self) -> Held:
        """What the site has of this manager's word now."""
        return Held(
            settings=next(iter(self.values("site")), None),
            catalogue=next(iter(self.values("catalogue")), None),
            irs=tuple(self.irs()),
            found=frozenset(self.restored.found),
        )

    def readings(self) -> list[Reading]:
        """All that the site's journal says for an account, chain by chain."""
        return readings(self.journal, self.values("roster/"))

    # --- the calling convention -----------------------------------------------------------------------------------

    def step(self, given: Input[ManagerEvent]) -> Effects:
        """Take one event."""
        self._wall_ms = given.wall_ms
        match given.event:
            case SiteSaid(node=node, said=said):
                return self._on_said(node, said, given)
            case ItemRefused(sealed=sealed, why=why):
                return self._distrust(sealed, why)
            case Authored(documents=documents):
                assert self.may_speak, "J4: a word to a site of which nothing was heard yet"
                done = NOTHING
                for document in documents:
                    done = done + self._author(document)
                return done

    def check_invariants(self) -> None:
        """J1 for the copies; a plan's section gets a verdict number once. Of two parts one may have been given a number
        that was given to the other before the manager was put back (J4)."""
        self.journal.check_invariants()
        numbers = [(v.number, v.intent, v.plan) for v in self.verdicts]
        assert len(numbers) == len(set(numbers)), "R1: two verdicts of one number"

    def _on_said(self, node: NodeId, said: Verified[Any], given: Input[ManagerEvent]) -> Effects:
        match said.body:
            case Question() as question:
                if said.statement.signer != node or not self._heard.is_news(said.statement):
                    why = "a question that was asked before, or by another than it names"
                    return Effects(note=(Note(what="item.refused", about=node, data={"why": why}),))
                self.heard_wall_ms, self.heard_from = given.wall_ms, node
                return self._answer(node, question, given)
            case Entry() | Fold():
                return self._take_entry(said)
            case _:
                return self._take_document(said)

    def _take_entry(self, said: Verified[Any]) -> Effects:
        chain = chain_name(said.statement.signer, said.statement.life)
        done = msgspec.structs.replace(self.journal.take(said), record=())
        key = piece_key(chain, said.statement.number)
        if not any(isinstance(change, Put) and change.key == key for change in done.persist):
            return done
        self.acknowledging.stored = True
        done = done + self.restored.arrived(self.journal)
        if self._was_taken_out(said.statement.signer):
            first = said.body.first if isinstance(said.body, Fold) else said.statement.number
            done = done + self.claims.take(said.statement, first)
        intent = self._look_at(said.statement.signer, said.body)
        return done + self._settle(intent) if intent is not None else done

    @property
    def distrusted(self) -> dict[str, str]:
        """Chains that do not verify, with the entry and the reason."""
        return self.bad_copies.standing(self.journal.heads)

    def _was_taken_out(self, node: str) -> bool:
        return node in self.roster().former and f"{LEAVE_PREFIX}{node}" not in self.custody.kept

    def _look_at(self, signer: str, entry: Entry | Fold) -> IntentId | None:
        """What an entry is evidence for: a commit, or an intent that was handed in at the site."""
        if isinstance(entry, Fold):
            return None
        if entry.what == "plan.committed":
            self.judging.committed(signer, entry.about)
        return self.handed_in.take(signer, entry)

    def _distrust(self, sealed: Sealed, why: str) -> Effects:
        try:
            statement = decode(sealed.statement, Statement)
        except msgspec.DecodeError:
            return Effects(note=(Note(what="item.refused", data={"why": why}),))
        if statement.kind not in ("entry", "fold"):
            return Effects(note=(Note(what="item.refused", about=statement.signer, data={"why": why}),))
        chain = chain_name(statement.signer, statement.life)
        if statement.number <= self.journal.heads.get(chain, 0):
            return NOTHING  # a bad copy of what is held as it was signed
        self.bad_copies.take(chain, statement.number, why, self.journal.heads)
        return Effects(note=(Note(what="journal.refused", about=chain, data={"entry": statement.number, "why": why}),))

    def _take_document(self, said: Verified[Any]) -> Effects:
        try:
            is_wish = isinstance(said.body, IntermediateRepresentation)  # who was taken out has none (U4)
            document = by_leader(document_of(said, self.roster() if is_wish else with_former(self.roster())))
        except Refused as refused:
            return Effects(note=(Note(what="item.refused", about=said.statement.signer, data={"why": str(refused)}),))
        if not concerns_manager(document.name, self.manager, self.roster().manager):
            return NOTHING  # what is others' is not this manager's to know (D25)
        if not self.custody.newer(document.name, document.version):
            return self.restored.owe(document.value, self.journal) if document.author == self.manager else NOTHING
        if document.author == self.manager:
            return self._take_over(document)
        note = Note(what="site.said", about=document.name, data={"version": list(document.version)})
        done = self.custody.keep(document) + Effects(note=(note,)) + lapse(document.value, self.custody)
        if isinstance(document.value, IntermediateRepresentation):
            done = done + self._settle(document.value.intent)
        return done

    def _part(self, at_ms: int) -> Effects:
        """Let those go who said that they leave, and have told what they hold (I5)."""
        done, heads, members = NOTHING, self.journal.heads, self.roster().members
        leaving = [leave.node for leave in self.values(LEAVE_PREFIX)] if self.may_speak and self.is_home else []
        for one in leaving:
            if one in members and self.parting.may_go(one, heads_told(self._dealings.get(one)), heads, at_ms):
                done = done + self._author(self.roster_without(one))
        return done

    def _take_over(self, document: Kept) -> Effects:
        """J4: my own word, of which I do not know."""
        done = self.custody.keep(document) + self.restored.take(document, self.journal)
        done = done + lapse(document.value, self.custody)
        self.acknowledging.stored |= isinstance(document.value, Acknowledgement)
        if isinstance(document.value, Verdict):
            self.judging.take(document.value)
            done = done + Effects(persist=(_kept_verdict(document.value),))
        return done

    def _settle(self, *intents: IntentId, theirs: Stock | None = None) -> Effects:
        """Say what becomes of intents that were handed in at the site, once IR and evidence are both here; of those
        whose node was taken out, once all of the evidence is here that who asks has."""
        done = NOTHING
        if self.may_speak and self.is_home:
            for one in self.handed_in.settle(intents, self.custody, self.journal, self.roster(), theirs):
                done = done + self._author(one.ours) + Effects(note=(one.note,))
        return done

    # --- my own word ----------------------------------------------------------------------------------------------

    def _author(self, value: Any) -> Effects:
        """Sign a document of mine and keep it."""
        if isinstance(value, Roster):
            value = msgspec.structs.replace(value, wall_ms=self._wall_ms)
        counted = (getattr(value, name, None) for name in ("version", "generation", "number"))
        number = next((n for n in counted if isinstance(n, int) and n), 0)
        statement = Statement(
            kind=kind_of(value), site=self.site, signer=self.manager, life="-", number=number, body=encode(value)
        )
        said = Verified(statement=statement, body=value, sealed=seal(self.signer, statement))
        known = value if isinstance(value, Roster) else self.roster()
        document = document_of(said, known)
        if not self.custody.newer(document.name, document.version):
            return NOTHING
        note = Note(what="manager.says", about=document.name, data={"version": list(document.version)})
        done = self.custody.keep(document) + self.restored.settle(document.name) + Effects(note=(note,))
        done = done + lapse(value, self.custody)
        return done + self._of_grants(value) if isinstance(value, SiteDocument) else done

    def _of_grants(self, site: SiteDocument) -> Effects:
        """What of a site's settings grants go by counts with a version of the roster (X3, X5; 0026)."""
        now, changes = self.roster(), {"tie_breaker": site.tie_breaker, "run_once_lease_ms": site.run_once_lease_ms}
        if all(getattr(now, name) == value for name, value in changes.items()):
            return NOTHING
        return self._author(self.next_roster(**changes))

    def next_roster(self, **changes: Any) -> Roster:
        """The successor of the roster in force, naming it (N4)."""
        now, signed = self.roster(), self.held_roster().sealed
        following = msgspec.structs.replace(now, version=now.version + 1, predecessor=body_digest(signed), **changes)
        gone = {name: entry for name, entry in now.members.items() if name not in following.members}
        return with_rights_since(now, msgspec.structs.replace(following, former={**now.former, **gone}))

    def roster_without(self, node: str) -> Roster:
        """The next roster, a node less."""
        return self.next_roster(members={n: entry for n, entry in self.roster().members.items() if n != node})

    def _judge(self, theirs: Mapping[str, Version], given: Input[ManagerEvent]) -> Effects:
        """Give a word on every section of mine in a part's plan that needs one (R1, R3)."""
        plan = plan_of(theirs, self.custody)
        if plan is None or not self.may_speak:
            return NOTHING
        known = {ir.intent: ir for ir in self.irs()}
        members = {NodeId(n) for n in self.roster().members}
        done = NOTHING
        lost = self.journal.lost()
        for verdict in self.judging.due(plan, known, members, self.distrusted, lost, given.wall_ms):
            done = done + self._say(verdict)
        return done

    def _say(self, verdict: Verdict) -> Effects:
        data = {"word": verdict.word, "plan": str(verdict.plan), "reason": verdict.reason}
        note = Note(what="verdict", about=verdict.intent, data={**data, "temporary": verdict.temporary})
        return self._author(verdict) + Effects(persist=(_kept_verdict(verdict),), note=(note,))

    # --- the exchange ---------------------------------------------------------------------------------------------

    def _answer(self, node: NodeId, question: Question, given: Input[ManagerEvent]) -> Effects:
        """What I hold, and what of my word the site lacks; in the next answer what did not fit."""
        try:
            asked = decode(question.carried, Exchange)
        except msgspec.DecodeError as error:
            why = f"a malformed question: {error}"
            return Effects(note=(Note(what="item.refused", about=node, data={"why": why}),))
        dealings = self._dealings.setdefault(node, Dealings())
        dealings.hear(asked)
        done = self._part(given.at_ms)
        if node not in self.roster().members:
            return done + self._answered(node, question, self._carried_to_former(dealings, asked))
        theirs = dealings.theirs.versions if dealings.theirs is not None else {}
        if dealings.theirs is not None:
            plan = plan_of(theirs, self.custody)
            id_ = plan.id if plan is not None else None
            self.judging.hear(id_, dealings.theirs.heads, self.journal.heads, given.at_ms)
        done = done + self._hear_all(dealings) + self.restored.lose(asked.lost, self.journal)
        done = done + self._settle(theirs=dealings.theirs) + self.restored.arrived(self.journal)
        done = done + self._judge(theirs, given) + self._acknowledge(given.at_ms)
        return done + self._answered(node, question, self._carried(dealings, asked, given.at_ms))

    def _answered(self, node: NodeId, question: Question, carried: bytes) -> Effects:
        answer = Answer(number=question.number, carried=carried)
        return Effects(instruct=(Instruct(site=self.site, node=node, message=answer),))

    def _carried_to_former(self, dealings: Dealings, asked: Exchange) -> bytes:
        """Who was taken out hears of it, by the rosters that it lacks, and of nothing else."""
        rosters = [kept for name, kept in sorted(self.custody.kept.items()) if name.startswith("roster/")]
        mine = Stock(versions={kept.name: kept.version for kept in rosters})
        items: tuple[Sealed, ...] = ()
        if dealings.theirs is not None:
            items = tuple(kept.sealed for kept in rosters if kept.name not in dealings.theirs.versions)[:CARRY_MAX]
        return b"" if not items and dealings.agrees(asked, mine) else encode(dealings.tell(mine, items))

    def _carried(self, dealings: Dealings, asked: Exchange, at_ms: int) -> bytes:
        theirs = dealings.theirs.versions if dealings.theirs is not None else {}
        mine = Stock(versions=versions_for(theirs, self.custody), heads=self.journal.heads)
        items: tuple[Sealed, ...] = ()
        if dealings.theirs is not None:
            without = "intent/" if self._is_behind(theirs, at_ms) else None
            items = tuple(lacking(self.custody, theirs, without))
        if not items and not self.restored.behind(self.journal) and dealings.agrees(asked, mine):
            return b""
        return encode(msgspec.structs.replace(dealings.tell(mine, items), lacks=self.restored.lacks(self.journal)))

    def _hear_all(self, dealings: Dealings) -> Effects:
        """Whether what this member has of my word is here by now; then say what had to wait for that (J4)."""
        theirs = dealings.theirs
        if self._heard_all or theirs is None or not knows_all(self.custody, theirs.versions):
            return NOTHING
        self._heard_all = True
        return Effects(note=(Note(what="site.heard"),)) + self._settle(*(ir.intent for ir in self.irs()))

    def _acknowledge(self, at_ms: int) -> Effects:
        last = self.custody.kept.get("acknowledged")
        held = {name for d in self._dealings.values() if d.theirs is not None for name in d.theirs.heads}
        known = last.value if last is not None else None
        speaks = self.may_speak and self.is_home
        word = self.acknowledging.word(known, self.journal, self.restored.owing, held, at_ms) if speaks else None
        return self._author(word) if word is not None else NOTHING

    def _is_behind(self, theirs: Mapping[str, Version], at_ms: int) -> bool:
        """Whether the site decided something that is still to be judged: new generations wait for that, for a short
        while, so that every temporary plan gets a word before it is replaced (D18)."""
        plan = plan_of(theirs, self.custody)
        if (
            plan is not None and not self.judging.evidence_missing(plan, self.distrusted, self.journal.lost())
        ) or "plan" not in theirs:
            self._behind_since_ms = None
            return False
        if self._behind_since_ms is None:
            self._behind_since_ms = at_ms
        return at_ms - self._behind_since_ms < BEHIND_FOR_MS


def _kept_verdict(verdict: Verdict) -> Put:
    return Put(key=f"{VERDICT_PREFIX}{verdict.number:08d}/{verdict.plan}/{verdict.intent}", value=encode(verdict))
