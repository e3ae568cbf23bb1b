"""Applying manifests to a manager: all or none, a generation for a change and none without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.office import EXAMPLE, RunningManager

pytestmark = pytest.mark.timeout(180)  # a busy machine takes its time to start processes

INTENT = (EXAMPLE / "intent.yaml").read_text()


def intents(manager: RunningManager) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["site"], row["name"]): row for row in manager.admin.get("/v1/intents")["intents"]}


def test_an_intent_goes_to_the_sites_whose_labels_it_asks_for(manager: RunningManager) -> None:
    assert manager.apply(INTENT)[0] == 200
    assert {site for site, name in intents(manager) if name == "shop-files"} == {"shop"}


def test_an_intent_applied_again_without_a_change_makes_no_generation(manager: RunningManager) -> None:
    manager.apply(INTENT)
    before = intents(manager)[("shop", "shop-files")]["generation"]
    assert manager.apply(INTENT) == (
        200,
        {"applied": [{"kind": "Intent", "name": "shop-files", "change": "unchanged"}]},
    )
    assert intents(manager)[("shop", "shop-files")]["generation"] == before


def test_a_changed_role_makes_a_generation_of_every_intent_that_uses_it(manager: RunningManager) -> None:
    manager.apply(INTENT)
    before = intents(manager)[("shop", "shop-files")]["generation"]
    catalogue = (EXAMPLE / "catalogue.yaml").read_text()
    assert "drain: {within: 30s}" in catalogue
    manager.apply(catalogue.replace("drain: {within: 30s}", "drain: {within: 31s}"))
    assert intents(manager)[("shop", "shop-files")]["generation"] == before + 1


def test_of_a_file_with_one_fault_nothing_is_applied_and_every_fault_is_told(manager: RunningManager) -> None:
    good = INTENT.replace("shop-files", "good-one")
    bad = INTENT.replace("shop-files", "bad-one").replace("putRate: 20/s", "putRate: -1/s, colour: red")
    status, answer = manager.apply(good, bad)
    assert status == 400
    assert len(answer["errors"]) >= 2
    assert all(error["line"] > 0 and error["message"] for error in answer["errors"])
    assert not any(name in ("good-one", "bad-one") for _, name in intents(manager))


def test_bytes_that_are_no_text_are_refused(manager: RunningManager) -> None:
    status, answer = manager.admin.ask("/v1/apply", body=b"\xff\xfe")
    assert (status, "UTF-8" in str(answer)) == (400, True)


def test_more_than_a_megabyte_is_refused(manager: RunningManager) -> None:
    status, _ = manager.admin.ask("/v1/apply", body=b"#" * (1024 * 1024 + 1))
    assert status == 413


def test_a_withdrawn_intent_is_a_generation_of_its_own_and_may_be_wanted_again(manager: RunningManager) -> None:
    manager.apply(INTENT.replace("shop-files", "passing"))
    first = intents(manager)[("shop", "passing")]
    status, _ = manager.delete("/v1/intents/passing")
    assert status == 200
    gone = intents(manager)[("shop", "passing")]
    assert (gone["withdrawn"], gone["generation"]) == (True, first["generation"] + 1)
    manager.apply(INTENT.replace("shop-files", "passing"))
    again = intents(manager)[("shop", "passing")]
    assert (again["withdrawn"], again["generation"]) == (False, first["generation"] + 2)


def test_an_intent_that_is_not_there_cannot_be_withdrawn(manager: RunningManager) -> None:
    status, answer = manager.delete("/v1/intents/nothing")
    assert status == 404 and "nothing" in answer["error"]


def test_an_intent_whose_labels_no_longer_fit_is_withdrawn_where_it_was(manager: RunningManager) -> None:
    manager.apply(INTENT.replace("shop-files", "moving"))
    manager.apply(INTENT.replace("shop-files", "moving").replace("type: shop", "type: depot"))
    found = intents(manager)
    assert found[("shop", "moving")]["withdrawn"] and not found[("depot", "moving")]["withdrawn"]


def test_a_lease_too_short_for_an_exclusive_role_is_refused_whichever_comes_last(empty: RunningManager) -> None:
    """X6: a guard would end the role before its lease had begun."""
    empty.start()
    catalogue, site = ((EXAMPLE / name).read_text() for name in ("catalogue.yaml", "site.yaml"))
    brief = site.replace("spec:", "spec:\n  runOnceLease: 2s", 1)
    head, exclusive, rest = catalogue.partition("onSplit: run_once")
    slow = head + exclusive + rest.replace("within: 300ms", "within: 2s", 1)

    assert empty.apply(slow, site, INTENT)[0] == 200
    status, answer = empty.apply(brief)
    (error,) = answer["errors"]
    assert (status, error["field"], error["line"]) == (400, "spec.runOnceLease", 6), answer
    assert "`placement`" in error["message"] and "2s" in error["message"]

    assert empty.apply(catalogue)[0] == 200
    assert empty.apply(brief)[0] == 200
    status, answer = empty.apply(slow)
    assert (status, "runOnceLease" in answer["errors"][0]["field"]) == (400, True), answer
    assert empty.apply(catalogue)[1]["applied"][0]["change"] == "unchanged", "nothing of it was kept"

    assert empty.delete("/v1/intents/shop-files")[0] == 200
    assert empty.apply(slow)[0] == 200, "nobody wants it here"
    assert (empty.apply(INTENT)[0], empty.apply(site)[0], empty.apply(INTENT)[0]) == (400, 200, 200)
