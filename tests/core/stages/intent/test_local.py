"""An operator's intent, taken in at the site itself (U4)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.kernel.ids import IntentId
from skerry.core.kernel.sealing import Sealed
from skerry.core.stages.intent.events import LocalIntentGiven
from skerry.core.stages.intent.local import take
from skerry.core.stages.ir.model import IntermediateRepresentation, Operator, Roster
from tests.core.things import HQ, SHOP, element, ir

ROSTER = Roster(
    site="shop",
    version=1,
    predecessor="",
    manager=HQ,
    manager_key=b"",
    members={},
    operators={
        "ann": Operator(name="ann", public_key=b"", may=("apply",)),
        "bob": Operator(name="bob", public_key=b"", may=("use",)),
    },
)
EVIDENCE = Sealed(statement=b"as ann signed it", signature=b"good")


def handed(operator: str = "ann", generation: int = 2) -> LocalIntentGiven:
    wish = ir(element(), generation=generation, local=True)
    return LocalIntentGiven(request="r1", operator=operator, ir=wish, evidence=EVIDENCE)


def known(**fields: Any) -> dict[IntentId, IntermediateRepresentation]:
    return {SHOP: ir(element(), **fields)}


@pytest.mark.parametrize(
    "held",
    [{}, known(generation=1, local=True), known(generation=1, withdrawn=True)],
    ids=["new", "an earlier one of the site's own", "withdrawn by head office"],
)
def test_u4_it_is_published_with_the_operators_own_word_beside_it(held) -> None:
    done = take(handed(), ROSTER, held)
    assert [p.name for p in done.publish] == ["intent/hq/shop"]
    assert done.record[0].data["statement"] == EVIDENCE.statement
    assert [r.ok for r in done.reply] == [True]


@pytest.mark.parametrize(
    ("given", "held", "why"),
    [
        (handed("eve"), {}, "'eve' may not apply at this site"),
        (handed("bob"), {}, "'bob' may not apply at this site"),
        (handed(), known(generation=1), "hq/shop is head office's; only hq changes it"),
        (handed(), known(generation=2, local=True), "hq/shop is at generation 2 already"),
    ],
    ids=["a stranger", "without the right", "of head office", "not newer"],
)
def test_u4_what_is_refused_changes_nothing_and_says_why(given, held, why) -> None:
    done = take(given, ROSTER, held)
    assert (done.publish, done.record, done.persist) == ((), (), ())
    assert [(r.ok, r.body) for r in done.reply] == [(False, {"error": why})]
    assert [n.what for n in done.note] == ["intent.refused"]


def test_u4_a_machine_that_does_not_belong_to_the_site_any_more_takes_nothing() -> None:
    done = take(handed(), ROSTER, {}, goes=True)
    assert (done.publish, done.record, done.persist) == ((), (), ())
    assert [r.ok for r in done.reply] == [False]
