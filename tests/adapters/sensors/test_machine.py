"""What a node has: its owner's word over a real machine; and who is ranked first by it (S5, S6, D11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.adapters.sensors.machine import MachineSensors
from skerry.core.kernel.ids import NodeId
from skerry.core.stages.capability.model import NodeFacts
from skerry.core.stages.fit.model import RoleFit
from skerry.core.stages.proposal.model import Member
from skerry.core.stages.proposal.rules import rank
from skerry.ports.sensors import SensorError
from tests.core.things import SHOP, A, B, element, measured, mib

OWN = ("skerry-store",)
NODE = "apiVersion: skerry/v1\nkind: Node\nmetadata: {name: n1, site: shop}\nspec: %s\n"


def facts(folder: Path, spec: str) -> NodeFacts:
    """What the sensors find where the owner says this."""
    folder.mkdir(exist_ok=True)
    (folder / "node.yaml").write_text(NODE % spec)
    return MachineSensors(folder / "node.yaml", data_root=folder / "data", own_programs=OWN, affinity=(0,)).facts()


def ranked(caps: dict[NodeId, NodeFacts]) -> list[NodeId]:
    """The order of nodes that measured the same and differ in nothing but what their owners offer."""
    members = {
        node: Member(
            fit=RoleFit(
                node=node,
                version=1,
                facts=found,
                free=found.caps,
                measured={f"{SHOP}/store": {"stack": measured(hardware=found.hardware)}},
            ),
            free=found.caps,
        )
        for node, found in caps.items()
    }
    spec = element(resources=mib(100))
    ranking = rank(f"{SHOP}/store", spec, members, occupied={}, siblings=(), at_home={}, refused={})
    return [candidate.node for candidate in ranking.candidates]


def test_d11_two_owners_that_swap_what_they_offer_swap_their_nodes_ranks(tmp_path: Path) -> None:
    little, much = "{offers: {memory: 160Mi, disk: 1Gi}}", "{offers: {memory: 900Mi, disk: 1Gi}}"
    assert ranked({A: facts(tmp_path / "a", little), B: facts(tmp_path / "b", much)}) == [B, A]
    assert ranked({A: facts(tmp_path / "a", much), B: facts(tmp_path / "b", little)}) == [A, B]


def test_an_owner_who_offers_too_little_for_a_role_has_no_candidate(tmp_path: Path) -> None:
    little, much = "{offers: {memory: 99Mi, disk: 1Gi}}", "{offers: {memory: 900Mi, disk: 1Gi}}"
    assert ranked({A: facts(tmp_path / "a", little), B: facts(tmp_path / "b", much)}) == [B]


def test_what_the_owner_says_bounds_what_the_machine_has(tmp_path: Path) -> None:
    found = facts(tmp_path, "{offers: {cpu: 50%, memory: 64Mi, disk: 1Gi}, declares: {capabilities: [power.ups]}}")
    assert (found.caps.cpu_milli, found.caps.memory_bytes, found.cpu_cores) == (500, 64 << 20, 1)
    assert found.assurance_permille == 1_000
    assert found.programs == OWN, "those that Skerry brings, as nobody says otherwise"
    assert {"power.ups"} < set(found.capabilities), "and where workloads keep their data, as was found"


def test_d8a_another_offer_or_program_is_other_hardware_and_the_same_word_the_same(tmp_path: Path) -> None:
    base = facts(tmp_path, "{offers: {memory: 64Mi, disk: 1Gi}}").hardware
    assert facts(tmp_path, "{offers: {disk: 1Gi, memory: 65536Ki}}").hardware == base
    assert facts(tmp_path, "{offers: {memory: 65Mi, disk: 1Gi}}").hardware != base
    assert facts(tmp_path, "{offers: {memory: 64Mi, disk: 1Gi}, allows: {programs: [redis]}}").hardware != base


@pytest.mark.parametrize(
    ("spec", "told"), [("{offers: {memory: two}}", "expected a size"), ("{offer: {}}", "did you mean `offers`?")]
)
def test_a_word_that_cannot_be_read_is_told_with_its_file(tmp_path: Path, spec: str, told: str) -> None:
    with pytest.raises(SensorError) as failure:
        facts(tmp_path, spec)
    assert told in str(failure.value) and "node.yaml" in str(failure.value)
