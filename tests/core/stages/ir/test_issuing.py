"""What an act of an operator changes at one site, and what it leaves as it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.adapters.manifests import load
from skerry.core.kernel.ids import ManagerId
from skerry.core.stages.intent.model import Catalogue, Intent, Site
from skerry.core.stages.ir.issuing import Applied, Held, Word, words_for
from skerry.core.stages.ir.model import CatalogueDocument, IntermediateRepresentation, SiteDocument
from tests.core.stages.ir.test_rules import EXPRESSIONS, FOLDER, catalogue_of

NOTHING = Held(settings=None, catalogue=None, irs=())


def manifest(name: str) -> object:
    return load(FOLDER.joinpath(f"{name}.yaml").read_text(), f"{name}.yaml")[0].manifest


@pytest.fixture
def applied() -> Applied:
    place, intent = manifest("site"), manifest("intent")
    assert isinstance(place, Site) and isinstance(intent, Intent)
    return Applied(place=place, catalogue=catalogue_of(), text="the catalogue", intents={"shop-files": intent})


def words(held: Held, applied: Applied) -> tuple[Word, ...]:
    return words_for(held, applied, expressions=EXPRESSIONS, owner=ManagerId("hq"))


def after(held: Held, applied: Applied) -> Held:
    """What the site has once it has heard that."""
    for word in words(held, applied):
        match word:
            case SiteDocument():
                held = msgspec.structs.replace(held, settings=word)
            case CatalogueDocument():
                held = msgspec.structs.replace(held, catalogue=word)
            case IntermediateRepresentation():
                others = tuple(ir for ir in held.irs if ir.intent != word.intent)
                held = msgspec.structs.replace(held, irs=(*others, word))
    return held


def generations(held: Held) -> dict[str, tuple[int, bool]]:
    return {ir.name: (ir.generation, ir.withdrawn) for ir in held.irs}


def test_a_new_site_gets_everything_in_its_first_generation(applied: Applied) -> None:
    said = words(NOTHING, applied)
    assert [type(w).__name__ for w in said] == ["SiteDocument", "CatalogueDocument", "IntermediateRepresentation"]
    assert {w.generation for w in said} == {1}


def test_what_does_not_differ_makes_no_generation(applied: Applied) -> None:
    assert words(after(NOTHING, applied), applied) == ()


def test_only_what_differs_makes_one(applied: Applied) -> None:
    held = after(NOTHING, applied)
    other_text = msgspec.structs.replace(applied, text="another catalogue")
    (only,) = words(held, other_text)
    assert isinstance(only, CatalogueDocument) and only.generation == 2


def test_an_intent_that_is_no_longer_for_a_site_is_withdrawn_there_and_comes_back_above_that(applied: Applied) -> None:
    held = after(NOTHING, applied)
    gone = after(held, msgspec.structs.replace(applied, intents={}))
    assert generations(gone) == {"shop-files": (2, True)}
    assert words(gone, msgspec.structs.replace(applied, intents={})) == ()
    assert generations(after(gone, applied)) == {"shop-files": (3, False)}


def test_an_intent_for_other_sites_is_none_of_this_one(applied: Applied) -> None:
    assert applied.place is not None
    metadata = msgspec.structs.replace(applied.place.metadata, labels={"type": "warehouse"})
    elsewhere = msgspec.structs.replace(applied, place=msgspec.structs.replace(applied.place, metadata=metadata))
    assert generations(after(NOTHING, elsewhere)) == {}


@pytest.mark.parametrize(("kind", "wanted"), [("shop", {"shop-files": (1, False)}), ("warehouse", {})])
def test_d25_a_guest_goes_by_the_labels_that_the_home_manager_gave_the_site_and_changes_no_settings(
    applied: Applied, kind: str, wanted: dict[str, Any]
) -> None:
    settings = after(NOTHING, applied).settings
    assert settings is not None
    told = Held(settings=msgspec.structs.replace(settings, labels={"type": kind}), catalogue=None, irs=())
    guest = msgspec.structs.replace(applied, place=None)
    assert all(isinstance(word, IntermediateRepresentation) for word in words(told, guest))
    assert generations(after(told, guest)) == wanted


def test_what_was_handed_in_at_the_site_and_has_no_word_yet_is_left_alone(applied: Applied) -> None:
    held = after(NOTHING, applied)
    local = tuple(msgspec.structs.replace(ir, name="notes", intent="hq/notes", local=True) for ir in held.irs)
    both = msgspec.structs.replace(held, irs=(*held.irs, *local))
    assert words(both, applied) == ()


def test_what_was_taken_over_for_this_site_stays_with_it(applied: Applied) -> None:
    mine = msgspec.structs.replace(applied, intents={}, local=applied.intents)
    held = after(NOTHING, mine)
    assert generations(held) == {"shop-files": (1, False)}
    assert words(held, mine) == ()


def test_an_empty_catalogue_is_refused_whole(applied: Applied) -> None:
    with pytest.raises(ValueError, match="small-site"):
        words(NOTHING, msgspec.structs.replace(applied, catalogue=Catalogue()))
