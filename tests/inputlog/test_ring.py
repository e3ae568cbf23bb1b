"""Segments on disk: whole, torn anywhere, damaged anywhere, bounded."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from skerry.core.conversation import Started
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import encode
from skerry.inputlog.recorder import InputLogError
from skerry.inputlog.records import Batch, Done, Record, logged
from skerry.inputlog.ring import MAGIC, SEGMENTS, Damaged, Ring, Torn, records_in, segments_in

RING_BYTES = 8 * 1024


def batch(number: int) -> Batch:
    return Batch(inputs=(logged(Input(id=f"n1-{number}", at_ms=number, wall_ms=0, draw=7, event=Started())),))


WRITTEN: tuple[Record, ...] = (batch(1), Done(effects=b"12345678"), batch(2))


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    ring = Ring(tmp_path, RING_BYTES)
    ring.begin()
    for record in WRITTEN:
        ring.append(encode(record))
    ring.close()
    (path,) = segments_in(tmp_path)
    return path


def read(path: Path) -> tuple[list[Record], type[Exception] | None]:
    """What can be read, and how it ends."""
    found: list[Record] = []
    try:
        for record in records_in(path):
            found.append(record)
    except (Torn, Damaged) as ending:
        return found, type(ending)
    return found, None


def test_what_was_written_is_read(segment: Path) -> None:
    assert read(segment) == (list(WRITTEN), None)


def test_a_segment_cut_off_anywhere_is_torn_or_ends_between_two_records(segment: Path) -> None:
    whole = segment.read_bytes()
    endings = []
    for size in range(len(whole)):
        segment.write_bytes(whole[:size])
        found, ending = read(segment)
        assert found == list(WRITTEN[: len(found)])
        endings.append(ending)
    assert set(endings) == {Torn, None}
    assert endings.count(None) == len(WRITTEN), "before each record, and nowhere else"


def test_a_flipped_bit_is_damage_wherever_it_is(segment: Path) -> None:
    whole = segment.read_bytes()
    for place in range(len(whole)):
        segment.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        found, ending = read(segment)
        assert (found, ending) == (list(WRITTEN[: len(found)]), Damaged), place


def test_the_folder_never_holds_more_than_was_allowed_and_the_oldest_goes_first(tmp_path: Path) -> None:
    ring = Ring(tmp_path, RING_BYTES)
    ring.begin()
    for number in range(400):
        if ring.full:
            ring.begin()
        ring.append(encode(batch(number)))
        assert sum(path.stat().st_size for path in segments_in(tmp_path)) <= RING_BYTES
    kept = segments_in(tmp_path)
    assert len(kept) >= SEGMENTS - 1
    newest, _ = read(kept[-1])
    assert newest[-1] == batch(399)
    assert [int(path.stem) for path in kept] == list(range(int(kept[0].stem), int(kept[0].stem) + len(kept)))


def test_a_large_start_does_not_make_a_segment_full(tmp_path: Path) -> None:
    ring = Ring(tmp_path, RING_BYTES)
    ring.begin()
    ring.append(bytes(RING_BYTES // 2))
    assert not ring.full
    ring.append(bytes(RING_BYTES // SEGMENTS))
    assert ring.full


def test_what_is_larger_than_the_ring_is_refused_and_says_which_setting(tmp_path: Path) -> None:
    ring = Ring(tmp_path, RING_BYTES)
    ring.begin()
    with pytest.raises(InputLogError, match="input_log_bytes allows 8192"):
        ring.append(bytes(RING_BYTES))
    assert tmp_path.joinpath("0000000001.inputs").read_bytes() == MAGIC


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Ring(tmp_path, RING_BYTES)
    ring.begin()

    def full(handle: int, raw: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InputLogError, match="No space left on device"):
        ring.append(b"x")
