"""A governance and a site, as their documents say them and as nodes read them (D3, D4, G1, G2, L7)."""

from __future__ import annotations

import pytest

from skerry.adapters.manifests import load
from skerry.core.stages.intent.model import Catalogue, Governance, Site
from skerry.core.stages.ir.model import AssentClause, ManagementRole, ManagementRow
from skerry.core.stages.ir.rules import TranslationError, governance_of, site_document

CAREFUL = """
apiVersion: skerry/v1
kind: Governance
metadata: {name: careful}
spec:
  managementRoles:
    - {when: "site.nodes == 1", roles: {leader: {does: [leader, validator]}}}
    - roles:
        leader: {criteria: "node.reach >= 0.5", weights: {assurance: 5, reach: 3}}
        validator: {apartFrom: [leader], instances: 2, perNodes: 6}
  assent:
    - {when: "connected", by: assignee}
    - {by: ratio, of: roster, ratio: 66%, silentRounds: 2, atLeast: 4}
  last: unfilled
"""
SITE = """
apiVersion: skerry/v1
kind: Site
metadata: {name: shop, labels: {type: shop}}
spec: {governance: careful, uplink: {lostAfter: 3s, backAfter: 4s}, readingEvery: 7s, runOnceLease: 5s, tieBreaker: n2}
"""


def careful() -> Governance:
    (document,) = load(CAREFUL, "governance.yaml")
    assert isinstance(document.manifest, Governance)
    return document.manifest


def site(text: str = SITE) -> Site:
    (document,) = load(text, "site.yaml")
    assert isinstance(document.manifest, Site)
    return document.manifest


def test_g1_a_site_reads_each_clause_of_assent_as_it_was_written() -> None:
    read = governance_of(careful())
    assert (read.name, read.last) == ("careful", "unfilled")
    assert read.assent == (
        AssentClause(when="connected", by="assignee", of="part", ratio_permille=500, silent_rounds=3, at_least=1),
        AssentClause(when="true", by="ratio", of="roster", ratio_permille=660, silent_rounds=2, at_least=4),
    )


def test_d4_a_site_reads_each_management_role_as_it_was_written() -> None:
    alone = {"leader": ManagementRole(name="leader", does=("leader", "validator"), criteria="true")}
    several = {
        "leader": ManagementRole(
            name="leader", does=("leader",), criteria="node.reach >= 0.5", weights={"assurance": 5, "reach": 3}
        ),
        "validator": ManagementRole(
            name="validator", does=("validator",), criteria="true", apart_from=("leader",), instances=2, per_nodes=6
        ),
    }
    assert governance_of(careful()).management == (
        ManagementRow(when="site.nodes == 1", roles=alone),
        ManagementRow(when="true", roles=several),
    )


def test_d3_a_site_reads_its_settings_as_they_were_written() -> None:
    read = site_document(site(), Catalogue().extended([careful()]), generation=9)
    assert (read.name, read.generation, read.labels) == ("shop", 9, {"type": "shop"})
    assert (read.uplink_lost_after_ms, read.uplink_back_after_ms) == (3_000, 4_000)
    assert (read.run_once_lease_ms, read.reading_every_ms, read.tie_breaker) == (5_000, 7_000, "n2")
    assert read.governance == governance_of(careful())


def test_a_site_of_an_unknown_governance_is_refused_with_the_place_and_the_nearest_name() -> None:
    with pytest.raises(TranslationError) as failure:
        site_document(site(SITE.replace("careful", "carefull")), Catalogue().extended([careful()]), generation=1)
    (finding,) = failure.value.findings
    assert finding.path == "spec.governance"
    assert finding.message == "there is no governance `carefull` in the catalogue"
    assert "careful" in (finding.hint or "")
