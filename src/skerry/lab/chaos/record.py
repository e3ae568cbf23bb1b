"""What a witness wrote down, as questions can be asked of it: who ran where and when, round by round. Standard library
alone: a judge must not share the code that it judges.

Times are boot-time in milliseconds. An instance is named `<intent>/<element>#<slot>`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Line = dict[str, Any]
NEVER_MS = 2**62


class Work(NamedTuple):
    """One process of a plan's."""

    pid: str
    node: str
    run: str

    @property
    def element(self) -> str:
        """Which part of its functionality it is."""
        return self.run.rpartition("/")[2].partition("#")[0]


class Span(NamedTuple):
    """Between two changes, this ran."""

    from_ms: int
    to_ms: int
    able: frozenset[Work]
    """Able to run."""
    there: frozenset[Work]
    """There, stopped ones too."""


class Round(NamedTuple):
    """Faults that came and went together."""

    number: int
    faults: list[Line]
    """Each a mark with `fault`, `nodes`, `amount`."""
    marks: list[Line]
    """All of it, up to the next round."""

    @property
    def began_ms(self) -> int:
        """When the first fault came."""
        return int(self.faults[0]["t_ms"])

    def kinds(self) -> set[str]:
        """What went wrong."""
        return {str(fault["fault"]) for fault in self.faults}

    def hit(self, *kinds: str) -> set[str]:
        """The nodes that faults of these kinds hit."""
        return {node for fault in self.faults if fault["fault"] in kinds for node in fault["nodes"]}

    def at_ms(self, what: str) -> int | None:
        """When a mark of the round was set first."""
        return next((int(mark["t_ms"]) for mark in self.marks if mark["what"] == what), None)

    @property
    def mending_ms(self) -> int:
        """Until when all of it lasted: one cable after another is put back, which takes a busy machine its time."""
        at_ms = self.at_ms("mending")
        return NEVER_MS if at_ms is None else at_ms

    @property
    def healed_ms(self) -> int:
        """When all of it was over."""
        at_ms = self.at_ms("healed")
        return NEVER_MS if at_ms is None else at_ms


class Seen:
    """The whole record."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = sorted(lines, key=lambda line: int(line["t_ms"]))
        self.ops, self.marks, self.notes, self.packets, self.blind, self.claims = (
            [line for line in self.lines if line["kind"] == kind]
            for kind in ("op", "mark", "note", "packets", "blind", "claim")
        )
        self.end_ms = int(self.lines[-1]["t_ms"]) if self.lines else 0
        self.spans = list(self._spans())
        self.rounds = list(self._rounds())

    @property
    def starved_percent(self) -> int:
        """Of the time, how much the agent that fared worst was able to run and did not: then what is late may be late
        for that alone."""
        waited = [line for line in self.lines if line["kind"] == "waited"]
        if len(waited) < 2:
            return 0
        first, last = waited[0], waited[-1]
        worst_ms = max((ms - first["ms"].get(node, 0) for node, ms in last["ms"].items()), default=0)
        return int(worst_ms * 100 // (last["t_ms"] - first["t_ms"]))

    def _spans(self) -> Iterator[Span]:
        changes = [line for line in self.lines if line["kind"] == "able"]
        for now, then in itertools.pairwise([*changes, {"t_ms": self.end_ms}]):
            yield Span(int(now["t_ms"]), int(then["t_ms"]), _works(now["able"]), _works(now["there"]))

    def _rounds(self) -> Iterator[Round]:
        numbers = dict.fromkeys(mark["round"] for mark in self.marks if mark["what"] == "fault")
        for number in numbers:
            mine = [mark for mark in self.marks if mark.get("round") == number]
            yield Round(int(number), [mark for mark in mine if mark["what"] == "fault"], mine)

    def between(self, from_ms: int, to_ms: int) -> Iterator[Span]:
        """What ran, from a moment to another."""
        for span in self.spans:
            if span.to_ms > from_ms and span.from_ms < to_ms:
                yield span._replace(from_ms=max(span.from_ms, from_ms), to_ms=min(span.to_ms, to_ms))

    def at(self, t_ms: int) -> frozenset[Work]:
        """What was able to run at a moment."""
        return next((span.able for span in self.between(t_ms, t_ms + 1)), frozenset())

    def first(self, holds: Callable[[frozenset[Work]], bool], from_ms: int, to_ms: int) -> int | None:
        """The first moment at which something held of what was able to run."""
        return next((span.from_ms for span in self.between(from_ms, to_ms) if holds(span.able)), None)

    def quiet(self) -> Iterator[tuple[int, int]]:
        """The times between the settling after a round and the next fault."""
        begins = [int(mark["t_ms"]) for mark in self.marks if mark["what"] == "settled"]
        faults = [round_.began_ms for round_ in self.rounds]
        for begin in begins:
            yield begin, min((t for t in faults if t > begin), default=self.end_ms)

    def passed(self, port: str, from_ms: int, to_ms: int) -> int | None:
        """Frames that a switch's port carried between two looks inside of that time; None if there were no two."""
        inside = [line["ports"] for line in self.packets if from_ms <= line["t_ms"] <= to_ms and port in line["ports"]]
        return sum(inside[-1][port]) - sum(inside[0][port]) if len(inside) > 1 else None


def counts(works: frozenset[Work], intent: str) -> Counter[str]:
    """How many of each element of an intent."""
    return Counter(work.element for work in works if work.run.startswith(f"{intent}/"))


def _works(told: dict[str, list[str]]) -> frozenset[Work]:
    return frozenset(Work(pid, node, run) for pid, (node, run) in told.items())
