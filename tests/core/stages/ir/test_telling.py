"""What is said of an intent that becomes no IR, and what an IR takes over as it was written (D2, X6)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.adapters.manifests import load
from skerry.core.kernel.ids import IntentId
from skerry.core.stages.intent.model import Finding, Site
from skerry.core.stages.ir.model import Governance, ManagementRow, SiteDocument
from skerry.core.stages.ir.rules import (
    TranslationError,
    check_functionality,
    check_lease,
    governance_of,
    management_roles,
    site_document,
)
from tests.core.stages.ir.test_rules import CATALOGUE, EXPRESSIONS, FOLDER, INTENT, catalogue_of, changed, ir_of


def told(*changes: tuple[str, str], intent: str = INTENT) -> list[str]:
    """Of the example, changed so, all that is wrong."""
    with pytest.raises(TranslationError) as failure:
        ir_of(changed(CATALOGUE, *changes), intent)
    assert str(failure.value) == "; ".join(map(str, failure.value.findings))
    return [str(finding) for finding in failure.value.findings]


NO_FUNCTIONALITY = (
    "Intent shop-files, spec.functionality: no functionality in the catalogue matches `tiered-storage@7` "
    "(did you mean `tiered-storage@1.2.0`?)"
)


def test_a_functionality_that_nobody_has_is_told_with_the_nearest_one() -> None:
    assert told(intent=changed(INTENT, ("tiered-storage@1", "tiered-storage@7"))) == [NO_FUNCTIONALITY]


NO_GOVERNANCE = (
    "Functionality tiered-storage@1.2.0, spec.governance: there is no governance `small-site` in the catalogue"
)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    gone = ("metadata: {name: small-site}", "metadata: {name: large-site}")
    assert told(gone) == [NO_GOVERNANCE]
    found = told(("limits.putRate + limits.getRate", "limits.headRate"), gone)
    assert len(found) == 2
    assert "spec.elements.intake" in found[0]
    assert found[1] == NO_GOVERNANCE


def test_an_ir_takes_over_what_its_intent_and_functionality_say() -> None:
    asked = changed(INTENT, ("priority: 100", "priority: 70"), ("replaceIfGain: 10%", "replaceIfGain: 25%"))
    ir = ir_of(intent=asked)
    assert (ir.name, ir.priority, ir.replace_if_gain_permille) == ("shop-files", 70, 250)
    assert (ir.offers_interface, ir.offers_at) == ("object-store.v1", "intake")
    assert ir.limits_text == {"putRate": "20/s", "getRate": "50/s", "clients": "20"}
    assert (ir.local, ir.withdrawn) == (False, False)
    governance = catalogue_of().governances["small-site"]
    assert ir.governance == governance_of(governance)


def test_an_intent_that_is_known_by_another_name_keeps_it_and_its_exclusive_keys_with_it() -> None:
    ir = ir_of(intent_id=IntentId("hq/other"))
    assert ir.intent == "hq/other"
    assert ir.sets["connected"].elements["placement"].key == "hq/other/placement"


# --- trying a functionality before any intent -------------------------------------------------------------------------


def found_in(*changes: tuple[str, str]) -> list[Finding]:
    catalogue = catalogue_of(changed(CATALOGUE, *changes))
    return check_functionality(catalogue.functionalities["tiered-storage@1.2.0"], catalogue, EXPRESSIONS)


SOLD_OUT = 'migrate: {role: migrate, when: "limits.clients == 500",'


@pytest.mark.parametrize(
    ("limit", "tried"),
    [
        ("{type: count, max: 500}", True),
        ("{type: count, default: 20, max: 500}", False),
        ("{type: count}", False),
    ],
    ids=["by its ceiling", "by its default", "not at all"],
)
def test_a_functionality_is_tried_with_the_ceiling_of_a_limit_that_has_no_default(limit: str, tried: bool) -> None:
    """Only with 500 clients there is an element, and something is wrong with it."""
    found = found_in(
        ("clients: {type: count, default: 20, max: 500}", f"clients: {limit}"),
        ("migrate: {role: migrate,", SOLD_OUT),
        ("scanRate: {atLeast: 1/s,", 'scanRate: {atLeast: "${limits.headRate}",'),
    )
    assert [one.path for one in found] == (["spec.elements.migrate"] if tried else [])


# --- leases that are too short ----------------------------------------------------------------------------------------


def site(**changes: Any) -> SiteDocument:
    (document,) = load(FOLDER.joinpath("site.yaml").read_text(), "site.yaml")
    assert isinstance(document.manifest, Site)
    made = site_document(document.manifest, catalogue_of(), generation=1)
    return SiteDocument(name=made.name, generation=1, governance=made.governance, **changes)


def test_x6_a_lease_that_is_too_short_is_told_once_with_what_to_do() -> None:
    (fault,) = check_lease(site(run_once_lease_ms=250), [ir_of()])
    assert fault == Finding(
        kind="Site",
        name="shop",
        path="spec.runOnceLease",
        message="expected more than the 0.3s that configuration `placement` of the `run_once` role `placement` "
        "(intent `shop-files`) may take to stop, found 0.25s",
        hint="lengthen `runOnceLease` of the Site, or shorten `stop.within` of the configuration",
    )


# --- which row holds --------------------------------------------------------------------------------------------------


def test_d3_where_no_row_holds_there_are_no_management_roles() -> None:
    nobody = Governance(name="nobody", management=(ManagementRow(when="false", roles={}),), assent=())
    assert management_roles(nobody, {}, EXPRESSIONS) == {}
