"""Intents that operators handed in at a site, and what their manager makes of them (U4, D18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from skerry.core.actors.manager import Authored
from skerry.core.conversation import Exchange
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import WHOLE_MAX, encode
from skerry.core.stages.intent.events import LocalIntent
from tests.core.actors.office import NOTES, Site
from tests.core.things import A, B, element, ir


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
