"""From intent to IR, and one IR at sites of different size (D2, D3)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import msgspec
import pytest

from skerry.adapters.cel import CelExpressions
from skerry.adapters.manifests import check, load
from skerry.core.kernel.ids import ManagerId
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.intent.model import Catalogue, Intent, Site, site_facts
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.ir.rules import (
    TranslationError,
    assent_clauses,
    check_functionality,
    check_lease,
    management_roles,
    site_document,
    translate,
)

EXPRESSIONS = CelExpressions()
FOLDER = files("skerry").joinpath("examples", "tiered-storage")
CATALOGUE = FOLDER.joinpath("catalogue.yaml").read_text()
INTENT = FOLDER.joinpath("intent.yaml").read_text()
LOG = '[skerry-store-log, --listen, "${endpoint.main}",'


def changed(text: str, *changes: tuple[str, str]) -> str:
    for before, after in changes:
        assert before in text, "the example no longer has what this test changes"
        text = text.replace(before, after, 1)
    return text


def catalogue_of(text: str = CATALOGUE) -> Catalogue:
    return Catalogue().extended(document.manifest for document in load(text, "catalogue.yaml"))


def ir_of(catalogue: str = CATALOGUE, intent: str = INTENT, **more: Any) -> IntermediateRepresentation:
    manifest = load(intent, "intent.yaml")[0].manifest
    assert isinstance(manifest, Intent)
    return translate(
        manifest, catalogue_of(catalogue), expressions=EXPRESSIONS, owner=ManagerId("hq"), generation=3, **more
    )


def test_an_intent_becomes_roles_with_standards_in_figures() -> None:
    ir = ir_of(intent=changed(INTENT, ("putRate: 20/s", "putRate: 100/s")))
    assert (ir.intent, ir.generation, ir.owner, ir.functionality) == ("hq/shop-files", 3, "hq", "tiered-storage@1.2.0")
    assert ir.limits == {"clients": 20_000, "putRate": 100_000, "getRate": 50_000}
    store = ir.sets["connected"].elements["store"]
    standards = {standard.metric: (standard.at_least_milli, standard.floor_milli) for standard in store.standards}
    assert standards == {"putRate": (100_000, 50_000), "getRate": (50_000, 25_000)}
    assert (store.instances, store.instances_max, store.data) == (2, 4, "replicated")
    assert set(store.configurations) == {"log", "files"}
    assert decode(encode(ir), IntermediateRepresentation) == ir


def test_a_run_once_role_gets_a_key_of_intent_and_element_and_others_none() -> None:
    elements = ir_of().sets["connected"].elements
    assert elements["placement"].key == "hq/shop-files/placement"
    assert elements["store"].key is None
    keyed = ir_of(changed(CATALOGUE, ("onSplit: run_once", "onSplit: run_once\n  key: the/map")))
    assert keyed.sets["isolated"].elements["placement"].key == "the/map"


def test_x8_a_role_may_give_exclusiveness_up_where_there_is_no_quorum() -> None:
    assert ir_of().sets["isolated"].elements["placement"].when_no_quorum == "stop"
    giving_up = ir_of(changed(CATALOGUE, ("onSplit: run_once", "onSplit: run_once\n  whenNoQuorum: run")))
    assert giving_up.sets["isolated"].elements["placement"].when_no_quorum == "run"


def test_the_isolated_set_leaves_one_role_out_has_one_more_instance_and_larger_headroom() -> None:
    connected, isolated = (ir_of().sets[mode].elements for mode in ("connected", "isolated"))
    assert set(connected) - set(isolated) == {"migrate"}
    assert set(isolated) <= set(connected)
    grown = {name: isolated[name].instances - connected[name].instances for name in isolated}
    assert grown == {"intake": 1, "placement": 0, "store": 0}
    assert all(isolated[name].headroom_permille > connected[name].headroom_permille for name in isolated)
    # A fit measured for one set must count for the other.
    for name, element in isolated.items():
        assert element.configurations == connected[name].configurations


def test_standards_may_be_stricter_when_isolated() -> None:
    patch = "{intake: {instances: {min: 2}}, store: {standards: {putLatencyP95: {atMost: 20ms, floor: 80ms}}}}"
    ir = ir_of(changed(CATALOGUE, ("{intake: {instances: {min: 2}}}", patch)))
    assert {s.metric for s in ir.sets["connected"].elements["store"].standards} == {"putRate", "getRate"}
    latency = ir.sets["isolated"].elements["store"].standards[1]
    assert (latency.metric, latency.at_most_milli, latency.floor_milli) == ("putLatencyP95", 20_000, 80_000)


@pytest.mark.parametrize(
    ("nodes", "offices", "by", "rounds"),
    [
        (1, {"leader": ("leader", "validator", "reporter")}, "assignee", 3),
        (2, {"leader": ("leader", "reporter"), "validator": ("validator",)}, "unanimous", 2),
        (3, {"leader": ("leader",), "validator": ("validator",), "reporter": ("reporter",)}, "unanimous", 3),
        (6, {"leader": ("leader",), "validator": ("validator",), "reporter": ("reporter",)}, "ratio", 3),
    ],
)
def test_management_roles_and_clause_follow_the_size_of_the_site(
    nodes: int, offices: dict[str, tuple[str, ...]], by: str, rounds: int
) -> None:
    governance = ir_of().governance
    facts = site_facts(nodes, "isolated")
    roles = management_roles(governance, facts, EXPRESSIONS)
    assert {name: role.does for name, role in roles.items()} == offices
    clause = assent_clauses(governance, facts, EXPRESSIONS)[0]
    assert (clause.by, clause.silent_rounds) == (by, rounds)


def test_every_size_has_another_set_of_management_roles_and_another_clause() -> None:
    governance = ir_of().governance

    def at(nodes: int) -> tuple[str, str]:
        facts = site_facts(nodes, "isolated")
        roles = management_roles(governance, facts, EXPRESSIONS)
        counted = {name: (role, role.scaled(nodes)) for name, role in roles.items()}
        return repr(counted), repr(assent_clauses(governance, facts, EXPRESSIONS)[0])

    sizes = [at(nodes) for nodes in (1, 2, 3, 6)]
    assert len({roles for roles, _ in sizes}) == 4
    assert len({clause.split("when=")[1].split(",", 1)[1] for _, clause in sizes}) == 4


def test_leader_validator_and_reporter_are_apart_from_three_nodes_on() -> None:
    for nodes in (3, 5, 6, 24):
        roles = management_roles(ir_of().governance, site_facts(nodes, "connected"), EXPRESSIONS)
        assert roles["validator"].apart_from == ("leader",)
        assert set(roles["reporter"].apart_from) == {"leader", "validator"}


@pytest.mark.parametrize(
    ("mode", "nodes", "chain"),
    [("connected", 5, ["assignee"]), ("isolated", 5, ["unanimous", "ratio"]), ("isolated", 6, ["ratio"])],
)
def test_a_clause_is_followed_by_the_next_that_holds(
    mode: Literal["connected", "isolated"], nodes: int, chain: list[str]
) -> None:
    clauses = assent_clauses(ir_of().governance, site_facts(nodes, mode), EXPRESSIONS)
    assert [clause.by for clause in clauses] == chain


def test_an_element_exists_only_when_its_condition_holds() -> None:
    dedup = 'migrate: {role: migrate, when: "limits.putRate < 50.0", needs: [placement'
    text = changed(CATALOGUE, ("migrate: {role: migrate, needs: [placement", dedup))
    assert "migrate" in ir_of(text).sets["connected"].elements
    busy = changed(INTENT, ("putRate: 20/s", "putRate: 50/s"))
    assert "migrate" not in ir_of(text, busy).sets["connected"].elements


def test_with_is_filled_in_for_each_element_and_what_only_a_node_knows_is_left() -> None:
    text = changed(
        CATALOGUE,
        ("store: {role: store,", "store: {role: store, with: {tier: hot},"),
        (LOG, f'{LOG} --tier, "${{with.tier}}-${{limits.clients}}",'),
    )
    log = ir_of(text).sets["connected"].elements["store"].configurations["log"]
    assert log.start[4] == "hot-20"
    assert log.start[2] == "${endpoint.main}"


def digests(ir: IntermediateRepresentation) -> dict[tuple[str, str], str]:
    return {
        (name, configuration.name): configuration.digest
        for name, element in ir.sets["connected"].elements.items()
        for configuration in element.configurations.values()
    }


@pytest.mark.parametrize(
    "change",
    [
        (LOG, f"{LOG} --sync, always,"),
        ("{cpu: 300m, memory: 256Mi, disk: 64Mi}", "{cpu: 300m, memory: 128Mi, disk: 64Mi}"),
        ("- name: log #", "- name: log\n      environment: {TIER: hot} #"),
    ],
)
def test_what_changes_the_measurement_changes_the_digest_of_that_configuration(change: tuple[str, str]) -> None:
    before, after = digests(ir_of()), digests(ir_of(changed(CATALOGUE, change)))
    differ = {key for key in before if before[key] != after[key]}
    assert ("store", "log") in differ
    assert all(name == "store" for name, _ in differ)


def test_what_does_not_change_the_measurement_leaves_every_digest() -> None:
    before = digests(ir_of())
    assert digests(ir_of(intent=changed(INTENT, ("putRate: 20/s", "putRate: 200/s")))) == before
    assert digests(ir_of(changed(CATALOGUE, ("perNodes: 6", "perNodes: 7"), ("change: 3", "change: 4")))) == before


def test_roles_and_offices_grow_with_the_site_up_to_their_ceiling() -> None:
    text = changed(
        CATALOGUE,
        ("store: {role: store, instances: {min: 2, max: 4}}", "store: {role: store, instances: {max: 4}}"),
        ("  data: {mode: replicated, copies: 2}", "  scaling: {instances: 1, perNodes: 4}\n  data: {mode: replicated}"),
    )
    store = ir_of(text).sets["connected"].elements["store"]
    assert [store.scaled(nodes) for nodes in (1, 3, 4, 8, 12, 100)] == [1, 1, 2, 3, 4, 4]
    reporter = management_roles(ir_of().governance, site_facts(16, "connected"), EXPRESSIONS)["reporter"]
    assert [reporter.scaled(nodes) for nodes in (6, 8, 16)] == [1, 2, 3]
    fixed = ir_of().sets["connected"].elements["store"]
    assert [fixed.scaled(nodes) for nodes in (1, 5)] == [2, 2]


FAULTS = {
    "unknown role": ("{role: intake,", "{role: intak,", "no role `intak`"),
    "a limit that is not declared": ("limits.putRate + limits.getRate", "limits.headRate", "no field 'headRate'"),
    "a sum of unlike types": ("limits.putRate + limits.getRate", "limits.putRate + 'a'", "requestRate"),
    "a bound that is no figure": ("${limits.putRate + limits.getRate}", "fast-${limits.putRate}", "expected a figure"),
    "a floor above its bound": ("{atLeast: 1/s, floor: 50%}", "{atLeast: 1/s, floor: 2/s}", "floor `2/s` is above"),
    "a floor stricter than its bound": ("{atLeast: 1/s, floor: 50%}", "{atMost: 9ms, floor: 2ms}", "is stricter than"),
    "a floor of another kind": ("{atLeast: 1/s, floor: 50%}", "{atLeast: 1/s, floor: 2ms}", "is a rate, its floor"),
    "an unknown word of an element": (LOG, f'{LOG} "${{with.tier}}",', "configuration `log`"),
    "more copies than instances": ("instances: {min: 2, max: 4}", "instances: {min: 1, max: 1}", "at most 1 instances"),
    "a condition that fails": ("{role: migrate,", '{role: migrate, when: "limits.rate > 1",', "no field 'rate'"),
    "no governance": ("metadata: {name: small-site}", "metadata: {name: large-site}", "no governance `small-site`"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_translated_with_a_fault_and_the_fault_is_told(fault: str) -> None:
    before, after, told = FAULTS[fault]
    with pytest.raises(TranslationError) as failure:
        ir_of(changed(CATALOGUE, (before, after)))
    assert told in str(failure.value)
    assert len(failure.value.findings) == len(set(failure.value.findings))


def test_a_functionality_is_tried_with_its_defaults_before_any_intent() -> None:
    catalogue = catalogue_of(changed(CATALOGUE, ("limits.putRate + limits.getRate", "limits.headRate")))
    found = check_functionality(catalogue.functionalities["tiered-storage@1.2.0"], catalogue, EXPRESSIONS)
    assert [finding.path for finding in found] == ["spec.elements.intake"]


def test_an_intent_above_its_ceiling_or_without_its_functionality_is_refused() -> None:
    with pytest.raises(TranslationError, match="above the ceiling"):
        ir_of(intent=changed(INTENT, ("putRate: 20/s", "putRate: 90000/s")))
    with pytest.raises(TranslationError, match="no functionality in the catalogue matches"):
        ir_of(intent=changed(INTENT, ("tiered-storage@1", "tiered-storage@7")))


def test_a_limit_without_default_must_be_set() -> None:
    text = changed(CATALOGUE, ("{type: count, default: 20, max: 500}", "{type: count, max: 500}"))
    assert ir_of(text).limits["clients"] == 20_000
    with pytest.raises(TranslationError, match="every intent must set it"):
        ir_of(text, changed(INTENT, (", clients: 20", "")))


def test_limits_that_every_intent_may_state_are_kept_with_it() -> None:
    ir = ir_of(intent=changed(INTENT, ("clients: 20", "duration: 365d, cost: 40 EUR/month")))
    assert ir.limits["duration"] == 365 * 86_400_000
    assert ir.limits_text["cost"] == "40 EUR/month"
    assert "cost" not in ir.limits


def test_a_locally_given_intent_is_marked_as_such() -> None:
    notes = FOLDER.joinpath("notes.yaml").read_text()
    ir = ir_of(intent=notes, local=True)
    assert (ir.local, ir.offers_at, ir.priority) == (True, "notes", 50)


def test_a_site_file_becomes_a_site_document_with_its_governance() -> None:
    site = load(FOLDER.joinpath("site.yaml").read_text(), "site.yaml")[0].manifest
    assert isinstance(site, Site)
    document = site_document(site, catalogue_of(), generation=1)
    assert (document.uplink_lost_after_ms, document.uplink_back_after_ms, document.tie_breaker) == (2000, 3000, "n1")
    assert document.run_once_lease_ms == 3000
    assert document.governance == ir_of().governance
    with pytest.raises(TranslationError, match="no governance"):
        site_document(site, Catalogue(), generation=1)


@pytest.mark.parametrize(("stop", "lease", "told"), [("3s", "3s", True), ("3s", "3001ms", False), ("5m", "10s", True)])
def test_x6_a_lease_that_is_not_longer_than_an_exclusive_role_may_take_to_stop_is_told(
    stop: str, lease: str, told: bool
) -> None:
    exclusive = CATALOGUE.index("onSplit: run_once")
    slow = CATALOGUE[:exclusive] + changed(CATALOGUE[exclusive:], ("within: 300ms", f"within: {stop}"))
    place = load(
        changed(FOLDER.joinpath("site.yaml").read_text(), ("tieBreaker", f"runOnceLease: {lease}\n  tieBreaker")), "s"
    )[0].manifest
    assert isinstance(place, Site)
    document = site_document(place, catalogue_of(), generation=1)
    found = [str(one) for one in check_lease(document, [ir_of(slow)])]
    assert len(found) == told
    assert all("spec.runOnceLease" in one and "role `placement`" in one for one in found)
    assert check_lease(document, [msgspec.structs.replace(ir_of(slow), withdrawn=True)]) == []


@pytest.mark.parametrize("example", ["hello", "tiered-storage"])
def test_every_example_applies_in_one_go_and_translates(example: str) -> None:
    folder = files("skerry").joinpath("examples", example)
    texts = [(one.name, one.read_text()) for one in folder.iterdir() if one.name.endswith(".yaml")]
    documents = [document for name, text in texts for document in load(text, name)]
    catalogue = check(documents, Catalogue(), EXPRESSIONS)
    intents = [document.manifest for document in documents if isinstance(document.manifest, Intent)]
    assert intents
    for intent in intents:
        ir = translate(intent, catalogue, expressions=EXPRESSIONS, owner=ManagerId("hq"), generation=1)
        programs = {
            c.start[0] for s in ir.sets.values() for e in s.elements.values() for c in e.configurations.values()
        }
        assert all(program.startswith("skerry-") for program in programs)
        assert msgspec.to_builtins(ir)


def test_the_first_intent_has_ten_lines_at_most() -> None:
    text = files("skerry").joinpath("examples", "hello", "intent.yaml").read_text()
    assert len(text.splitlines()) <= 10
