"""How far a manager knows when each life of a node ended (H3)."""

from __future__ import annotations

import pytest

from skerry.core.actors.remembered import lives, readings
from skerry.core.group.journal.chain import body_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Record
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.history.folding import fold
from skerry.core.stages.history.model import Life
from skerry.core.stages.history.rules import compliance
from skerry.core.stages.ir.model import Roster, RosterEntry
from skerry.sim.keys import StandInSigner
from tests.core.things import HQ, A, B, reopened

NOW = 1_000_000


class Told:
    """A manager that hears of the node A, which starts anew now and then."""

    def __init__(self) -> None:
        self.manager = Journal(me=NodeId(HQ), site="shop", life=LifeId("-"), boot="-", signer=StandInSigner("hq", 0))
        self.node = self.begin("1", {})

    def begin(self, life: str, kept: dict[str, bytes]) -> Journal:
        return Journal.recover(A, "shop", LifeId(life), "boot", StandInSigner("a", 0), kept)

    def restart(self, life: str, kept: dict[str, bytes] | None = None) -> None:
        self.node = self.begin(
            life, {"journal-last": self.node.chains[self.node.own_chain].hash.encode(), **(kept or {})}
        )

    def write(self, wall_ms: int, *, told: bool = True, what: str = "instance.seconds", about: str = "") -> None:
        given: Input[object] = Input(id="i", at_ms=1, wall_ms=wall_ms, draw=0, event=None)
        self.node.record(Record(kind="reading", what=what, about=about, data={"activation": 1}), given)
        if told:
            self.tell()

    def tell(self) -> None:
        chain = self.node.own_chain
        for sealed in self.node.entries(chain, self.manager.heads.get(chain, 0)):
            self.manager.take(reopened(sealed, type(body_of(decode(sealed.statement, Statement)))))

    def folds(self) -> None:
        found = self.node.trailing(self.node.own_chain)
        self.node.fold([piece for piece, _ in found], *fold(body for _, body in found))

    def of(self, life: str, *rosters: Roster) -> Life:
        return lives(self.manager, rosters, NOW)[A, life]


@pytest.fixture
def told() -> Told:
    made = Told()
    made.write(1_000)
    return made


def roster(version: int, members: tuple[str, ...], former: tuple[str, ...], wall_ms: int) -> Roster:
    entry = {name: RosterEntry(node=name, public_key=b"") for name in (*members, *former)}
    return Roster(
        site="shop",
        version=version,
        predecessor="",
        manager=HQ,
        manager_key=b"",
        members={name: entry[name] for name in members},
        former={name: entry[name] for name in former},
        wall_ms=wall_ms,
    )


def test_the_newest_life_may_go_on_now(told: Told) -> None:
    assert told.of("1") == Life(over_wall_ms=NOW)


def test_one_after_which_another_began_was_over_by_then_and_is_whole_if_that_one_names_its_last_entry(
    told: Told,
) -> None:
    told.restart("2")
    told.write(5_000)
    assert told.of("1") == Life(over_wall_ms=5_000, whole=True)
    assert told.of("2") == Life(over_wall_ms=NOW)


def test_one_whose_last_entries_are_not_here_is_not_whole(told: Told) -> None:
    told.write(2_000, told=False)
    told.restart("2")
    told.write(5_000)
    assert told.of("1") == Life(over_wall_ms=5_000)


def test_of_a_life_that_begins_with_a_sum_what_was_summed_first_tells_by_when_it_had_begun(told: Told) -> None:
    told.restart("2")
    told.write(5_000, told=False)
    told.write(7_000, told=False)
    told.folds()
    told.tell()
    assert told.of("1").over_wall_ms == 7_000


def test_that_of_a_node_that_was_taken_out_was_over_by_then(told: Told) -> None:
    rosters = [roster(1, (A, B), (), 0), roster(2, (B,), (A,), 30_000), roster(3, (), (A, B), 60_000)]
    assert told.of("1", *rosters) == Life(over_wall_ms=30_000)
    told.restart("2")
    told.write(40_000)
    assert told.of("1", *rosters) == Life(over_wall_ms=30_000, whole=True)


def test_what_nobody_has_any_more_is_told(told: Told) -> None:
    told.manager.lose("a/1", 7)
    assert told.of("1") == Life(over_wall_ms=NOW, lost=((2, 7),))


# --- what a node was given, and told nothing of -----------------------------------------------------------------------

GIVEN = "hq/shop/store#1"


def committed(told: Told, at_ms: int, holder: str = "a", *, slot: str = f"{GIVEN} (isolated)") -> None:
    """B leads, and gives A a role."""
    leader = Journal.recover(B, "shop", LifeId("1"), "boot", StandInSigner("b", 0), {})
    data = {"assigned": {slot: {"holder": holder, "agreed": "by all"}}}
    given: Input[object] = Input(id="i", at_ms=1, wall_ms=at_ms, draw=0, event=None)
    leader.record(Record(kind="decision", what="plan.committed", data=data), given)
    for sealed in leader.entries("b/1", 0):
        told.manager.take(reopened(sealed, Entry))


def unknown_s(told: Told, *rosters: Roster) -> int:
    rows = compliance(readings(told.manager, rosters), lives(told.manager, rosters, NOW), 10)
    return next((row["unknown_s"] for row in rows if row["instance"] == GIVEN), 0)


TAKEN_OUT = roster(2, (B,), (A,), 30_000)


def test_h3_of_what_a_node_was_given_and_told_nothing_of_all_is_unknown_until_it_was_taken_out(told: Told) -> None:
    committed(told, 5_000)
    assert unknown_s(told) == 0, "it may start it yet"
    assert unknown_s(told, TAKEN_OUT) == 25


def test_h3_by_its_last_entry_that_is_here_it_had_not_begun(told: Told) -> None:
    committed(told, 5_000)
    told.write(20_000)
    assert unknown_s(told, TAKEN_OUT) == 10


def test_h3_what_it_told_of_counts_as_ever(told: Told) -> None:
    committed(told, 5_000)
    told.write(6_000, what="role.active", about=GIVEN)
    assert unknown_s(told, TAKEN_OUT) == 24
    told.write(8_000, what="role.stopped", about=GIVEN)
    assert unknown_s(told, TAKEN_OUT) == 0


def test_h3_a_node_of_which_nothing_ever_came_is_lost_with_all_that_it_was_given() -> None:
    told = Told()
    committed(told, 5_000)
    assert unknown_s(told, TAKEN_OUT) == 25


@pytest.mark.parametrize("broken", [{"holder": 7}, {"holder": "c"}, {"slot": "x"}])
def test_commits_of_another_form_say_nothing(told: Told, broken: dict[str, object]) -> None:
    committed(told, 5_000, **broken)  # type: ignore[arg-type]  # what a member wrote may be anything
    assert unknown_s(told, TAKEN_OUT) == 0
