"""An operator's hold: who may, what is refused, and why lifting wins over setting, and never the other way (R4)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.core.kernel.ids import ManagerId
from skerry.core.stages.intent.holds import Hold, against, in_words, may_hold
from skerry.core.stages.ir.model import Guest, Operator, Roster, RosterEntry
from tests.core.things import HQ, SHOP, element, ir

ROSTER = Roster(
    site="shop",
    version=1,
    predecessor="",
    manager=HQ,
    manager_key=b"",
    members={n: RosterEntry(node=n, public_key=b"") for n in "ab"},
    operators={
        "ann": Operator(name="ann", public_key=b"", may=("hold",)),
        "bob": Operator(name="bob", public_key=b"", may=("apply",)),
    },
)
WISH = {SHOP: ir(element("store"), isolated=(element("cache"),))}


def hold(**fields: Any) -> Hold:
    return Hold(**{"what": "pause", "subject": SHOP, "place": "a", "number": 1, **fields})


def refused(given: Hold, known: Hold | None = None, irs=WISH) -> str | None:
    return against(given, known, "a", ROSTER, irs)


LIFTED = hold(lifted=True)


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (hold(), None),
        (hold(subject=f"{SHOP}/store"), None),
        (hold(subject=f"{SHOP}/cache"), None),
        (hold(what="drain", subject="b"), None),
        (hold(number=2), LIFTED),
        (LIFTED, hold()),
        (hold(place="b", number=3, lifted=True), hold(place="b", number=3)),
    ],
    ids=["an intent", "a role", "a role of the isolated set", "a node", "once more", "lifted", "lifted elsewhere"],
)
def test_r4_what_is_there_can_be_held_and_what_is_held_can_be_lifted(given, known) -> None:
    assert refused(given, known) is None


@pytest.mark.parametrize(
    ("given", "known", "why"),
    [
        (hold(place="b"), None, "it was signed for b, and this is a"),
        (hold(what="drain", subject="x"), None, "there is no 'x' to drain; known: a, b"),
        (hold(subject="b"), None, f"there is no 'b' to pause; known: {SHOP}, {SHOP}/cache, {SHOP}/store"),
        (hold(number=2), hold(), f"{SHOP} is paused already: {SHOP}@a"),
        (hold(number=3), LIFTED, "it has the number 3, and the next is 2: ask again"),
        (LIFTED, None, f"there is no hold {SHOP}@a number 1 to be lifted"),
        (LIFTED, LIFTED, f"there is no hold {SHOP}@a number 1 to be lifted"),
        (LIFTED, hold(number=2), f"there is no hold {SHOP}@a number 1 to be lifted"),
    ],
)
def test_r4_what_is_refused_says_why(given, known, why) -> None:
    assert refused(given, known) == why


def test_i9_a_withdrawn_intent_is_no_longer_there_to_be_paused() -> None:
    gone = {SHOP: msgspec.structs.replace(WISH[SHOP], withdrawn=True)}
    assert refused(hold(), irs=gone) == f"there is no '{SHOP}' to pause; known: none"


def test_r4_a_lifted_hold_is_newer_than_the_same_one_set_and_older_than_the_next() -> None:
    assert hold().version < LIFTED.version < hold(number=2).version


def test_r4_each_place_has_holds_of_its_own_so_that_nobody_lifts_what_they_cannot_see() -> None:
    assert hold().document != hold(place="b").document != hold(place="b", what="drain").document


def test_r4_the_right_stands_in_the_roster() -> None:
    asked = {name: may_hold(name, hold(), ROSTER) for name in ("ann", "bob", "eve", "a", HQ)}
    assert asked == {"ann": True, "bob": False, "eve": False, "a": False, HQ: False}


@pytest.mark.parametrize(
    ("given", "may"),
    [
        (hold(subject="branch/notes"), True),
        (hold(subject="branch/notes/store"), True),
        (hold(), False),
        (hold(subject="branches/notes"), False),
        (hold(what="drain", subject="b"), False),
    ],
    ids=["its intent", "its role", "another's", "of one with a name that begins so", "a node"],
)
def test_d25_a_guest_may_pause_what_it_owns(given, may) -> None:
    guest = Guest(name=ManagerId("branch"), public_key=b"")
    assert may_hold("branch", given, msgspec.structs.replace(ROSTER, guests=(guest,))) is may
    dismissed = msgspec.structs.replace(guest, dismissed=True)
    assert not may_hold("branch", given, msgspec.structs.replace(ROSTER, guests=(dismissed,)))


def test_r4_it_is_told_in_words() -> None:
    assert in_words(hold(what="drain", subject="b", why="new disk"), "ann") == "drained by ann at a: new disk"
    assert in_words(hold(), "ann") == "paused by ann at a"
