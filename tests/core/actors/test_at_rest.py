"""J2: at a site at rest a manager is told readings as sums, now and then, and all else at once (decision 0017)."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.conversation import Exchange
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Fold, Retention
from skerry.core.group.uplink.wire import Question
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import decode
from tests.core.things import element, ir
from tests.scenarios.world import Node, World

GRACE_MS = 2_000
RESTING = Retention(rest_ms=21_000, rest_graces=1)
REST_MS = RESTING.rest_for_ms(GRACE_MS)
UNTOLD_MS = RESTING.untold_for_ms(GRACE_MS)
SETTLED_MS = 9_000


class Told:
    """A site of three, and what its questions tell of its journal."""

    def __init__(self) -> None:
        self.heads: dict[str, int] = {}
        self.changes = 0
        self.world = World("abc", ir(element(instances=2)), watch=self._watch, retention=RESTING)
        self.world.start("a", "b", "c")
        self.world.run(SETTLED_MS)

    def _watch(self, node: Node, given: Input[Any], effects: Effects) -> None:
        for report in effects.report:
            assert isinstance(report.message, Question)
            exchange = decode(report.message.carried, Exchange)
            if exchange.heads:
                self.changes += exchange.heads != self.heads
                self.heads = exchange.heads

    def journal(self, name: str) -> Journal:
        agent = self.world.nodes[name].agent
        assert agent is not None
        return agent.journal

    @property
    def held(self) -> Journal:
        return self.journal("a")

    def readings_told_alone(self) -> list[str]:
        """The chains of which the last that is told is a single reading."""
        pieces = {name: self.held.chains[name].piece_with(number, None) for name, number in self.heads.items()}
        return [name for name, piece in pieces.items() if piece is None or piece.alone]


@pytest.fixture
def told() -> Told:
    return Told()


def test_what_is_written_soon_after_a_decision_is_told_with_the_next_question(told: Told) -> None:
    told.world.run(GRACE_MS)
    before = told.held.heads
    told.world.run(GRACE_MS)
    assert all(told.heads[name] >= number for name, number in before.items())
    assert told.readings_told_alone()


def test_at_rest_readings_are_told_as_sums_once_in_as_long(told: Told) -> None:
    told.world.run(2 * REST_MS + UNTOLD_MS)
    told.changes, before = 0, sum(told.heads.values())
    told.world.run(3 * REST_MS)
    assert told.readings_told_alone() == []
    assert sum(told.heads.values()) > before + 6, "and none of them is missing"
    assert 3 <= told.changes <= 3 * len(told.heads), "each author once in that time"


def test_at_rest_the_members_hold_the_same_sums(told: Told) -> None:
    told.world.run(3 * REST_MS)
    first, *others = ({c: told.journal(name).entries(c, 0) for c in told.held.chains} for name in "abc")
    assert others == [first, first]
    sums = [body for chain in first for _, body in told.held.trailing(chain) if isinstance(body, Fold)]
    assert len(sums) >= 2


def test_a_decision_ends_the_rest_and_everything_is_told(told: Told) -> None:
    told.world.run(3 * REST_MS)
    told.world.kill("c", machine=True)
    told.world.run(GRACE_MS)
    before = told.held.heads
    assert told.readings_told_alone()
    told.world.run(GRACE_MS)
    assert all(told.heads[name] >= number for name, number in before.items())


def test_a_reading_that_its_author_puts_into_no_sum_is_told_alone_a_little_later(told: Told) -> None:
    told.world.run(2 * REST_MS)
    for node in told.world.nodes.values():
        assert node.agent is not None
        node.agent.folding.next_ms = 10**9  # as a version that knows of no rest
    before = told.held.heads
    told.world.run(UNTOLD_MS + GRACE_MS)
    assert all(told.heads[name] >= number for name, number in before.items())
    assert told.heads != told.held.heads


@pytest.mark.parametrize(("grace_ms", "rest_ms"), [(2_000, 60_000), (10_000, 120_000), (100_000, 1_200_000)])
def test_who_is_patient_is_told_less_often(grace_ms: int, rest_ms: int) -> None:
    assert Retention().rest_for_ms(grace_ms) == rest_ms
