"""A manager and one site: it keeps before it acknowledges, judges once, takes over what operators wanted."""

from __future__ import annotations

import msgspec
import pytest

from skerry.adapters.keys.ed25519 import NaclVerifier
from skerry.api.sites import notices
from skerry.core.actors.bad_copies import CHAINS_MAX
from skerry.core.actors.dealings import Dealings, Stock
from skerry.core.actors.hearing import opened_events
from skerry.core.actors.judging import EVIDENCE_WITHIN_MS
from skerry.core.actors.manager import Authored, ItemRefused, ManagerEvent, SiteSaid
from skerry.core.conversation import Exchange, Leave, Refused
from skerry.core.group.custody.model import Later
from skerry.core.group.journal.model import Entry
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed, Statement, seal
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.ir.model import Roster, SiteDocument
from tests.core.actors.office import KEYS, SITE, Site, temporary
from tests.core.things import ANYBODY, A, B, C, assigned, element, ir, plan

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


# --- the roster -------------------------------------------------------------------------------------------------------


def test_the_next_roster_names_the_one_before_and_when_it_was_made(site: Site) -> None:
    following = site.manager.next_roster(members={})
    site.step(Authored(documents=(following,)))
    assert site.manager.roster() == msgspec.structs.replace(following, wall_ms=site.at_ms)
    assert following.version == 2 and following.predecessor


def test_x5_who_leaves_is_left_out_of_the_next_roster_and_known_by_its_key_still(site: Site) -> None:
    key = site.manager.roster().members[B].public_key
    site.step(SiteSaid(node=A, said=site.said(B, Leave(node=B))))
    site.asks()
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
    site.asks()
    site.reads(A, site.entry(B, "role.stopped"))
    assert site.manager.claims.chains == {}


def test_x3_another_tie_breaker_is_another_roster(site: Site) -> None:
    document = SiteDocument(name=SITE, generation=1, governance=ANYBODY, tie_breaker="b")
    site.step(Authored(documents=(document,)))
    assert (site.manager.roster().version, site.manager.roster().tie_breaker) == (2, "b")
    site.step(Authored(documents=(msgspec.structs.replace(document, generation=2),)))
    assert site.manager.roster().version == 2


def test_x2_another_lease_is_another_roster_and_both_are_one() -> None:
    site = Site()
    document = SiteDocument(name=SITE, generation=1, governance=ANYBODY, tie_breaker="b", run_once_lease_ms=5_000)
    site.step(Authored(documents=(document,)))
    roster = site.manager.roster()
    assert (roster.version, roster.tie_breaker, roster.run_once_lease_ms) == (2, "b", 5_000)
    site.step(Authored(documents=(msgspec.structs.replace(document, generation=2, run_once_lease_ms=3_000),)))
    roster = site.manager.roster()
    assert (roster.version, roster.tie_breaker, roster.run_once_lease_ms) == (3, "b", 3_000)
