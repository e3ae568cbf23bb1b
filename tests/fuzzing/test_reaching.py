"""Each target comes to the code that it is there for, and says so when that code is broken: a defect planted there, in
the middle of what good data comes by, is found by a search without any guidance."""

from __future__ import annotations

from hashlib import shake_128
from typing import Any

import pytest

from tests.fuzzing.dice import Dice
from tests.fuzzing.run import DATA_BYTES_MAX, TARGET_NAMES
from tests.fuzzing.targets import TARGETS, judged

PIECES = 400
PLANTED = (
    ("wire", "skerry.core.group.journal.machine.Journal.take"),
    ("wire", "skerry.core.group.custody.machine.Custody.keep"),
    ("wire", "skerry.core.stages.negotiation.voter.Voter._on_proposal"),
    ("uplink", "skerry.core.actors.manager.ManagerSite._answer"),
    ("uplink", "skerry.core.actors.manager.ManagerSite._take_document"),
    ("uplink", "skerry.core.stages.history.rules._seconds"),
    ("node", "skerry.core.actors.agent.take"),
    ("manifest", "skerry.core.stages.ir.rules.role_set"),
    ("cel", "skerry.adapters.cel._reason"),
    ("probe", "skerry.adapters.workload.figures.Figures"),
    ("use", "skerry.core.stages.monitoring.machine.Record"),
    ("state", "skerry.core.actors.agent.Keeper.recover"),
    ("state", "skerry.core.group.custody.machine.Custody.restore"),
    ("store", "skerry.core.actors.manager.Restored.recover"),
    ("store", "skerry.core.actors.manager.ManagerSite._answer"),
    ("sqlite", "skerry.adapters.sqlite.state.SqliteStorage.commit"),
    ("inputs", "skerry.inputlog.ring._damaged"),
    ("settings", "skerry.shell.settings.AgentSettings.retention"),
)
"""Target and place. What an agent dies of in a replay is an answer, so that there only the reading can be broken."""


class Planted(Exception):
    """The defect."""


def breaks(*_: Any, **__: Any) -> Any:
    """In the place of what should be done."""
    raise Planted


def test_every_target_has_a_place_that_it_comes_to() -> None:
    assert {name for name, _ in PLANTED} == set(TARGET_NAMES)


@pytest.mark.parametrize(("name", "place"), PLANTED)
def test_a_defect_there_is_found(name: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = TARGETS[name]
    target.check(target.grow(Dice(b"")))
    monkeypatch.setattr(place, breaks)
    for number in range(PIECES):
        try:
            judged(name, target.grow(Dice(shake_128(b"%d" % number).digest(DATA_BYTES_MAX))))
        except Planted:
            return
    pytest.fail(f"nothing came to {place}")
