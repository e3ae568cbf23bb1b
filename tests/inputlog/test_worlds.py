"""Whole worlds as a proof of replay: every life of every agent, through crashes and cuts, comes to the same state."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.cli.sim import example_book
from skerry.inputlog.replay import Replay
from skerry.inputlog.ring import Ring, records_in, segments_in
from skerry.sim.options import draw_options
from skerry.sim.runner import LIVENESS_MS, SAFETY_MS
from skerry.sim.world import World

RING_BYTES = 768 * 1024


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [3, 16])
def test_every_segment_that_a_world_leaves_is_replayed_to_what_was_logged(seed: int, tmp_path: Path) -> None:
    world = World(draw_options(seed, SAFETY_MS, LIVENESS_MS), book := example_book())
    watched = dict(world.machines)  # others may join on the way
    for name, machine in watched.items():
        machine.segments = Ring(tmp_path / name, RING_BYTES)
    world.run()
    recorders = [machine.shell.recorder for machine in watched.values() if machine.shell is not None]
    assert recorders and all(recorder is not None and recorder.trouble is None for recorder in recorders)
    found = {name: segments_in(tmp_path / name) for name in watched}
    lives = sum(machine.lives for machine in watched.values())
    assert sum(map(len, found.values())) > lives, "no agent went on in a new segment"
    for name, segments in found.items():
        assert sum(path.stat().st_size for path in segments) <= RING_BYTES
        for path in segments:
            reached = Replay(world.verifier, book.expressions).run(records_in(path))
            assert reached.node == name and reached.unfinished <= 1
            assert reached.digest or reached.inputs <= 1, "only an agent that died at its start leaves none"
