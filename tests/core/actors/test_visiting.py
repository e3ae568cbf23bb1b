"""D25: a manager that is a guest at a site: what it says, judges and keeps there, and what it leaves to others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.adapters.keys.ed25519 import NaclVerifier, NodeSigner
from skerry.core.actors.handed_in import HandedIn
from skerry.core.actors.hearing import opened_events
from skerry.core.actors.manager import Authored, ManagerSite, SiteSaid
from skerry.core.conversation import Exchange, Leave, Refused, kind_of, open_sealed, stored_documents
from skerry.core.group.custody.model import Version
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import Effects, Put
from skerry.core.kernel.ids import IntentId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.intent.holds import Hold
from skerry.core.stages.ir.model import Guest, Roster, RosterEntry, SiteDocument
from skerry.core.stages.negotiation.model import Section
from tests.core.things import ANYBODY, HQ, SHOP, A, B, assigned, element, ir, plan

BRANCH = ManagerId("branch")
NOTES = IntentId("branch/notes")
KEYS = {name: NodeSigner(bytes([n]) * 32) for n, name in enumerate((HQ, BRANCH, A, B), 1)}
SETTINGS = SiteDocument(name="shop", generation=1, governance=ANYBODY)
THEIRS = ir(element(), intent=NOTES)


def handed_in() -> HandedIn:
    def translated(text: str) -> Any:
        raise AssertionError("what is handed in at a site is the home manager's")

    return HandedIn(site="shop", verifier=NaclVerifier(), translate=translated)


class Visit:
    """Home, with a site of two members and a guest; and that guest, which was told of it and has heard nobody yet."""

    def __init__(self) -> None:
        first = Roster(site="shop", version=1, predecessor="", manager=HQ, manager_key=KEYS[HQ].public_key, members={})
        self.home = ManagerSite.found(first, KEYS[HQ], handed_in())
        self._number = 0
        members = {n: RosterEntry(node=n, public_key=KEYS[n].public_key) for n in (A, B)}
        guest = Guest(name=BRANCH, public_key=KEYS[BRANCH].public_key)
        self.step(self.home, Authored(documents=(self.home.next_roster(members=members, guests=(guest,)), SETTINGS)))
        told = [kept for kept in self.home.own_documents() if kept.name.startswith(("roster/", "site"))]
        self.guest = ManagerSite.visit("shop", BRANCH, KEYS[BRANCH], handed_in(), told)
        self.kept = {change.key: change.value for change in self.guest.founding() if isinstance(change, Put)}

    def step(self, manager: ManagerSite, event: Any) -> Effects:
        self._number += 1
        done = manager.step(Input(id="i", at_ms=self._number, wall_ms=self._number, draw=0, event=event))
        manager.check_invariants()
        if manager is not self.home:
            self.kept.update({change.key: change.value for change in done.persist if isinstance(change, Put)})
        return done

    def said(self, signer: str, body: Any) -> Verified[Any]:
        self._number += 1
        statement = Statement(
            kind=kind_of(body), site="shop", signer=signer, life="1", number=self._number, body=encode(body)
        )
        return Verified(statement=statement, body=body, sealed=seal(KEYS[signer], statement))

    def hears(self, body: Any, signer: str = A) -> Effects:
        return self.step(self.guest, SiteSaid(node=NodeId(A), said=self.said(signer, body)))

    def asked(self, **versions: Version) -> list[Any]:
        """What the guest's answer brings to a member that holds these and all rosters."""
        held = {k: v for k, v in self.home.versions().items() if k.startswith(("roster/", "site"))}
        carried = Exchange(versions={**held, **{n.replace("_", "/", 1): v for n, v in versions.items()}})
        (told,) = self.hears(Question(number=self._number, carried=encode(carried))).instruct
        assert isinstance(told.message, Answer)
        if not told.message.carried:
            return []
        key = KEYS[BRANCH].public_key
        items = decode(told.message.carried, Exchange).items
        return [open_sealed(one, "shop", lambda signer: key, NaclVerifier()).body for one in items]


@pytest.fixture
def visit() -> Visit:
    return Visit()


def both(**fields: Any) -> Any:
    """A plan with a section of the home manager and one of the guest."""
    made = plan(assigned(A), **fields)
    theirs = assigned(B, intent=NOTES)
    section = Section(intent=NOTES, generation=1, connected={theirs.instance: theirs})
    return msgspec.structs.replace(made, sections={**made.sections, NOTES: section})


def test_j4_a_guest_says_nothing_before_it_has_heard_a_member_since_it_may_have_been_here_before(visit: Visit) -> None:
    assert not visit.guest.may_speak and not visit.guest.is_home
    assert visit.asked() == []
    assert visit.guest.may_speak


def test_d25_its_intents_go_to_the_site_and_nothing_else_is_its_word(visit: Visit) -> None:
    visit.asked()
    visit.step(visit.guest, Authored(documents=(THEIRS,)))
    assert visit.asked() == [THEIRS]


def test_d25_it_ratifies_its_own_sections_and_leaves_the_others(visit: Visit) -> None:
    visit.asked()
    visit.step(visit.guest, Authored(documents=(THEIRS,)))
    made = both()
    visit.hears(made)
    visit.asked(plan=(made.id.term, str(made.id.leader), made.id.number))
    assert [(v.intent, v.word) for v in visit.guest.verdicts] == [(NOTES, "final")]


def test_d25_the_home_manager_ratifies_its_own_sections_and_leaves_a_guests(visit: Visit) -> None:
    made = both()
    visit.step(visit.home, Authored(documents=(ir(element()),)))
    visit.step(visit.home, SiteSaid(node=NodeId(A), said=visit.said(A, made)))
    carried = encode(Exchange(versions={"plan": (made.id.term, str(made.id.leader), made.id.number)}))
    visit.step(visit.home, SiteSaid(node=NodeId(A), said=visit.said(A, Question(number=1, carried=carried))))
    assert [v.intent for v in visit.home.verdicts] == [SHOP]


def test_d25_what_was_decided_without_the_home_manager_alone_is_not_temporary_for_the_guest(visit: Visit) -> None:
    visit.asked()
    visit.step(visit.guest, Authored(documents=(THEIRS,)))
    made = msgspec.structs.replace(both(), isolated_from=(HQ,))
    visit.hears(made)
    visit.asked(plan=(made.id.term, str(made.id.leader), made.id.number))
    assert [v.temporary for v in visit.guest.verdicts] == [False]


@pytest.mark.parametrize("what", ["home's intent", "a forged intent", "a forged roster", "a goodbye"])
def test_d25_what_is_not_its_business_changes_nothing(visit: Visit, what: str) -> None:
    visit.asked()
    before = dict(visit.kept)
    forged = msgspec.structs.replace(visit.guest.roster(), version=3)
    said = {
        "home's intent": (HQ, ir(element())),
        "a forged intent": (A, THEIRS),
        "a forged roster": (A, forged),
        "a goodbye": (A, Leave(node=NodeId(A))),
    }
    signer, body = said[what]
    visit.hears(body, signer)
    assert visit.kept == before


def test_d25_it_learns_of_who_joined_after_it_was_invited_from_that_very_node(visit: Visit) -> None:
    late = NodeSigner(b"l" * 32)
    members = {**visit.home.roster().members, "late": RosterEntry(node="late", public_key=late.public_key)}
    visit.step(visit.home, Authored(documents=(visit.home.next_roster(members=members),)))

    def asks(*items: Sealed) -> list[Any]:
        carried = encode(Exchange(items=items))
        question = Statement(
            kind="question",
            site="shop",
            signer="late",
            life="1",
            number=1,
            body=encode(Question(number=1, carried=carried)),
        )
        payload = encode(seal(late, question))
        return opened_events(NodeId("late"), payload, "shop", visit.guest.roster(), NaclVerifier())

    with pytest.raises(Refused, match="not in the roster"):
        asks()
    forged = seal(late, decode(visit.home.held_roster().sealed.statement, Statement))
    with pytest.raises(Refused, match="not in the roster"):
        asks(forged)
    for event in asks(visit.home.held_roster().sealed):
        visit.step(visit.guest, event)
    assert visit.guest.roster() == visit.home.roster() and visit.guest.heard_from == "late"


def test_d25_it_is_what_it_was_after_a_start_from_its_store(visit: Visit) -> None:
    visit.asked()
    visit.step(visit.guest, Authored(documents=(THEIRS,)))
    opened = stored_documents(visit.kept, "shop", NaclVerifier())
    visit.guest = ManagerSite.recover("shop", BRANCH, KEYS[BRANCH], handed_in(), visit.kept, opened)
    assert visit.guest.irs() == [THEIRS] and not visit.guest.is_home and not visit.guest.may_speak
    assert visit.asked() == [THEIRS]


@pytest.mark.parametrize(("subject", "takes"), [(NOTES, True), (SHOP, False)])
def test_d25_its_pause_of_what_it_owns_goes_to_the_site_as_its_own_word(
    visit: Visit, subject: str, takes: bool
) -> None:
    visit.asked()
    visit.step(visit.guest, Authored(documents=(THEIRS,)))
    pause = Hold(what="pause", subject=subject, place=BRANCH, number=1)
    if takes:
        visit.step(visit.guest, Authored(documents=(pause,)))
        assert pause in visit.asked()
    else:
        with pytest.raises(Refused, match="may not say"):
            visit.step(visit.guest, Authored(documents=(pause,)))


def test_d25_what_it_held_ends_when_it_is_dismissed_at_home_and_at_itself(visit: Visit) -> None:
    visit.asked()
    visit.step(visit.guest, Authored(documents=(THEIRS,)))
    pause = Hold(what="pause", subject=NOTES, place=BRANCH, number=1)
    visit.step(visit.guest, Authored(documents=(pause,)))
    held = visit.guest.custody.kept[pause.document]
    word = open_sealed(held.sealed, "shop", lambda _: KEYS[BRANCH].public_key, NaclVerifier())
    visit.step(visit.home, SiteSaid(node=A, said=word))
    assert pause.document in visit.home.custody.kept

    (guest,) = visit.home.roster().guests
    dismissed = msgspec.structs.replace(guest, dismissed=True)
    visit.step(visit.home, Authored(documents=(visit.home.next_roster(guests=(dismissed,)),)))
    said = visit.home.held_roster()
    roster = open_sealed(said.sealed, "shop", lambda _: KEYS[HQ].public_key, NaclVerifier())
    visit.step(visit.guest, SiteSaid(node=A, said=roster))
    assert pause.document not in {**visit.home.custody.kept, **visit.guest.custody.kept}
    opened = stored_documents(visit.kept, "shop", NaclVerifier())
    assert pause not in [kept.value for kept in opened]


def test_d25_it_does_not_wait_for_evidence_that_nobody_has_any_more(visit: Visit) -> None:
    visit.asked()
    visit.step(visit.guest, Authored(documents=(THEIRS,)))
    made = msgspec.structs.replace(both(), isolated_from=(BRANCH,))
    held = {"plan": (made.id.term, str(made.id.leader), made.id.number)}
    visit.hears(made)
    visit.asked(**held)
    assert visit.guest.verdicts == [], "the entry that committed it is still to come"
    visit.guest.journal.lose(f"{made.id.leader}/1", 7)
    visit.asked(**held)
    assert [(v.word, v.temporary) for v in visit.guest.verdicts] == [("final", True)]
