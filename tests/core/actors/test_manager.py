"""A manager and one site: it keeps before it acknowledges, judges once, takes over what operators wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from skerry.adapters.keys.ed25519 import NaclVerifier, NodeSigner
from skerry.api.sites import notices
from skerry.core.actors.bad_copies import CHAINS_MAX
from skerry.core.actors.dealings import Dealings, Stock
from skerry.core.actors.handed_in import HandedIn
from skerry.core.actors.hearing import opened_events
from skerry.core.actors.judging import EVIDENCE_WITHIN_MS
from skerry.core.actors.manager import Authored, ItemRefused, ManagerEvent, ManagerSite, SiteSaid
from skerry.core.conversation import Exchange, Leave, Refused, kind_of, stored_documents
from skerry.core.group.custody.model import Later
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry, Fold
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import Effects, Put, Record
from skerry.core.kernel.ids import IntentId, LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified, seal
from skerry.core.kernel.values import WHOLE_MAX, decode, encode
from skerry.core.stages.history.folding import fold
from skerry.core.stages.intent.events import LocalIntent
from skerry.core.stages.ir.model import IntermediateRepresentation, Operator, Roster, RosterEntry, SiteDocument
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict
from tests.core.things import ANYBODY, HQ, A, B, C, assigned, element, ir, plan, reopened

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


@pytest.fixture
def site() -> Site:
    made = Site()
    made.wants(ir(element()))
    return made


def temporary(made: Plan) -> Plan:
    return msgspec.structs.replace(made, isolated_from=(HQ,))


# --- what the site says -----------------------------------------------------------------------------------------------


def test_what_the_site_says_is_kept_before_it_is_acknowledged(site: Site) -> None:
    sealed = site.entry(A, "something")
    done = site.reads(A, sealed)
    assert [change.key for change in done.persist] == ["journal/a/1/00000001"] and not done.instruct
    assert site.asks().heads == {"a/1": 1}
    site.restart()
    assert site.asks().heads == {"a/1": 1}


def test_an_answer_holds_rosters_first_and_nothing_of_what_others_authored(site: Site) -> None:
    site.hears(A, plan(assigned(A)))
    kinds = [decode(item.statement, Statement).kind for item in site.asks().items]
    assert kinds[0] == "roster" and "plan" not in kinds and kinds[-1] == "verdict"


def test_a_question_counts_once_and_only_from_the_node_that_it_names(site: Site) -> None:
    question = Question(number=1, carried=encode(Exchange(versions={}, heads={})))
    assert site.hears(A, question, 5).instruct
    assert not site.hears(A, question, 5).instruct
    assert not site.step(SiteSaid(node=B, said=site.said(A, question, 6))).instruct


def test_a_document_of_somebody_who_may_not_say_it_changes_nothing(site: Site) -> None:
    before = dict(site.kept)
    site.hears(B, plan(assigned(A), leader=A))
    site.hears(B, ir(element(), generation=9))
    assert site.kept == before and site.manager.plan() is None


# --- the word on a plan -----------------------------------------------------------------------------------------------


def test_every_plan_gets_one_word_and_a_restart_does_not_give_it_again(site: Site) -> None:
    made = plan(assigned(A))
    site.hears(A, made)
    site.asks()
    site.asks()
    assert (site.word().word, site.word().plan, len(site.manager.verdicts)) == ("final", made.id, 1)
    site.restart()
    site.asks()
    assert len(site.manager.verdicts) == 1
    site.hears(A, plan(assigned(B), number=2))
    site.asks()
    assert [v.number for v in site.manager.verdicts] == [1, 2]


def test_a_temporary_plan_waits_for_the_entry_that_committed_it(site: Site) -> None:
    made = temporary(plan(assigned(A)))
    site.hears(A, made)
    site.asks()
    assert site.manager.verdicts == []
    site.reads(A, site.entry(A, "plan.committed", about=str(made.id)))
    site.asks()
    assert (site.word().word, site.word().temporary) == ("final", True)


def test_the_entry_of_another_than_the_leader_commits_nothing(site: Site) -> None:
    made = temporary(plan(assigned(A)))
    site.hears(A, made)
    site.reads(B, site.entry(B, "plan.committed", about=str(made.id)))
    site.asks()
    assert site.manager.verdicts == []


def test_j3_evidence_that_nobody_at_the_site_has_any_more_is_not_waited_for_for_ever(site: Site) -> None:
    """It may be in a chain of which nothing is left there, and that nobody names."""
    site.hears(A, temporary(plan(assigned(A))))
    site.asks()
    site.at_ms += EVIDENCE_WITHIN_MS - 2
    site.asks()
    assert site.manager.verdicts == []
    site.asks()
    assert (site.word().word, site.word().temporary) == ("final", True)


def test_j3_the_evidence_of_each_plan_is_waited_for_anew(site: Site) -> None:
    """The plan may be here before its members have copied what its leader wrote."""
    site.hears(A, temporary(plan(assigned(A))))
    site.asks()
    site.at_ms += EVIDENCE_WITHIN_MS
    site.asks()
    assert len(site.manager.verdicts) == 1
    site.hears(A, temporary(plan(assigned(B), number=2)))
    site.asks()
    assert len(site.manager.verdicts) == 1


def test_new_generations_wait_while_a_temporary_plan_has_no_word_yet(site: Site) -> None:
    site.wants(ir(element(), generation=2))
    site.hears(A, temporary(plan(assigned(A))))
    kinds = [decode(i.statement, Statement).kind for i in site.asks(intent_hq_shop=(1,), roster_000001=(1,)).items]
    assert "ir" not in kinds


def test_an_entry_that_was_changed_has_temporary_plans_refused_until_a_good_copy_comes(site: Site) -> None:
    made = temporary(plan(assigned(A)))
    good = site.entry(A, "plan.committed", about=str(made.id))
    bad = Sealed(statement=good.statement.replace(b"plan.committed", b"plan.Committed"), signature=good.signature)
    site.step(ItemRefused(node=A, sealed=bad, why="the signature is not a's"))
    site.hears(A, made)
    site.asks()
    assert site.word().word == "refused" and "a/1: entry 1" in site.word().reason
    site.reads(B, good)
    site.asks()
    assert site.word().word == "final" and not site.manager.distrusted


def test_j2_a_bad_copy_of_an_entry_that_a_sum_stands_for_casts_no_doubt_any_more(site: Site) -> None:
    """The entry itself will never come."""
    made = temporary(plan(assigned(A)))
    commit = site.entry(A, "plan.committed", about=str(made.id))
    readings = [site.entry(A, "instance.seconds", kind="reading", about=f"store#{n}") for n in (1, 2)]
    bad = Sealed(statement=readings[0].statement, signature=commit.signature)
    site.reads(A, commit)
    site.step(ItemRefused(node=A, sealed=bad, why="the signature is not a's"))
    site.hears(A, made)
    site.asks()
    assert site.word().word == "refused" and "a/1: entry 2" in site.word().reason
    site.reads(A, site.sum_of_readings(A))
    site.asks()
    assert site.word().word == "final" and not site.manager.distrusted


def test_bad_copies_of_however_many_chains_are_remembered_by_the_last(site: Site) -> None:
    for number in range(CHAINS_MAX + 1):
        forged = site.said(A, Entry(predecessor="", kind="decision", what="x"), number).sealed
        statement = msgspec.structs.replace(decode(forged.statement, Statement), life=f"{number}", number=1)
        site.step(ItemRefused(node=A, sealed=Sealed(statement=encode(statement), signature=b""), why="forged"))
    assert len(site.manager.distrusted) == CHAINS_MAX
    assert "a/0" not in site.manager.distrusted and f"a/{CHAINS_MAX}" in site.manager.distrusted


def test_a_bad_copy_of_what_is_held_as_it_was_signed_casts_no_doubt(site: Site) -> None:
    good = site.entry(A, "something")
    site.reads(A, good)
    site.step(ItemRefused(node=B, sealed=Sealed(statement=good.statement, signature=b""), why="forged"))
    assert not site.manager.distrusted


# --- what stands in a member's message --------------------------------------------------------------------------------


def asked(site: Site, node: NodeId, *items: Sealed) -> bytes:
    """A question that hands these on."""
    return encode(site.said(node, Question(number=1, carried=encode(Exchange(items=items)))).sealed)


def opened_at(site: Site, payload: bytes) -> list[ManagerEvent]:
    return opened_events(A, payload, SITE, site.manager.roster(), NaclVerifier())


def test_what_a_question_carries_comes_before_it_each_piece_for_itself(site: Site) -> None:
    good, other = site.entry(A, "something"), site.entry(B, "something else")
    bad = Sealed(statement=other.statement, signature=good.signature)
    entry, refused, question = opened_at(site, asked(site, A, good, bad))
    assert isinstance(entry, SiteSaid) and entry.said.sealed == good
    assert isinstance(refused, ItemRefused) and refused.sealed == bad and "not b's" in refused.why
    assert isinstance(question, SiteSaid) and isinstance(question.said.body, Question)


def test_a_message_of_a_stranger_is_refused_with_all_that_it_carries(site: Site) -> None:
    statement = Statement(kind="question", site=SITE, signer="eve", life="1", number=1, body=b"")
    with pytest.raises(Refused, match="eve"):
        opened_at(site, encode(seal(KEYS[A], statement)))


def test_a_question_whose_load_is_no_exchange_cannot_be_opened(site: Site) -> None:
    with pytest.raises(msgspec.DecodeError):
        opened_at(site, encode(site.said(A, Question(number=1, carried=b"\xc1")).sealed))


def test_an_account_is_made_of_what_the_journal_says_of_use_and_of_nothing_else(site: Site) -> None:
    site.reads(A, site.entry(A, "plan.committed", about="1.a.1"))
    site.reads(A, site.entry(A, "role.active", about="hq/shop/store#1"))
    (reading,) = site.manager.readings()
    assert (reading.what, reading.node, reading.number) == ("role.active", A, 2)


# --- intents of local operators ---------------------------------------------------------------------------------------


def evidence(site: Site, node: NodeId, operator: str, text: str = "notes", generation: int = 1) -> Sealed:
    word = site.said(operator, LocalIntent(manifests=text)).sealed
    return handed(site, node, word, generation)


def handed(site: Site, node: NodeId, word: Sealed, generation: int) -> Sealed:
    more: dict[str, Any] = {"generation": generation, "statement": word.statement, "signature": word.signature}
    return site.entry(node, "intent.local", about=NOTES, **more)


LOCAL = ir(element("anything"), intent=NOTES, local=True)


@pytest.mark.parametrize("evidence_first", [True, False])
def test_an_operators_intent_becomes_the_managers_own_whichever_comes_first(site: Site, evidence_first: bool) -> None:
    sealed = evidence(site, A, "ann")
    deeds: list[Callable[[], Effects]] = [lambda: site.reads(A, sealed), lambda: site.hears(A, LOCAL)]
    for deed in deeds if evidence_first else reversed(deeds):
        deed()
    ours = site.held(NOTES)
    assert (ours.generation, ours.local, ours.withdrawn) == (2, False, False)
    assert set(ours.sets["connected"].elements) == {"store"}, "the operator's word counts, not the member's IR"
    assert site.manager.handed_in.taken() == ("notes",)


def test_without_the_operators_word_a_members_ir_waits(site: Site) -> None:
    site.hears(A, LOCAL)
    assert site.held(NOTES).local


@pytest.mark.parametrize(("operator", "text"), [("bob", "notes"), ("b", "notes"), ("ann", "nonsense")])
def test_an_intent_of_one_who_may_not_or_that_cannot_be_is_withdrawn(site: Site, operator: str, text: str) -> None:
    site.hears(A, LOCAL)
    site.reads(A, evidence(site, A, operator, text))
    ours = site.held(NOTES)
    assert (ours.generation, ours.withdrawn, ours.local) == (2, True, False)
    assert site.manager.handed_in.taken() == ()


@pytest.mark.parametrize("first", ["the word", "the IR"])
@pytest.mark.parametrize("gone", [False, True], ids=["wanted", "withdrawn"])
def test_u4_a_later_wish_of_the_site_is_taken_over_whichever_of_word_and_ir_comes_first(
    site: Site, first: str, gone: bool
) -> None:
    site.wants(ir(element("other"), intent=NOTES, generation=2, withdrawn=gone))
    wish = msgspec.structs.replace(LOCAL, generation=3)
    said = [lambda: site.reads(A, evidence(site, A, "ann", generation=3)), lambda: site.hears(A, wish)]
    for say in said if first == "the word" else reversed(said):
        say()
    (settled,) = (one for one in site.manager.irs() if one.intent == NOTES)
    assert (settled.generation, settled.local, settled.withdrawn) == (4, False, False)
    assert site.manager.handed_in.taken() == ("notes",)


@pytest.mark.parametrize(("operator", "text"), [("bob", "notes"), ("ann", "nonsense")])
def test_u4_a_word_that_counts_for_nothing_leaves_head_offices_own_as_it_is(
    site: Site, operator: str, text: str
) -> None:
    site.wants(ir(element(), intent=NOTES, generation=2))
    site.reads(A, evidence(site, A, operator, text, generation=3))
    ours = site.held(NOTES)
    assert (ours.generation, ours.withdrawn, ours.local) == (4, False, False)


@pytest.mark.parametrize("generation", [-1, WHOLE_MAX + 1])
def test_i8_a_word_on_a_generation_that_cannot_be_counted_on_changes_nothing(site: Site, generation: int) -> None:
    site.hears(A, LOCAL)
    site.reads(A, evidence(site, A, "ann", generation=generation))
    assert [one for one in site.manager.irs() if one.intent == NOTES] == [LOCAL]


def test_of_two_generations_made_on_both_sides_the_managers_next_one_wins(site: Site) -> None:
    site.wants(ir(element(), intent=NOTES))
    site.reads(A, evidence(site, A, "ann"))
    assert (site.held(NOTES).generation, site.held(NOTES).local) == (2, False)


def test_an_operators_word_played_again_brings_nothing_back(site: Site) -> None:
    word = site.said("ann", LocalIntent(manifests="notes")).sealed
    site.hears(A, LOCAL)
    site.reads(A, handed(site, A, word, 1))
    site.wants(msgspec.structs.replace(site.held(NOTES), generation=3, withdrawn=True))
    site.hears(B, msgspec.structs.replace(LOCAL, generation=4))
    site.reads(B, handed(site, B, word, 4))
    assert site.held(NOTES).local, "it waits for a word that counts"


def taken_out(site: Site, node: NodeId) -> None:
    site.step(Authored(documents=(site.manager.roster_without(node),)))


def asks_with(site: Site, node: NodeId, **heads: int) -> None:
    """A question of a member that has so much of these lives' journals."""
    carried = Exchange(versions={}, heads={f"{name}/1": number for name, number in heads.items()})
    site.hears(node, Question(number=1, carried=encode(carried)))


def test_u4_an_operators_word_counts_by_itself_if_who_took_it_was_taken_out(site: Site) -> None:
    site.reads(A, evidence(site, B, "ann"))
    site.asks(A)
    assert NOTES not in {one.intent for one in site.manager.irs()}, "its IR may still come"
    taken_out(site, B)
    site.hears(B, LOCAL)
    assert NOTES not in {one.intent for one in site.manager.irs()}, "nobody takes it any more"
    site.asks(A)
    ours = site.held(NOTES)
    assert (ours.generation, ours.local, ours.withdrawn) == (2, False, False)
    assert site.manager.handed_in.taken() == ("notes",)


def test_u4_nothing_is_said_to_it_before_all_of_that_nodes_journal_is_here_that_the_site_has(site: Site) -> None:
    first, second = evidence(site, B, "ann"), evidence(site, B, "ann", generation=2)
    taken_out(site, B)
    site.reads(A, first)
    asks_with(site, A, b=2)
    assert NOTES not in {one.intent for one in site.manager.irs()}
    site.reads(A, second)
    asks_with(site, A, b=2, c=7)
    assert site.held(NOTES).generation == 3


@pytest.mark.parametrize("operator", ["bob", "b"])
def test_u4_a_word_that_does_not_count_makes_nothing_by_itself(site: Site, operator: str) -> None:
    site.reads(A, evidence(site, B, operator))
    taken_out(site, B)
    for _ in range(2):
        site.asks(A)
    assert NOTES not in {one.intent for one in site.manager.irs()}


def test_u4_an_ir_is_withdrawn_if_who_took_it_was_taken_out_and_no_word_came(site: Site) -> None:
    site.hears(B, LOCAL)
    taken_out(site, B)
    asks_with(site, A, b=1)
    assert site.held(NOTES).local, "the word may still come"
    asks_with(site, A)
    assert (site.held(NOTES).generation, site.held(NOTES).withdrawn, site.held(NOTES).local) == (2, True, False)


# --- the roster -------------------------------------------------------------------------------------------------------


def test_the_next_roster_names_the_one_before_and_when_it_was_made(site: Site) -> None:
    following = site.manager.next_roster(members={})
    site.step(Authored(documents=(following,)))
    assert site.manager.roster() == msgspec.structs.replace(following, wall_ms=site.at_ms)
    assert following.version == 2 and following.predecessor


def test_x5_who_leaves_is_left_out_of_the_next_roster_and_known_by_its_key_still(site: Site) -> None:
    key = site.manager.roster().members[B].public_key
    site.step(SiteSaid(node=A, said=site.said(B, Leave(node=B))))
    roster = site.manager.roster()
    assert roster.version == 2 and B not in roster.members and roster.former[B].public_key == key


def test_x5_a_name_is_not_given_again(site: Site) -> None:
    site.step(Authored(documents=(site.manager.roster_without(B),)))
    site.step(Authored(documents=(site.manager.roster_without(A),)))
    assert sorted(site.manager.roster().former) == [A, B]


def test_x5_who_was_taken_out_hears_of_that_and_of_nothing_else(site: Site) -> None:
    site.wants(ir(element()))
    site.step(Authored(documents=(site.manager.roster_without(B),)))
    assert [decode(item.statement, Statement).kind for item in site.asks(B).items] == ["roster", "roster"]
    assert set(site.asks(B).versions) == {"roster/000001", "roster/000002"}


def test_x5_who_was_taken_out_is_told_only_the_rosters_that_it_lacks(site: Site) -> None:
    for gone in (A, B):
        site.step(Authored(documents=(site.manager.roster_without(gone),)))
    told = site.asks(B, roster_000001=(1,)).items
    assert [decode(decode(item.statement, Statement).body, Roster).version for item in told] == [2, 3]
    assert site.asks(B, roster_000001=(1,), roster_000002=(2,), roster_000003=(3,)).items == ()


def test_x5_who_was_taken_out_and_knows_it_asks_with_eight_bytes_and_is_answered_with_nothing(site: Site) -> None:
    site.step(Authored(documents=(site.manager.roster_without(B),)))
    asking, mine = Dealings(), Stock(versions={"roster/000001": (1,), "roster/000002": (2,), "fit/b": (1,)})
    for number in (1, 2, 3):
        asked = asking.ask(mine, ())
        (instruct,) = site.hears(B, Question(number=number, carried=asked)).instruct
        if instruct.message.carried:
            asking.hear(decode(instruct.message.carried, Exchange))
    assert decode(asked, Exchange).accord and not instruct.message.carried


def test_n2_what_only_later_versions_can_read_is_handed_on_to_who_lacks_it(site: Site) -> None:
    """Its author's disk may be an older one by now, and nobody else at the site may have it."""
    site.hears(B, Later(place=0, version=2, kind="forecast", said=b"rain"))
    assert "later" in [decode(item.statement, Statement).kind for item in site.asks(A, later_b_00=(1,)).items]
    assert "later" not in [decode(item.statement, Statement).kind for item in site.asks(A, later_b_00=(2,)).items]


def test_what_is_told_of_a_node_after_it_was_taken_out_is_marked_as_its_claim(site: Site) -> None:
    site.reads(A, site.entry(B, "role.active"))
    site.step(Authored(documents=(site.manager.roster_without(B),)))
    assert site.manager.claims.chains == {}
    noted = [site.reads(A, site.entry(B, "role.stopped")).note, site.reads(A, site.entry(B, "role.active")).note]
    site.reads(A, site.entry(C, "role.active"))
    assert [[note.about for note in notes] for notes in noted] == [["b/1"], []]
    site.restart()
    assert site.manager.claims.chains == {"b/1": 2}
    assert notices(site.manager)[-1].startswith("journal b/1: told after its node was taken out, from entry 2 on")


def test_who_left_by_its_own_word_claims_nothing(site: Site) -> None:
    site.step(SiteSaid(node=A, said=site.said(B, Leave(node=B))))
    site.reads(A, site.entry(B, "role.stopped"))
    assert site.manager.claims.chains == {}


def test_x3_another_tie_breaker_is_another_roster(site: Site) -> None:
    document = SiteDocument(name=SITE, generation=1, governance=ANYBODY, tie_breaker="b")
    site.step(Authored(documents=(document,)))
    assert (site.manager.roster().version, site.manager.roster().tie_breaker) == (2, "b")
    site.step(Authored(documents=(msgspec.structs.replace(document, generation=2),)))
    assert site.manager.roster().version == 2
