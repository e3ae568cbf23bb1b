"""What the benchmark keeps: one line of JSON a trial, or a look at a system at rest, written as soon as it is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec


class Case(msgspec.Struct, frozen=True, order=True):
    """What is measured: which system, at which setting, with how many nodes."""

    system: str
    setting: str
    nodes: int


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trial, or one look at rest."""

    case: Case
    version: str
    """Of the system."""
    part: Literal["trial", "rest"]
    repeat: int
    figures: dict[str, list[float]] = {}
    """To each name, which bears its unit, what was seen: one value a trial, one value a node at rest."""
    load: float
    """Average over the minute before, of the whole machine."""
    wall_ms: int
    failed: str = ""
    """Why there are no figures."""


def read(files: Iterable[Path]) -> Iterator[Sample]:
    """All samples of some files; half a line, from a run that was ended, is passed over. Raises `OSError`."""
    for file in files:
        for line in file.read_bytes().splitlines():
            try:
                yield msgspec.json.decode(line, type=Sample)
            except msgspec.DecodeError:
                continue


def append(file: Path, sample: Sample) -> None:
    """Write one down. Raises `OSError`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "ab") as kept:
        kept.write(msgspec.json.encode(sample) + b"\n")


def done(samples: Iterable[Sample], case: Case, part: str) -> set[int]:
    """The repeats of a case that need not be made again."""
    return {one.repeat for one in samples if one.case == case and one.part == part and not one.failed}
