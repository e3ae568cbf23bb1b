"""Every way in which documents do not make sense together, as an operator would write it (issue, "Bad input")."""

from __future__ import annotations

from importlib.resources import files

import pytest

from skerry.adapters.cel import CelExpressions
from skerry.adapters.manifests import load
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.intent.model import Catalogue, Node
from skerry.core.stages.intent.rules import caps, check, unknown_functionality

EXPRESSIONS = CelExpressions()
EXAMPLE = files("skerry").joinpath("examples", "tiered-storage", "catalogue.yaml").read_text()
INTENT = files("skerry").joinpath("examples", "tiered-storage", "intent.yaml").read_text()
SITE = files("skerry").joinpath("examples", "tiered-storage", "site.yaml").read_text()


def findings(text: str) -> list[str]:
    manifests = [document.manifest for document in load(text, "test.yaml")]
    return [str(one) for one in check(manifests, Catalogue().extended(manifests), EXPRESSIONS)]


def changed(text: str, before: str, after: str) -> str:
    assert before in text, "the example no longer has what this test changes"
    return text.replace(before, after, 1)


def test_the_example_is_right() -> None:
    assert findings("---\n".join([EXAMPLE, INTENT, SITE])) == []


CATALOGUE_FAULTS = {
    "unknown role": ("{role: intake,", "{role: intak,", "no role `intak` in the catalogue (did you mean `intake`?)"),
    "unknown governance": ("governance: small-site", "governance: smal-site", "did you mean `small-site`?"),
    "unknown need": ("needs: [store]", "needs: [stor]", "elements.placement.needs[0]: `placement` needs `stor`"),
    "needs in a cycle": (
        "store: {role: store,",
        "store: {role: store, needs: [intake],",
        "intake → placement → store → intake",
    ),
    "a need of itself": ("needs: [store]", "needs: [placement]", "placement → placement"),
    "nothing to offer": ("at: intake}", "at: intakes}", "spec.offers.at: `intakes` is no element here"),
    "another interface offered": ("interface: object-store.v1, at", "interface: printer, at", "is no `printer`"),
    "unknown element left out": ("omit: [migrate]", "omit: [migrat]", "sets.isolated.omit[0]: `migrat` is no element"),
    "a needed element left out": ("omit: [migrate]", "omit: [store]", "`store` is left out, but `placement` needs it"),
    "unknown element patched": ("elements: {intake: {inst", "elements: {intak: {inst", "sets.isolated.elements.intak"),
    "headroom below one": ("headroom: 1.5", "headroom: 0.5", "expected 1 or more"),
    "more at least than at most": ("{intake: {instances: {min: 2}}}", "{intake: {instances: {min: 9}}}", "at most 3"),
    "neither role nor functionality": ("{role: store, instances", "{instances", "found neither"),
    "both role and functionality": ("{role: store, inst", "{role: store, functionality: notes, inst", "found both"),
    "unknown functionality": ("{role: store, inst", "{functionality: nots, inst", "did you mean `notes`?"),
    "nested functionality": ("{role: store, inst", "{functionality: notes, inst", "not supported yet"),
    "default of a wrong kind": ("default: 20/s, max: 50000/s", "default: 20s, max: 50000/s", "`20s`, a duration"),
    "default below zero": ("default: 20/s, max: 50000/s", "default: -20/s, max: 50000/s", "`-20/s` is below zero"),
    "default above its ceiling": ("default: 20/s, max: 50000/s", "default: 60000/s, max: 50000/s", "above the ceiling"),
    "ceiling of a wrong kind": ("max: 50000/s", "max: 50000", "limits.putRate.max: expected a rate"),
    "standard without bound": ('{atLeast: "${limits.putRate}", floor: 50%}', "{floor: 50%}", "found neither"),
    "CEL that cannot be read": ("${limits.putRate + limits.getRate}", "${limits.putRate +}", "not CEL"),
    "an open brace": ("${limits.putRate + limits.getRate}", "${limits.putRate", "without its `}`"),
    "a fence for who has none": (
        '[skerry-migrate, --listen, "${endpoint.main}"',
        '[a, "${fence}"',
        "only a `run_once`",
    ),
    "what no node fills in": ("${dir.data}", "${dir.home}", "a node fills in only"),
    "two configurations of one name": ("- name: files", "- name: log", "is the name of 2 configurations"),
    "no probe": ('      probe: [skerry, probe, migrate, --for, 1s, --at, "${endpoint.main}"]\n', "", "has no probe"),
    "two kinds of ready": ("ready: {http: /healthz,", "ready: {tcp: main, http: /healthz,", "`tcp` and `http`"),
    "a path without a slash": ("http: /healthz", "http: healthz", "begins with `/`"),
    "copies of nothing": ("mode: replicated,", "mode: none,", "copies of data that is `none`"),
    "a key that excludes nothing": ("onSplit: run_once", "onSplit: run_anywhere\n  key: k", "a key without"),
    "a last row with a condition": (
        "- {by: ratio,",
        '- {when: "isolated", by: ratio,',
        "the last row must hold always",
    ),
    "a row that hides the next": ('{when: "connected", by', "{by", "never be reached"),
    "a condition that fails": ("site.nodes == 2", "site.node == 2", "there is no field 'node' here"),
    "an unknown name": ('"connected"', '"conected"', "nothing is called `conected` here; known are connected"),
    "a condition that is none": ('"connected"', '"site.nodes"', "comes to true or false; this one comes to 1"),
    "apart from nobody": ("apartFrom: [leader]}", "apartFrom: [leadr]}", "did you mean `leader`?"),
    "apart from itself": ("apartFrom: [leader]}", "apartFrom: [validator]}", "cannot be apart from itself"),
    "a criterion that fails": ("node.reach >= 0.5", "node.range >= 0.5", "there is no field 'range' here"),
    "nobody leads": (
        "leader: {does: [leader, reporter],",
        "leader: {does: [reporter],",
        "nobody has the duty `leader`",
    ),
    "two leaders": ("validator: {apartFrom: [leader]}", "validator: {does: [leader]}", "expected one leader"),
    "no duty": ("validator: {apartFrom: [leader]}", "watchman: {apartFrom: [leader]}", "`watchman` is no duty"),
    "a ratio of nothing": ("ratio: 66%, ", "", "`by: ratio` without a `ratio`"),
    "a ratio above all": ("ratio: 66%", "ratio: 166%", "at most 100%"),
    "unanimous of a roster": ("by: unanimous, of: part", "by: unanimous, of: roster", "denominator"),
}


@pytest.mark.parametrize("fault", CATALOGUE_FAULTS)
def test_a_fault_in_a_catalogue_is_told(fault: str) -> None:
    before, after, told = CATALOGUE_FAULTS[fault]
    found = findings(changed(EXAMPLE, before, after))
    assert any(told in one for one in found), found


INTENT_FAULTS = {
    "unknown functionality": ("tiered-storage@1", "tierd-storage@1", "did you mean `tiered-storage`?"),
    "unknown version": ("tiered-storage@1", "tiered-storage@2", "no version of `tiered-storage` matches"),
    "unknown limit": ("putRate: 20/s", "putrate: 20/s", "did you mean `putRate`?"),
    "limit of a wrong kind": ("putRate: 20/s", "putRate: 20", "expected a rate such as 200/s, found `20`"),
    "limit below zero": ("putRate: 20/s", "putRate: -20/s", "limits.putRate: `-20/s` is below zero"),
    "limit above its ceiling": ("putRate: 20/s", "putRate: 50001/s", "`50001/s` is above the ceiling of `50000/s`"),
    "a common limit of a wrong kind": ("putRate: 20/s", "duration: 20/s", "expected a duration"),
    "money that is none": ("putRate: 20/s", "cost: forty", "an amount of money"),
}


@pytest.mark.parametrize("fault", INTENT_FAULTS)
def test_a_fault_in_an_intent_is_told(fault: str) -> None:
    before, after, told = INTENT_FAULTS[fault]
    found = findings(f"{EXAMPLE}---\n{changed(INTENT, before, after)}")
    assert len(found) == 1
    assert told in found[0]


NO_VERSION = "no version of `tiered-storage` matches `tiered-storage@2` (there is tiered-storage@1.2.0)"
NO_NAME = "there is no functionality `tierd-storage` in the catalogue (did you mean `tiered-storage`?)"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("tiered-storage@2", NO_VERSION), ("tierd-storage@1", NO_NAME), ("tierd-storage", NO_NAME)],
    ids=["another version", "another name", "without a version"],
)
def test_what_an_intent_asks_for_and_nobody_offers_is_told_with_what_there_is(wanted: str, told: str) -> None:
    asked = changed(INTENT, "tiered-storage@1", wanted)
    assert findings(f"{EXAMPLE}---\n{asked}") == [f"Intent shop-files, spec.functionality: {told}"]


def test_all_versions_that_there_are_are_told() -> None:
    older = changed(EXAMPLE, "version: 1.2.0", "version: 1.1.0")
    manifests = [document.manifest for text in (EXAMPLE, older) for document in load(text, "x")]
    _, _, hint = unknown_functionality("tiered-storage@2", Catalogue().extended(manifests))
    assert hint == "there is tiered-storage@1.1.0, tiered-storage@1.2.0"


def test_an_unknown_governance_of_a_site_is_told() -> None:
    assert findings(f"{EXAMPLE}---\n{changed(SITE, 'small-site', 'small-sites')}") == [
        "Site shop, spec.governance: there is no governance `small-sites` (did you mean `small-site`?)"
    ]


def test_functionalities_that_contain_each_other_are_told_as_a_cycle() -> None:
    def functionality(name: str, inner: str) -> str:
        return f"""apiVersion: skerry/v1
kind: Functionality
metadata: {{name: {name}, version: 1.0.0}}
spec:
  offers: {{interface: object-store.v1, at: front}}
  elements: {{front: {{role: intake}}, inner: {{functionality: {inner}}}}}
  governance: small-site
"""

    found = findings("---\n".join([EXAMPLE, functionality("a", "b"), functionality("b", "c"), functionality("c", "a")]))
    assert any("Functionality a@1.0.0" in one and "a → b → c → a" in one for one in found)
    assert any("spec.elements.inner.functionality" in one for one in found)


def test_all_faults_are_told_and_not_only_the_first() -> None:
    text = changed(changed(EXAMPLE, "needs: [store]", "needs: [stor]"), "omit: [migrate]", "omit: [migrat]")
    assert len(findings(text)) == 2
    intent, site = changed(INTENT, "putRate", "putrate"), changed(SITE, "small-site", "small-sites")
    found = findings("---\n".join([text, intent, site]))
    assert [one.split()[0] for one in found] == ["Functionality", "Functionality", "Intent", "Site"]


def test_the_order_of_documents_does_not_matter() -> None:
    backwards = "---\n".join(reversed(EXAMPLE.split("---\n")))
    assert findings(backwards) == []


def test_a_reference_means_the_highest_version_that_it_matches() -> None:
    versions = ["1.2.0", "1.12.0", "1.3.5", "2.0.0"]
    texts = [changed(EXAMPLE, "version: 1.2.0", f"version: {version}") for version in versions]
    manifests = [document.manifest for text in texts for document in load(text, "x")]
    catalogue = Catalogue().extended(manifests)

    def version(reference: str) -> str | None:
        found = catalogue.functionality(reference)
        return found.metadata.version if found else None

    assert version("tiered-storage@1") == "1.12.0"
    assert version("tiered-storage@1.3") == "1.3.5"
    assert version("tiered-storage") == "2.0.0"
    assert version("tiered-storage@3") is None


def test_an_owner_offers_shares_and_amounts_and_never_more_than_there_is() -> None:
    text = """apiVersion: skerry/v1
kind: Node
metadata: {name: till-1, site: shop}
spec: {offers: {cpu: 75%, memory: 2Gi, disk: 50Gi}}
"""
    node = load(text, "node.yaml")[0].manifest
    assert isinstance(node, Node)
    machine = Resources(cpu_milli=4000, memory_bytes=8 << 30, disk_bytes=10 << 30)
    assert caps(node, machine) == Resources(cpu_milli=3000, memory_bytes=2 << 30, disk_bytes=10 << 30)
    cores = load(changed(text, "cpu: 75%", "cpu: 1500m"), "node.yaml")[0].manifest
    assert isinstance(cores, Node)
    assert caps(cores, machine).cpu_milli == 1500
    small = Resources(cpu_milli=4000, memory_bytes=1 << 30, disk_bytes=60 << 30)
    assert caps(node, small) == Resources(cpu_milli=3000, memory_bytes=1 << 30, disk_bytes=50 << 30)
