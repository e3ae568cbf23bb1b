"""Whom the demonstration slows: a voter that knows better is asked about it while it is there (P5)."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.ir.model import Weights
from skerry.core.stages.monitoring.rules import measurer
from skerry.core.stages.proposal.model import Member
from skerry.core.stages.proposal.rules import rank
from skerry.lab.demo.suspects import Suspect, in_the_way, suspects
from tests.core.things import SHOP, A, B, C, D, E, element, fit, measured, mib

LEADER, *OTHERS = A, B, C, D, E
STORE = f"{SHOP}/store"
NEEDS_MIB = 256
SPEC = element("store", resources=mib(NEEDS_MIB), weights=Weights(fit=5, assurance=3, free=1, change=3))


def held_by(*holders: NodeId) -> dict[str, str]:
    return {f"{STORE}#{number}": holder for number, holder in enumerate(holders, 1)}


@pytest.mark.parametrize(("validator", "reporter"), list(itertools.permutations(OTHERS, 2)))
@pytest.mark.parametrize("slow", OTHERS)
def test_whoever_validates_and_reports_the_witness_outlives_the_leader(
    slow: NodeId, validator: NodeId, reporter: NodeId
) -> None:
    management = {"validator": [validator], "reporter": [reporter]}
    [found] = suspects(LEADER, management, {f"{SHOP}/placement#1": LEADER, **held_by(LEADER, slow)})
    assert found == Suspect(f"{STORE}#2", slow, reporter if slow == validator else validator, f"{STORE}#1")
    assert found.witness == measurer(slow, [validator], [reporter])
    assert found.witness not in (LEADER, slow)


def test_where_the_leader_has_nothing_that_another_has_it_is_whoever_might_be_asked_again_at_all() -> None:
    management = {"validator": [B], "reporter": [C]}
    found = suspects(LEADER, management, {f"{SHOP}/intake#1": LEADER, **held_by(B, D)})
    assert [(one.instance, one.node, one.witness) for one in found] == [(f"{STORE}#1", B, C), (f"{STORE}#2", D, B)]
    assert [one.opens for one in found] == [one.instance for one in found]


def test_nobody_is_slowed_at_what_cannot_move_without_a_gap() -> None:
    management = {"validator": [B], "reporter": [C]}
    assert suspects(LEADER, management, {f"{SHOP}/migrate#1": LEADER, f"{SHOP}/migrate#2": D}) == []


machines = st.tuples(
    st.integers(200, 40_000), st.sampled_from([300, 600, 1_000]), st.integers(NEEDS_MIB, 1_000)
)  # what it measured, how sure it is to go on, and what it has free when the leader is gone


@given(st.tuples(machines, machines, machines, machines))
def test_with_those_ahead_out_of_the_way_the_slow_node_is_asked_first_whatever_anybody_has_free(
    drawn: tuple[tuple[int, int, int], ...],
) -> None:
    slow, helper, *_ = OTHERS  # the leader and the one that took over hold the others of its kind
    members = {
        node: Member(fit=fit(node, {"store": (measured(ops=ops),)}, assurance_permille=sure), free=mib(1_000))
        for node, (ops, sure, _) in zip(OTHERS, drawn, strict=True)
    }
    free = {node: mib(left) for node, (_, _, left) in zip(OTHERS, drawn, strict=True)}
    told = rank(STORE, SPEC, members, occupied={}, siblings=(), at_home={}, refused={})
    away = in_the_way(map(msgspec.structs.asdict, told.candidates), slow, {LEADER, helper})
    assert helper not in away
    then = {node: member.at(free[node]) for node, member in members.items() if node not in away}
    asked = rank(STORE, SPEC, then, occupied={}, siblings=(helper,), at_home={}, refused={})
    assert asked.candidates[0].node == slow


def test_nobody_is_in_the_way_of_a_node_that_is_far_ahead_and_whoever_may_be_ahead_is() -> None:
    def asked_before(strong: int, weak: int) -> list[str]:
        members = {
            node: Member(fit=fit(node, {"store": (measured(ops=ops),)}, assurance_permille=sure), free=mib(1_000))
            for node, ops, sure in ((B, strong, 1_000), (C, weak, 300), (D, 150, 300))
        }
        told = rank(STORE, SPEC, members, occupied={}, siblings=(), at_home={}, refused={})
        return in_the_way(map(msgspec.structs.asdict, told.candidates), B, {LEADER})

    assert asked_before(800, 4_000) == []
    assert asked_before(150, 4_000) == [C]
