"""Findings of the core with the places that they have in the files; nothing is applied by halves."""

from __future__ import annotations

from importlib.resources import files

import pytest

from skerry.adapters.cel import CelExpressions
from skerry.adapters.manifests import ManifestErrors, check, load
from skerry.core.stages.intent.model import Catalogue

EXPRESSIONS = CelExpressions()
FOLDER = files("skerry").joinpath("examples", "tiered-storage")
CATALOGUE = FOLDER.joinpath("catalogue.yaml").read_text()
INTENT = FOLDER.joinpath("intent.yaml").read_text()


def refused(text: str, catalogue: Catalogue, source: str = "f.yaml") -> list[str]:
    with pytest.raises(ManifestErrors) as failure:
        check(load(text, source), catalogue, EXPRESSIONS)
    return [str(error) for error in failure.value.errors]


def place_of(text: str, part: str) -> str:
    before = text[: text.index(part)]
    return f"f.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}:"


def applied() -> Catalogue:
    return check(load(CATALOGUE, "catalogue.yaml"), Catalogue(), EXPRESSIONS)


def test_a_finding_has_the_place_of_its_field() -> None:
    text = CATALOGUE.replace("needs: [store]", "needs: [stor]", 1)
    told = "spec.elements.placement.needs[0]: `placement` needs `stor`, which is no element here; did you mean `store`?"
    assert refused(text, Catalogue()) == [f"{place_of(text, 'stor]')} {told}"]


def test_a_condition_that_fails_only_at_run_time_is_told_where_it_stands() -> None:
    text = CATALOGUE.replace("site.nodes == 2", "site.node == 2", 1)
    (told,) = refused(text, Catalogue())
    assert told.startswith(place_of(text, '"site.node == 2"'))
    assert "spec.managementRoles[1].when" in told


def test_a_standard_of_a_limit_that_is_not_declared_is_told_at_the_element() -> None:
    text = CATALOGUE.replace("limits.putRate + limits.getRate", "limits.headRate", 1)
    (told,) = refused(text, Catalogue())
    assert told.startswith(place_of(text, "intake: {role: intake"))
    assert "standard `requestRate` of role `intake`" in told


def test_an_intent_is_checked_against_what_was_applied_earlier() -> None:
    catalogue = applied()
    assert check(load(INTENT, "f.yaml"), catalogue, EXPRESSIONS) == catalogue
    text = INTENT.replace("putRate: 20/s", "putRate: 50001/s")
    told = "spec.limits.putRate: `50001/s` is above the ceiling of `50000/s`; ask for less, or raise the ceiling"
    assert refused(text, catalogue) == [f"{place_of(text, '50001/s')} {told}"]


def test_a_limit_that_only_translation_finds_wrong_is_told_with_the_functionality() -> None:
    floor = CATALOGUE.replace(
        'putRate: {atLeast: "${limits.putRate}", floor: 50%}', 'putRate: {atLeast: 30/s, floor: "${limits.putRate}"}', 1
    )
    catalogue = check(load(floor, "catalogue.yaml"), Catalogue(), EXPRESSIONS)
    (told,) = refused(INTENT.replace("putRate: 20/s", "putRate: 40/s"), catalogue)
    assert told.startswith("f.yaml: Functionality tiered-storage@1.2.0 spec.elements.store: standard `putRate`")


def test_a_changed_role_that_breaks_an_applied_functionality_is_refused() -> None:
    role = next(part for part in CATALOGUE.split("---\n") if "metadata: {name: intake}" in part)
    (told,) = refused(role.replace("limits.putRate + limits.getRate", "limits.headRate"), applied())
    assert told.startswith("f.yaml: Functionality tiered-storage@1.2.0 spec.elements.intake")


def test_what_is_refused_leaves_the_catalogue_as_it_was() -> None:
    catalogue = applied()
    before = dict(catalogue.roles)
    refused(CATALOGUE.replace("needs: [store]", "needs: [stor]", 1), catalogue)
    assert catalogue.roles == before
    assert check(load(CATALOGUE, "f.yaml"), catalogue, EXPRESSIONS) == catalogue
