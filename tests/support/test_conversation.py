"""The conversation tool itself: what it lets pass and what it does not."""

from __future__ import annotations

import pytest

from skerry.core.group.election.machine import Election
from skerry.core.group.election.model import ElectionView, Standing
from skerry.core.group.election.wire import FollowMe, IWould, WouldYou
from skerry.core.kernel.effects import NOTHING
from tests.core.things import A, B
from tests.support.conversation import Talk, anything, at, heard, keeps, notes, says, talk, unasserted, until


def voter() -> Talk:
    return talk(Election(me=A, started_ms=0), ElectionView(contacts={B: Standing()}, fit_permille=0))


def test_a_conversation_that_goes_as_written_passes() -> None:
    assert (
        voter()
        >> at(1_300)
        << says(B, WouldYou, round=1)
        >> heard(B, IWould(round=1, yes=True, highest=0))
        << keeps("election/followed")
        << says(B, FollowMe(term=1))
        << notes("leader.followed", A)
    )


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (lambda: voter() >> at(1_300), "unexpected << says b: WouldYou"),
        (lambda: voter() >> at(1_300) << says(B, FollowMe), "expected << says b: FollowMe"),
        (lambda: voter() >> at(1_300) << says(B, WouldYou, round=2), "found << says b: WouldYou(round=1)"),
        (lambda: voter() >> at(1_299) << says(B, WouldYou), "found nothing of that kind"),
        (lambda: voter() >> at(1_300) << anything << keeps("election/"), "not found, or not in this order"),
        (lambda: voter() >> at(1_300) << says(B, WouldYou) << notes("leader.followed"), "not found"),
    ],
)
def test_one_that_goes_otherwise_is_printed_with_the_difference(script, complaint) -> None:
    with pytest.raises(AssertionError) as failed:
        bool(script())
    assert "1300 ms >> DeadlinePassed()" in str(failed.value) or "1299 ms" in str(failed.value)
    assert complaint in str(failed.value)


def test_a_script_that_is_never_asserted_is_remembered_until_it_is() -> None:
    script = voter() >> at(10)
    assert [t is script for t in unasserted] == [True]
    assert script
    assert unasserted == []


def test_a_machine_that_wants_to_be_woken_at_once_for_ever_is_caught() -> None:
    class Restless:
        def step(self, given, view):
            return NOTHING

        def next_deadline_ms(self):
            return 5

        def check_invariants(self):
            return None

    with pytest.raises(AssertionError, match="never rests"):
        bool(talk(Restless(), None) >> until(10))
