"""Counting ballots, against a twin that counts the slow and obvious way (G1, D13)."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.group.voting.rules import Outcome, count, needed
from skerry.core.kernel.ids import NodeId
from skerry.core.stages.ir.model import AssentClause
from tests.core.things import A, B, C, D, E

NODES = [A, B, C, D, E, NodeId("f"), NodeId("g")]


def twin(clause: AssentClause, assignee: NodeId, members: list[NodeId], roster: int, words: dict[NodeId, bool]) -> str:
    """Try every way in which the silent ones may still answer: all lead to yes, to no, or it is open."""
    silent = [n for n in members if n not in words]
    results = set()
    for answers in product([True, False], repeat=len(silent)):
        final = {n: w for n, w in words.items() if n in members} | dict(zip(silent, answers, strict=True))
        results.add(_agreed(clause, assignee, members, roster, final))
    yes_now = _agreed(clause, assignee, members, roster, {n: words.get(n, False) for n in members})
    return "won" if yes_now else "pending" if True in results else "lost"


def _agreed(
    clause: AssentClause, assignee: NodeId, members: list[NodeId], roster: int, final: dict[NodeId, bool]
) -> bool:
    if not final.get(assignee, False):
        return False
    whole = roster if clause.of == "roster" else len(members)
    share = Fraction(sum(final.values()), whole)
    match clause.by:
        case "assignee":
            return True
        case "unanimous":
            return share == 1
        case "majority":
            return share > Fraction(1, 2)
        case "ratio":
            return share >= Fraction(clause.ratio_permille, 1000)


clauses = st.builds(
    AssentClause,
    by=st.sampled_from(["assignee", "unanimous", "majority", "ratio"]),
    of=st.sampled_from(["part", "roster"]),
    ratio_permille=st.integers(0, 1000),
)


@given(
    clause=clauses,
    size=st.integers(1, 7),
    absent=st.integers(0, 3),
    assignee=st.integers(0, 6),
    words=st.dictionaries(st.sampled_from(NODES), st.booleans()),
)
def test_counting_agrees_with_trying_every_answer_that_may_still_come(clause, size, absent, assignee, words) -> None:
    members, roster = NODES[:size], size + absent
    found = count(
        clause,
        assignee=NODES[assignee],
        members=members,
        roster=roster,
        yes=[n for n, word in words.items() if word],
        no=[n for n, word in words.items() if not word],
    )
    assert found.value == twin(clause, NODES[assignee], members, roster, words)


@pytest.mark.parametrize(
    ("by", "permille", "members", "want"),
    [
        ("ratio", 660, 5, 4),
        ("ratio", 0, 5, 1),
        ("ratio", 143, 7, 2),
        ("majority", 0, 4, 3),
        ("majority", 0, 5, 3),
        ("unanimous", 0, 5, 5),
        ("assignee", 0, 5, 1),
    ],
)
def test_the_number_that_a_clause_asks_for(by, permille, members, want) -> None:
    assert needed(AssentClause(by=by, ratio_permille=permille), members, 9) == want


def test_by_the_assignee_alone_its_own_word_wins_and_its_silence_leaves_it_open() -> None:
    clause = AssentClause(by="assignee")
    assert count(clause, assignee=A, members=[A, B, C], roster=3, yes=[A], no=[B, C]) is Outcome.WON
    assert count(clause, assignee=A, members=[A, B, C], roster=3, yes=[B, C], no=[]) is Outcome.PENDING


def test_a_clause_of_the_roster_cannot_be_won_by_a_part_that_is_too_small() -> None:
    clause = AssentClause(by="majority", of="roster")
    assert count(clause, assignee=A, members=[A, B], roster=5, yes=[A, B], no=[]) is Outcome.LOST


def test_ballots_of_nodes_that_the_proposal_does_not_name_count_for_nothing() -> None:
    clause = AssentClause(by="majority")
    assert count(clause, assignee=A, members=[A, B, C], roster=5, yes=[A, D, E], no=[]) is Outcome.PENDING


def test_nobody_is_made_to_do_what_its_ledger_refuses_whatever_the_others_say() -> None:
    clause = AssentClause(by="majority")
    assert count(clause, assignee=A, members=[A, B, C], roster=3, yes=[B, C], no=[A]) is Outcome.LOST
    assert count(clause, assignee=A, members=[A, B, C], roster=3, yes=[B, C], no=[]) is Outcome.PENDING


def test_an_unknown_rule_is_named_with_the_known_ones() -> None:
    class Lot:
        by, of, ratio_permille = "lot", "part", 0

    with pytest.raises(ValueError, match=r"'lot'.*expected assignee, unanimous, majority or ratio"):
        needed(Lot(), 3, 3)


def test_it_is_lost_as_soon_as_too_few_are_left_to_say_yes_and_not_before() -> None:
    clause = AssentClause(by="majority")
    assert count(clause, assignee=A, members=[A, B, C], roster=3, yes=[A], no=[B]) is Outcome.PENDING
    assert count(clause, assignee=A, members=[A, B, C], roster=3, yes=[A], no=[B, C]) is Outcome.LOST
