"""R4, X8, D25: a right that was taken and given again is another one."""

from __future__ import annotations

import msgspec

from skerry.core.kernel.ids import ManagerId
from skerry.core.stages.ir.model import Guest, Operator, Roster
from skerry.core.stages.ir.rights import with_rights_since
from tests.core.things import HQ

FIRST = Roster(site="shop", version=1, predecessor="", manager=HQ, manager_key=b"k", members={})


def ann(*may: str, key: bytes = b"ann") -> dict[str, Operator]:
    return {"ann": Operator(name="ann", public_key=key, may=may)}


def after(*steps: dict[str, Operator]) -> Roster:
    """The first of these are the operators that a site was founded with."""
    roster = msgspec.structs.replace(FIRST, operators=steps[0])
    for operators in steps[1:]:
        following = msgspec.structs.replace(roster, version=roster.version + 1, operators=operators)
        roster = with_rights_since(roster, following)
    return roster


def test_a_right_that_was_never_taken_counts_from_the_first_version_whatever_comes_beside_it() -> None:
    roster = after(ann("hold"), ann("hold"), ann("hold", "apply"))
    assert roster.operators["ann"].since == {"apply": 3}
    assert roster.gives("ann", "hold", under=0) and roster.gives("ann", "apply", under=3)
    assert not roster.gives("ann", "apply", under=2)


def test_a_right_that_is_given_anew_covers_nothing_that_was_said_before() -> None:
    for without in ({}, ann("apply")):
        roster = after(ann("hold"), without, ann("hold"), ann("hold"))
        assert not roster.gives("ann", "hold", under=1)
        assert roster.gives("ann", "hold", under=3)


def test_whoever_has_the_same_name_and_another_key_is_another() -> None:
    roster = after(ann("hold"), ann("hold", key=b"other"))
    assert not roster.gives("ann", "hold", under=1) and roster.gives("ann", "hold", under=2)


def test_nobody_speaks_under_a_roster_that_is_still_to_come() -> None:
    roster = after(ann("hold"))
    assert roster.gives("ann", "hold", under=1) and not roster.gives("ann", "hold", under=2)
    assert not roster.gives("bob", "hold", under=1)


def test_d25_a_guest_that_is_admitted_again_begins_anew_and_one_that_stays_does_not() -> None:
    guest = Guest(name=ManagerId("m2"), public_key=b"m2")
    gone = msgspec.structs.replace(guest, dismissed=True)
    roster, since = msgspec.structs.replace(FIRST, guests=(guest,)), []
    for guests in ((guest,), (gone,), (guest,), (guest,)):
        following = msgspec.structs.replace(roster, version=roster.version + 1, guests=guests)
        roster = with_rights_since(roster, following)
        since.append(roster.guests[0].since)
    assert since == [0, 0, 4, 4]
