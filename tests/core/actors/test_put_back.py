"""A manager that was put back to a backup: it listens first, takes over what it once said, and misses what it had
(J3, J4, interleaving 43)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.core.actors.keeping import keep
from skerry.core.actors.manager import Authored, SiteSaid
from skerry.core.conversation import Exchange, document_of
from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import Kept
from skerry.core.group.journal.model import Acknowledgement, Entry
from skerry.core.group.journal.proofs import proof_in
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.ir.issuing import _must_stay
from skerry.core.stages.ratification.model import Verdict
from tests.core.actors.office import Site
from tests.core.group.journal.disk import Disk, opened
from tests.core.things import HQ, A, B, assigned, element, fit, ir, plan, reopened


class Backup:
    """A site whose members hold what a manager said and has forgotten."""

    def __init__(self) -> None:
        self.site = Site()
        self.site.wants(ir(element()))
        self.site.hears(A, plan(assigned(A)))
        self.site.reads(A, self.site.entry(A, "one"))
        self.asks()
        self.image = dict(self.site.kept)

    def asks(self, **said: Any) -> tuple[Exchange | None, Effects]:
        """A question of A, which holds all that its journal has and all documents that the manager said."""
        heads = said.pop("heads", {"a/1": self.site.journals[A].heads.get("a/1", 0)})
        versions = said.pop("versions", self.site.manager.versions())
        asked = Exchange(versions=versions, heads=heads, **said)
        done = self.site.hears(A, Question(number=1, carried=encode(asked)))
        (instruct,) = done.instruct
        carried = instruct.message.carried
        return (decode(carried, Exchange) if carried else None), done

    def put_back(self) -> None:
        self.site.kept = dict(self.image)
        self.site.restart()

    def gives(self, document: Kept) -> Effects:
        """A hands up what the manager once said."""
        kind = type(document.value)
        return self.site.step(SiteSaid(node=A, said=reopened(document.sealed, kind)))

    def own(self) -> dict[str, Kept]:
        return {kept.name: kept for kept in self.site.manager.own_documents()}


@pytest.fixture
def backup() -> Backup:
    return Backup()


def test_j4_after_a_start_nothing_is_said_before_somebody_told_what_is_there(backup: Backup) -> None:
    backup.site.restart()
    assert not backup.site.manager.may_speak
    with pytest.raises(AssertionError, match="J4"):
        backup.site.step(Authored(documents=(ir(element(), generation=2),)))
    backup.asks()
    assert backup.site.manager.may_speak
    backup.site.wants(ir(element(), generation=2))


def test_j4_a_site_of_which_nothing_ever_came_is_spoken_to() -> None:
    site = Site()
    site.restart()
    assert site.manager.may_speak


def test_j4_it_speaks_only_once_it_has_all_of_its_own_word(backup: Backup) -> None:
    backup.site.wants(ir(element(), generation=2))
    there, versions = backup.own(), backup.site.manager.custody.versions()
    backup.put_back()
    backup.asks(versions=versions)
    assert not backup.site.manager.may_speak
    done = backup.gives(there["intent/hq/shop"])
    assert [note.what for note in done.note] == ["manager.found"]
    for document in there.values():
        backup.gives(document)
    backup.asks(versions=versions)
    assert backup.site.manager.may_speak
    assert backup.site.held(ir(element()).intent).generation == 2


def test_j4_holds_that_it_numbered_are_its_word_and_those_of_nodes_are_not(backup: Backup) -> None:
    versions = backup.site.manager.custody.versions()
    backup.put_back()
    backup.asks(versions={**versions, "hold/drain/b@hq": (1, 1, "")})
    assert not backup.site.manager.may_speak
    backup.asks(versions={**versions, "hold/drain/b@b": (1, 1, "")})
    assert backup.site.manager.may_speak


def test_j4_what_was_found_is_shown_until_somebody_says_something_newer(backup: Backup) -> None:
    backup.site.wants(ir(element(), generation=2))
    there = backup.own()
    backup.put_back()
    backup.gives(there["intent/hq/shop"])
    assert set(backup.site.manager.restored.found) == {"intent/hq/shop"}
    backup.site.restart()
    assert set(backup.site.manager.held().found) == {"intent/hq/shop"}
    backup.asks()
    backup.site.wants(ir(element(), generation=3))
    assert not backup.site.manager.restored.found


def test_j4_rosters_that_were_found_are_settled_by_the_next_one(backup: Backup) -> None:
    for _ in range(2):
        backup.site.step(Authored(documents=(backup.site.manager.next_roster(),)))
    there = backup.own()
    backup.put_back()
    for name in ("roster/000002", "roster/000003"):
        backup.gives(there[name])
    assert set(backup.site.manager.restored.found) == {"roster/000002", "roster/000003"}
    backup.asks()
    backup.site.step(Authored(documents=(backup.site.manager.next_roster(),)))
    assert not backup.site.manager.restored.found


def test_j4_a_verdict_that_was_found_is_not_given_a_second_time(backup: Backup) -> None:
    backup.site.hears(A, plan(assigned(B), number=2))
    backup.asks()
    (there,) = [kept for kept in backup.own().values() if isinstance(kept.value, Verdict) and kept.value.number == 2]
    plan_document = backup.site.manager.plan()
    backup.put_back()
    backup.site.hears(A, plan_document)
    backup.gives(there)
    backup.asks()
    assert [v.number for v in backup.site.manager.verdicts] == [1, 2]


def test_j4_two_words_of_one_generation_have_an_order_that_all_share(backup: Backup) -> None:
    one, other = ir(element(), generation=2), ir(element(), generation=2, priority=7)
    said = [document_of(backup.site.said("hq", body), backup.site.manager.roster()) for body in (one, other)]
    assert said[0].version != said[1].version
    assert said[0].version[0] == said[1].version[0] == 2
    local = ir(element(), generation=2, local=True)
    assert document_of(backup.site.said(A, local), backup.site.manager.roster()).version < min(d.version for d in said)


def test_j3_it_asks_for_what_it_once_acknowledged(backup: Backup) -> None:
    for what in ("two", "three"):
        backup.site.reads(A, backup.site.entry(A, what))
    backup.site.manager.acknowledging.every_ms = 0
    backup.asks()
    word = backup.own()["acknowledged"]
    assert isinstance(word.value, Acknowledgement) and word.value.heads["a/1"][0] == 3
    backup.put_back()
    backup.gives(word)
    answer, _ = backup.asks()
    assert answer is not None and answer.lacks == {"a/1": 1}
    journal = backup.site.journals[A]
    for sealed in journal.entries("a/1", 1):
        backup.site.reads(A, sealed)
    assert not backup.site.manager.restored.owing
    assert not backup.site.manager.journal.lost()


def test_j3_a_word_that_says_too_much_is_taken_back_at_once(backup: Backup) -> None:
    backup.site.reads(A, backup.site.entry(A, "two"))
    backup.site.manager.acknowledging.every_ms = 0
    backup.asks()
    word = backup.own()["acknowledged"]
    backup.put_back()
    backup.site.manager.acknowledging.every_ms = 10**9
    backup.gives(word)
    backup.asks()
    now = backup.own()["acknowledged"].value
    assert (now.number, now.heads["a/1"][0]) == (word.value.number + 1, 1)


def test_j3_a_word_that_it_forgot_before_it_said_others_is_shown_to_it_by_whoever_kept_it(backup: Backup) -> None:
    """Who it heard first had not heard of that word either, so it has spoken since."""
    backup.site.manager.acknowledging.every_ms = 0
    for what in ("two", "three", "four"):
        backup.site.reads(A, backup.site.entry(A, what))
    backup.asks()
    forgotten, member = backup.own()["acknowledged"], Custody(me=B)
    keep(forgotten, member)
    backup.put_back()
    backup.site.manager.acknowledging.every_ms = 0
    for what in ("meanwhile", "since"):
        backup.site.reads(B, backup.site.entry(B, what))
        backup.asks(heads={"b/1": 2})
    said = backup.own()["acknowledged"]
    assert said.version > forgotten.version and not said.value.owed

    (told,) = keep(said, member).record
    assert (told.what, told.about) == ("acknowledged.forgotten", HQ)
    proof = proof_in(Entry(kind=told.kind, what=told.what, about=told.about, data=told.data, predecessor=""))
    assert proof == forgotten.sealed
    for _ in range(2):
        backup.gives(forgotten)
        assert backup.site.manager.restored.owing == {"a/1": 4}
    answer, _ = backup.asks()
    assert answer is not None and answer.lacks == {"a/1": 1}


@pytest.mark.parametrize(("said", "shown"), [({}, 1), ({"owed": {"a/1": 9}}, 0), ({"heads": {"a/1": (9, "")}}, 0)])
def test_j3_what_it_asks_for_by_its_own_word_is_not_shown_to_it(
    backup: Backup, said: dict[str, Any], shown: int
) -> None:
    word, member = backup.own()["acknowledged"], Custody(me=B)
    before = msgspec.structs.replace(word, value=Acknowledgement(number=1, heads={"a/1": (9, "")}))
    after = msgspec.structs.replace(word, value=Acknowledgement(number=2, **{"heads": {}, **said}), version=(2,))
    keep(before, member)
    assert len(keep(after, member).record) == shown


def test_j3_what_nobody_retains_is_lost_and_shown_and_the_rest_goes_on(backup: Backup) -> None:
    for what in ("two", "three", "four"):
        backup.site.reads(A, backup.site.entry(A, what))
    backup.site.manager.acknowledging.every_ms = 0
    backup.asks()
    word = backup.own()["acknowledged"]
    backup.put_back()
    backup.gives(word)
    _, done = backup.asks(lost={"a/1": 3})
    assert [(n.what, n.data) for n in done.note if n.what == "journal.lost"] == [
        ("journal.lost", {"first": 2, "last": 3})
    ]
    backup.site.reads(A, backup.site.journals[A].entries("a/1", 3)[0])
    backup.site.restart()
    assert backup.site.manager.journal.lost() == {"a/1": ((2, 3),)}
    assert backup.site.manager.journal.heads == {"a/1": 4}


def test_j3_who_comes_late_and_has_what_was_lost_gives_it(backup: Backup) -> None:
    for what in ("two", "three", "four"):
        backup.site.entry(A, what)
    two, three, four = backup.site.journals[A].entries("a/1", 1)
    backup.site.manager.restored.owing["a/1"] = 3
    backup.asks(lost={"a/1": 3})
    backup.site.reads(A, four)
    assert not backup.site.reads(B, three).persist, "a lost stretch is filled from its beginning"
    backup.site.reads(B, two)
    backup.site.reads(B, three)
    assert backup.site.manager.journal.lost() == {}
    backup.site.restart()
    assert len(backup.site.manager.journal.entries("a/1", 0)) == 4


def test_i5_a_chain_whose_beginning_is_lost_is_named_also_where_nobody_who_asks_has_any_of_it(backup: Backup) -> None:
    """By that who asks may begin to hold what others have above it, and hand it up."""
    backup.site.manager.acknowledging.every_ms = 0
    backup.site.manager.restored.owing["b/1"] = 2
    backup.asks(lost={"b/1": 2})
    backup.site.reads(A, backup.site.entry(A, "two"))
    backup.asks()
    assert backup.own()["acknowledged"].value.heads["b/1"] == (2, "")


def test_i5_who_comes_late_with_a_sum_of_what_was_lost_and_more_gives_all_that_it_wrote(backup: Backup) -> None:
    """It was cut off, in a part of its own."""
    author = Disk(B)
    author.write("a", kind="decision")
    author.write(*"bc")
    backup.site.step(SiteSaid(node=B, said=opened(author.journal.entries("b/1", 0)[0])))
    backup.site.manager.restored.owing["b/1"] = 3
    backup.asks(lost={"b/1": 0})
    assert backup.site.manager.journal.lost() == {"b/1": ((2, 3),)}
    author.write("d")
    author.folds()
    author.write("e", kind="decision")
    for sealed in author.journal.after("b/1", 3):
        backup.site.step(SiteSaid(node=B, said=opened(sealed)))
    assert (backup.site.manager.journal.lost(), backup.site.manager.journal.heads["b/1"]) == ({}, 5)
    backup.site.restart()
    assert (backup.site.manager.journal.lost(), backup.site.manager.journal.heads["b/1"]) == ({}, 5)


def test_a_member_cannot_have_anything_called_lost_that_is_there(backup: Backup) -> None:
    backup.asks(lost={"a/1": 1, "b/9": 0})
    assert backup.site.manager.journal.lost() == {}


def test_j4_manifests_of_before_the_backup_do_not_undo_what_was_found() -> None:
    word = ir(element(), generation=3)
    assert _must_stay(word, frozenset({"intent/hq/shop"}), frozenset())
    assert _must_stay(word, frozenset({"catalogue"}), frozenset())
    assert not _must_stay(word, frozenset({"catalogue"}), frozenset({"intent/hq/shop"}))


def test_c2_a_site_whose_disks_were_put_back_gets_the_last_report_of_fit_that_it_gave(backup: Backup) -> None:
    backup.site.hears(B, fit(B, version=3))

    def given(**held: tuple[int, ...]) -> list[str]:
        exchange, _ = backup.asks(versions={**backup.site.manager.versions(), **held})
        return [] if exchange is None else [decode(one.statement, Statement).kind for one in exchange.items]

    assert given(**{"fit/b": (2,)}) == ["role_fit"]
    assert given(**{"fit/b": (3,)}) == given(**{"fit/b": (4,)}) == []
