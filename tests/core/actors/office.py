"""A manager's end of one site, with everything that was kept of it."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.adapters.keys.ed25519 import NaclVerifier, NodeSigner
from skerry.core.actors.handed_in import HandedIn
from skerry.core.actors.manager import Authored, ManagerEvent, ManagerSite, SiteSaid
from skerry.core.conversation import Exchange, kind_of, stored_documents
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry, Fold
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import Effects, Put, Record
from skerry.core.kernel.ids import IntentId, LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.history.folding import fold
from skerry.core.stages.ir.model import IntermediateRepresentation, Operator, Roster, RosterEntry
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict
from tests.core.things import HQ, A, B, C, element, ir, reopened

SITE = "shop"
KEYS = {name: NodeSigner(bytes([n]) * 32) for n, name in enumerate((HQ, A, B, C, "ann", "bob"), 1)}
NOTES = IntentId("hq/notes")


def translated(text: str) -> IntermediateRepresentation:
    """A catalogue that knows one functionality: `notes`."""
    if text != "notes":
        raise ValueError(f"there is no functionality {text!r}")
    return ir(element(), intent=NOTES)


class Site:
    """A site with three members, an operator who may apply, one who may not, and everything that was kept of it."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        roster = Roster(
            site=SITE,
            version=1,
            predecessor="",
            manager=HQ,
            manager_key=KEYS[HQ].public_key,
            members={n: RosterEntry(node=n, public_key=KEYS[n].public_key) for n in (A, B, C)},
            operators={
                "ann": Operator(name="ann", public_key=KEYS["ann"].public_key, may=("apply",)),
                "bob": Operator(name="bob", public_key=KEYS["bob"].public_key),
            },
        )
        self.manager = ManagerSite.found(roster, KEYS[HQ], self._handed_in())
        self._keep(Effects(persist=self.manager.founding()))
        self.journals = {n: Journal(me=n, site=SITE, life=LifeId("1"), boot="", signer=KEYS[n]) for n in (A, B, C)}
        self.at_ms = 0
        self.plans: dict[str, tuple[int | str, ...]] = {}
        """The plan that each member told of last, and holds."""
        self._numbers: dict[str, int] = {}

    @staticmethod
    def _handed_in() -> HandedIn:
        return HandedIn(site=SITE, verifier=NaclVerifier(), translate=translated)

    def _keep(self, effects: Effects) -> None:
        for change in effects.persist:
            assert isinstance(change, Put)
            self.kept[change.key] = change.value

    def step(self, event: ManagerEvent) -> Effects:
        self.at_ms += 1
        given = Input(id=f"i{self.at_ms}", at_ms=self.at_ms, wall_ms=self.at_ms, draw=0, event=event)
        done = self.manager.step(given)
        self.manager.check_invariants()
        self._keep(done)
        return done

    def restart(self) -> None:
        """The manager starts again from what was kept."""
        opened = stored_documents(self.kept, SITE, NaclVerifier())
        self.manager = ManagerSite.recover(SITE, HQ, KEYS[HQ], self._handed_in(), self.kept, opened)

    def said(self, signer: str, body: Any, number: int | None = None) -> Verified[Any]:
        self._numbers[signer] = number if number is not None else self._numbers.get(signer, 0) + 1
        statement = Statement(
            kind=kind_of(body), site=SITE, signer=signer, life="1", number=self._numbers[signer], body=encode(body)
        )
        return Verified(statement=statement, body=body, sealed=seal(KEYS[signer], statement))

    def hears(self, node: NodeId, body: Any, number: int | None = None) -> Effects:
        if isinstance(body, Plan):
            self.plans[node] = (body.id.term, str(body.id.leader), body.id.number)
        return self.step(SiteSaid(node=node, said=self.said(node, body, number)))

    def entry(self, node: NodeId, what: str, about: str = "", *, kind: str = "decision", **data: Any) -> Sealed:
        """The next entry of a node's journal."""
        journal = self.journals[node]
        at: Input[object] = Input(id="", at_ms=0, wall_ms=0, draw=0, event=None)
        journal.record(Record(kind=kind, what=what, about=about, data=data), at)
        return journal.entries(journal.own_chain, 0)[-1]

    def sum_of_readings(self, node: NodeId) -> Sealed:
        """What stands from now on for the last entries of a node's journal (J2)."""
        journal = self.journals[node]
        found = journal.trailing(journal.own_chain)
        return journal.fold([piece for piece, _ in found], *fold(body for _, body in found))[1]

    def reads(self, node: NodeId, sealed: Sealed) -> Effects:
        kind = Fold if decode(sealed.statement, Statement).kind == "fold" else Entry
        return self.step(SiteSaid(node=node, said=reopened(sealed, kind)))

    def asks(self, node: NodeId = A, **versions: tuple[int, ...]) -> Exchange:
        """What the answer to a question carries."""
        held = {"plan": self.plans[node]} if node in self.plans else {}
        carried = Exchange(versions={**held, **{n.replace("_", "/"): v for n, v in versions.items()}}, heads={})
        done = self.hears(node, Question(number=1, carried=encode(carried)))
        (instruct,) = done.instruct
        assert isinstance(instruct.message, Answer)
        return decode(instruct.message.carried, Exchange)

    def wants(self, *irs: IntermediateRepresentation) -> None:
        self.step(Authored(documents=irs))

    def held(self, intent: IntentId) -> IntermediateRepresentation:
        return next(ir for ir in self.manager.irs() if ir.intent == intent)

    def word(self) -> Verdict:
        return self.manager.verdicts[-1]


def temporary(made: Plan) -> Plan:
    return msgspec.structs.replace(made, isolated_from=(HQ,))
