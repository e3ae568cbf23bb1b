"""Who should fill a slot, and why not the others (D11, D16)."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.fit.model import Measured
from skerry.core.stages.ir.model import Weights
from skerry.core.stages.proposal.model import Candidate, Member, Ranking
from skerry.core.stages.proposal.rules import conflict, rank, worth_moving
from tests.core.things import SHOP, STACK, A, B, C, configuration, element, fit, measured, mib

STORE = f"{SHOP}/store"


def member(node: NodeId, ops: int | None = 200, free: int = 1_000, memory: int = 1_000, **facts) -> Member:
    found: dict[str, tuple[Measured, ...]] = {"store": (measured(ops=ops),)} if ops is not None else {}
    return Member(fit=fit(node, found, memory=memory, **facts), free=mib(free))


def ranked(spec=None, *members: Member, **fields) -> Ranking:
    given = {"occupied": {}, "siblings": (), "at_home": {}, "refused": {}, **fields}
    return rank(STORE, spec or element(), {m.fit.node: m for m in members}, **given)


def order(ranking: Ranking) -> list[NodeId]:
    return [c.node for c in ranking.candidates]


def test_the_better_fit_goes_first_and_equal_ones_by_name() -> None:
    assert order(ranked(None, member(A, 150), member(B, 300), member(C, 150))) == [B, A, C]


def test_d11_swapping_two_nodes_caps_swaps_their_ranks() -> None:
    small, large = {"free": 400, "memory": 1_000}, {"free": 900, "memory": 1_000}
    assert order(ranked(element(resources=mib(100)), member(A, **large), member(B, **small))) == [A, B]
    assert order(ranked(element(resources=mib(100)), member(A, **small), member(B, **large))) == [B, A]


def test_d11_swapping_two_nodes_measurements_swaps_their_ranks() -> None:
    assert order(ranked(None, member(A, 400), member(B, 150))) == [A, B]
    assert order(ranked(None, member(A, 150), member(B, 400))) == [B, A]


def test_where_it_runs_already_it_stays_though_another_would_be_better() -> None:
    home = {B: STACK.digest}
    assert order(ranked(None, member(A, 900), member(B, 110), at_home=home)) == [B, A]
    assert order(ranked(None, member(A, 900), member(B, 110), at_home={B: "another"})) == [A, B]


def test_every_reason_against_is_said() -> None:
    spec = element("store", STACK, configuration("other"), resources=mib(500))
    weak = Member(fit=fit(B, {"store": (measured(ops=90),)}), free=mib(900))
    broken = Member(fit=fit(C, {"store": (measured(failure="it never got ready"),)}), free=mib(900))
    found = ranked(spec, member(A, free=100), weak, broken)
    assert found.candidates == ()
    assert found.unable == {
        A: "memory: 500Mi needed, 100Mi free",
        B: "other: not measured yet; stack: fit 0.90, 1.00 wanted",
        C: "other: not measured yet; stack: it never got ready",
    }


def test_a_fit_that_is_not_enough_is_said_with_what_is_wanted() -> None:
    assert ranked(element(headroom_permille=20_000), member(A, 1_500)).unable == {A: "stack: fit 15.00, 20.00 wanted"}
    assert ranked(element(headroom_permille=1_500), member(A, 59), lowered=True).unable == {
        A: "stack: fit 0.98, 1.00 wanted"
    }


def test_all_that_a_node_lacks_is_said() -> None:
    much = Resources(cpu_milli=500, memory_bytes=mib(500).memory_bytes)
    assert ranked(element(resources=much), member(A, free=100)).unable == {
        A: "cpu: 500m needed, 0m free; memory: 500Mi needed, 100Mi free"
    }


def test_what_was_not_even_tried_and_what_conflicts_is_said_too() -> None:
    untried = msgspec.structs.replace(fit(A), limitations={STORE: {"stack": "no such program"}})
    assert ranked(None, Member(fit=untried, free=mib(900))).unable == {A: "stack: no such program"}
    rival = configuration("rival", conflicts=("stack",))
    assert ranked(None, member(A), occupied={A: [rival]}).unable == {A: "stack: conflicts with rival"}
    nothing = msgspec.structs.replace(element(), configurations={})
    assert ranked(nothing, member(A)).unable == {A: "it has measured no configuration of this role"}


def test_headroom_asks_for_more_and_lowered_standards_for_less() -> None:
    assert order(ranked(element(headroom_permille=1_500), member(A, 149), member(B, 150))) == [B]
    assert order(ranked(element(), member(A, 61), member(B, 59), lowered=True)) == [A]
    assert ranked(element(), member(A, 61), lowered=True).candidates[0].lowered


def test_a_measurement_of_another_digest_is_worth_nothing() -> None:
    stale = Member(fit=fit(A, {"store": (measured(configuration("stack", "0")),)}), free=mib(900))
    assert ranked(None, stale).unable == {A: "stack: not measured yet"}


def test_who_refused_or_holds_a_sibling_is_no_candidate() -> None:
    found = ranked(None, member(A), member(B), member(C), refused={A: "no"}, siblings={B})
    assert order(found) == [C]
    assert found.unable == {A: "no", B: "it holds another instance of this role"}


def test_d16_a_configuration_that_conflicts_is_left_out_and_the_next_is_taken() -> None:
    rival = configuration("rival", conflicts=("stack",))
    spec = element("store", STACK, configuration("plain"))
    both = Member(
        fit=fit(A, {"store": (measured(ops=900), measured(spec.configurations["plain"], 200))}), free=mib(900)
    )
    assert ranked(spec, both, occupied={A: [rival]}).candidates[0].configuration == "plain"
    assert ranked(spec, both).candidates[0].configuration == "stack"


def test_d16_a_conflict_holds_both_ways_and_for_what_is_required() -> None:
    one, other = configuration("one", conflicts=("other",)), configuration("other")
    assert conflict(one, [other]) == "other"
    assert conflict(other, [one]) == "one"
    disk, hungry = configuration("disk", requires=("storage",)), configuration("hungry", conflicts=("storage",))
    assert conflict(disk, [hungry]) == "hungry"
    assert conflict(hungry, [disk]) == "disk"
    assert conflict(one, [disk]) is None
    special = configuration("special", requires=("storage.nvme",))
    assert conflict(special, [hungry]) == "hungry"
    assert conflict(configuration("tape", conflicts=("storage.tape",)), [disk, special]) is None


@given(st.dictionaries(st.sampled_from([A, B, C]), st.tuples(st.integers(1, 999), st.integers(0, 1_000)), min_size=1))
def test_every_member_is_either_a_candidate_or_named_with_a_reason_and_scores_are_in_bounds(known) -> None:
    found = ranked(element(resources=mib(300)), *(member(n, ops, free) for n, (ops, free) in known.items()))
    assert {*order(found), *found.unable} == {*known}
    assert len(order(found)) + len(found.unable) == len(known)
    for candidate in found.candidates:
        assert candidate.fit_permille >= 1_000
        assert 0 <= candidate.score <= 1_000
        assert all(0 <= term <= 1_000 for term in candidate.terms.values())
    scores = [c.score for c in found.candidates]
    assert scores == sorted(scores, reverse=True)


# --- the objective function -------------------------------------------------------------------------------------------


def test_d11_the_score_is_the_weighted_mean_of_its_terms() -> None:
    """200 of 100 operations: two parts of three; 500 of 1,000 MiB stay free."""
    ready = member(B, 200, free=600, assurance_permille=803)
    (stays,) = ranked(element(resources=mib(100)), ready, at_home={B: STACK.digest}).candidates
    assert stays.terms == {"fit": 666, "assurance": 803, "free": 500, "change": 1_000}
    assert stays.weights == {"fit": 5, "assurance": 2, "free": 2, "change": 1}
    assert (stays.fit_permille, stays.lowered, stays.score) == (2_000, False, 693)
    assert (stays.configuration, stays.digest) == ("stack", STACK.digest)
    (moves,) = ranked(element(resources=mib(100)), ready).candidates
    assert (moves.terms["change"], moves.score) == (0, 593)
    (half,) = ranked(element(headroom_permille=2_000), ready).candidates
    assert half.terms["fit"] == 500, "just what is wanted"


def test_d11_weights_are_relative_to_each_other_and_without_any_all_are_equal() -> None:
    able = member(B, 200, assurance_permille=800)
    for weights, score in (
        (Weights(fit=1, assurance=0, free=0, change=0), 666),
        (Weights(fit=0, assurance=3, free=0, change=0), 800),
        (Weights(fit=0, assurance=0, free=0, change=0), 0),
    ):
        assert ranked(element(weights=weights), able).candidates[0].score == score


MORE = Resources(cpu_milli=3_000, memory_bytes=3_000, disk_bytes=3_000)


@pytest.mark.parametrize(
    ("needed", "free_permille"),
    [
        (Resources(cpu_milli=1_000), 666),
        (Resources(memory_bytes=1_000), 666),
        (Resources(disk_bytes=1_000), 666),
        (Resources(cpu_milli=1_000, disk_bytes=2_000), 333),
        (MORE, 0),
        (Resources(), 1_000),
    ],
    ids=["cpu", "memory", "disk", "the scarcest", "all of it", "nothing"],
)
def test_d11_of_what_stays_free_the_scarcest_kind_counts(needed: Resources, free_permille: int) -> None:
    report = fit(A, {"store": (measured(),)})
    facts = msgspec.structs.replace(report.facts, caps=MORE)
    able = Member(fit=msgspec.structs.replace(report, facts=facts), free=MORE)
    assert ranked(element(resources=needed), able).candidates[0].terms["free"] == free_permille


def test_d11_what_an_owner_does_not_offer_is_not_scarce() -> None:
    assert ranked(None, member(A, 200, free=0, memory=0)).candidates[0].terms["free"] == 1_000


# --- moving -----------------------------------------------------------------------------------------------------------


def scored(**scores: int) -> Ranking:
    """Candidates with these scores and nothing else."""
    found = [
        Candidate(
            node=NodeId(node),
            configuration="stack",
            digest="",
            fit_permille=1_000,
            lowered=False,
            terms={},
            weights={},
            score=score,
        )
        for node, score in scores.items()
    ]
    return Ranking(candidates=tuple(found))


def mover(gain_permille: int, **scores: int) -> NodeId | None:
    best = worth_moving(scored(**scores), A, gain_permille)
    return best.node if best is not None else None


def test_d18_a_move_is_worth_it_from_just_the_gain_that_is_asked_for() -> None:
    assert mover(200, a=1_000, b=1_200) == B
    assert mover(200, a=1_000, b=1_199) is None


def test_d18_of_several_the_best_is_taken_and_of_equals_the_lesser_name() -> None:
    assert mover(200, a=500, b=800, c=900) == C
    assert mover(200, a=500, c=900, b=900) == B


def test_d18_a_holder_that_would_not_be_chosen_any_more_is_beaten_by_anybody() -> None:
    assert mover(200, b=0) == B
    assert mover(0, b=1) == B


def test_d18_where_there_is_nobody_else_nothing_moves() -> None:
    assert mover(0, a=1) is None
    assert mover(0) is None
