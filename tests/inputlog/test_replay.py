"""What a replay says when the log, or the core, is not what it was; and what an agent does whose log fails."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from skerry.cli.sim import example_book
from skerry.core.actors.agent import Identity
from skerry.core.kernel.ids import LifeId
from skerry.core.kernel.values import decode, encode
from skerry.inputlog import recorder
from skerry.inputlog.recorder import InputLogError, Segments
from skerry.inputlog.records import Batch, Continued, Record, Recovered
from skerry.inputlog.replay import Diverged, Replay
from skerry.inputlog.ring import Ring, records_in, segments_in
from skerry.inputlog.snapshot import SnapshotError, dump, load
from skerry.inputlog.state import state_digest
from skerry.sim.options import Shape, draw_options
from skerry.sim.world import World
from tests.support.command import skerry

RING_BYTES = 1024 * 1024
SAFETY_MS, LIVENESS_MS = 5_000, 60_000
SHORT = 20


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two nodes that had nothing to suffer, and their logs in `n1` and `n2`."""
    folder = tmp_path_factory.mktemp("world")
    drawn = draw_options(7, SAFETY_MS, LIVENESS_MS)
    made = World(Shape(nodes=2, calm=True, safety_ms=SAFETY_MS).of(drawn), example_book())
    for name, machine in made.machines.items():
        machine.segments = Ring(folder / name, RING_BYTES)
    made.run()
    return made


@pytest.fixture
def segment(world: World) -> Path:
    ring = world.machines["n1"].segments
    assert isinstance(ring, Ring)
    return segments_in(ring.folder)[0]


@pytest.fixture
def records(segment: Path) -> list[Record]:
    return list(records_in(segment))


@pytest.fixture
def replay(world: World) -> Replay:
    return Replay(world.verifier, world.book.expressions)


def test_an_input_that_is_missing_shows_in_what_follows(records: list[Record], replay: Replay) -> None:
    del records[len(records) // 2 - len(records) % 2 - 1]
    with pytest.raises(Diverged):
        replay.run(records)


def test_a_draw_that_is_another_shows_no_later_than_in_the_state(records: list[Record], replay: Replay) -> None:
    """The life's own name is drawn: whoever changes it changes everything that is signed."""
    start = records[0]
    assert isinstance(start, Recovered)
    changed = Recovered(
        version=start.version,
        identity=Identity(site=start.identity.site, node=start.identity.node, life=LifeId("0" * 16), boot="b"),
        kept=start.kept,
        found=start.found,
        contingency=start.contingency,
        given=start.given,
    )
    with pytest.raises(Diverged, match="something else than the agent signed"):
        replay.run([changed, *records[1:]])


def test_inputs_whose_outcome_was_not_written_any_more_are_stepped_all_the_same(
    records: list[Record], replay: Replay
) -> None:
    """An agent that ends within a step leaves the input that it ended in."""
    last = max(place for place, record in enumerate(records) if isinstance(record, Batch))
    reached = replay.run(records[: last + 1])
    assert reached.unfinished == 1
    assert reached.inputs == sum(len(record.inputs) for record in records if isinstance(record, Batch))


def test_another_core_is_named_and_has_an_exit_code_of_its_own(segment: Path, tmp_path: Path) -> None:
    ring = Ring(tmp_path, RING_BYTES)
    ring.begin()
    for record in records_in(segment):
        if isinstance(record, Recovered):
            fields = {name: getattr(record, name) for name in record.__struct_fields__}
            record = Recovered(**{**fields, "version": "0.0.9+0123456789ab"})
        ring.append(encode(record))
    ring.close()
    ran = skerry("replay", tmp_path)
    assert ran.code == 4
    assert "0.0.9+0123456789ab" in ran.out
    assert "another core wrote this" in ran.err


def test_an_agent_goes_on_from_its_dumped_state_as_if_nothing_had_been(world: World) -> None:
    for machine in world.machines.values():
        assert machine.shell is not None
        agent = machine.shell.agent
        again = load(dump(agent), machine.signer, world.book.expressions)
        assert state_digest(again) == state_digest(agent)
        assert again.next_deadline_ms() == agent.next_deadline_ms()
        assert again.machines.keys() == agent.machines.keys()
        assert again.picture.agent is again and again.signer is machine.signer


@pytest.mark.parametrize(
    "named", ["os:system", "builtins:eval", "skerry.core.actors.agent:dataclass", "skerry.core.actors.agent:seal", ":"]
)
def test_a_state_can_name_records_of_the_core_and_nothing_else(named: str, world: World) -> None:
    forged = msgspec.msgpack.encode([[named], ["record", 0]])
    with pytest.raises(SnapshotError, match="no record of this version's core"):
        load(forged, world.machines["n1"].signer, world.book.expressions)


class Short(Segments):
    """Segments in memory, of few records each."""

    def __init__(self) -> None:
        self.kept: list[list[Record]] = []

    @property
    def full(self) -> bool:
        return len(self.kept[-1]) >= SHORT

    def begin(self) -> None:
        self.kept.append([])

    def append(self, record: bytes) -> None:
        self.kept[-1].append(decode(record, Record))  # type: ignore[arg-type]  # a union is what msgspec takes

    def close(self) -> None:
        """Nothing to let go."""


def test_a_segment_is_replayed_wherever_the_one_before_it_ended() -> None:
    """What the agent was is all there: also which of its machines had looked at what."""
    world = World(
        Shape(nodes=2, calm=True, safety_ms=SAFETY_MS).of(draw_options(9, SAFETY_MS, LIVENESS_MS)), example_book()
    )
    disk = world.machines["n1"].segments = Short()
    world.run()
    assert len(disk.kept) > 10
    for segment in disk.kept:
        Replay(world.verifier, world.book.expressions).run(segment)


class Failing(Segments):
    """Segments in memory, and a disk that is full for a while."""

    def __init__(self, full_from: int, full_to: int) -> None:
        self.kept: list[list[Record]] = []
        self._calls = 0
        self._trouble = range(full_from, full_to)

    @property
    def full(self) -> bool:
        return False

    def begin(self) -> None:
        self.kept.append([])

    def append(self, record: bytes) -> None:
        self._calls += 1
        if self._calls in self._trouble:
            raise InputLogError("the disk is full")
        self.kept[-1].append(decode(record, Record))  # type: ignore[arg-type]  # a union is what msgspec takes

    def close(self) -> None:
        """Nothing to let go."""


def test_an_agent_whose_log_cannot_be_written_goes_on_and_logs_again_later(
    monkeypatch: pytest.MonkeyPatch, replay: Replay
) -> None:
    monkeypatch.setattr(recorder, "AGAIN_AFTER", 50)
    drawn = draw_options(7, SAFETY_MS, LIVENESS_MS)
    world = World(Shape(nodes=2, calm=True, safety_ms=SAFETY_MS).of(drawn), example_book())
    disk = world.machines["n1"].segments = Failing(40, 42)
    world.run()
    before, still_full, after = disk.kept
    assert len(before) == 39
    assert still_full == []
    assert isinstance(after[0], Continued)
    assert replay.run(after).inputs > 50
