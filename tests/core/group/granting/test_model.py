"""Weights and quorums, looked at exhaustively for up to seven nodes (X2, X3)."""

from __future__ import annotations

from itertools import combinations

import pytest

from skerry.core.group.granting.model import DRIFT_PERMILLE, Electorate, promise_ms
from skerry.core.kernel.ids import NodeId

SITES = [(n, tie) for n in range(1, 8) for tie in (None, "n0")]


def electorate(nodes: int, tie: str | None) -> Electorate:
    return Electorate(roster_version=1, members=frozenset(NodeId(f"n{i}") for i in range(nodes)), tie_breaker=tie)


def subsets(of: Electorate) -> list[frozenset[NodeId]]:
    members = sorted(of.members)
    return [frozenset(c) for size in range(len(members) + 1) for c in combinations(members, size)]


@pytest.mark.parametrize(("nodes", "tie"), SITES)
def test_x3_of_a_set_and_the_rest_at_most_one_is_a_quorum(nodes, tie) -> None:
    site = electorate(nodes, tie)
    assert [s for s in subsets(site) if site.is_quorum(s) and site.is_quorum(site.members - s)] == []


@pytest.mark.parametrize(("nodes", "tie"), SITES)
def test_x3_a_tie_breaker_never_outvotes_a_majority(nodes, tie) -> None:
    site = electorate(nodes, tie)
    for some in subsets(site):
        if 2 * len(some) > nodes:
            assert site.is_quorum(some), f"a majority {sorted(some)} is no quorum"
        if 2 * len(some) < nodes:
            assert not site.is_quorum(some), f"a minority {sorted(some)} is a quorum"


@pytest.mark.parametrize(("nodes", "tie"), SITES)
def test_x3_a_half_is_a_quorum_exactly_if_the_tie_breaker_is_in_it(nodes, tie) -> None:
    site = electorate(nodes, tie)
    for some in subsets(site):
        if 2 * len(some) == nodes:
            assert site.is_quorum(some) == (tie in some)


def test_x3_whoever_is_not_in_the_roster_has_no_weight() -> None:
    site = electorate(3, None)
    assert not site.is_quorum(frozenset({NodeId("n0"), NodeId("stranger"), NodeId("other")}))


@pytest.mark.parametrize("lease_ms", [1, 50, 99, 100, 101, 2_999, 3_000, 60_000, 120_000])
def test_x2_a_promise_outlasts_the_lease_on_a_clock_that_runs_fast_by_the_drift_bound(lease_ms) -> None:
    assert promise_ms(lease_ms) * 1000 >= lease_ms * (1000 + DRIFT_PERMILLE)
    assert isinstance(promise_ms(lease_ms), int)
    assert promise_ms(lease_ms) - lease_ms <= lease_ms * DRIFT_PERMILLE / 1000 + 1
