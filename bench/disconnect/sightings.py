"""What was seen from outside, and what times it comes to. Pure: no clock, no sockets.

Whoever watches (processes, clients, the systems' own words) puts sightings into one record, each stamped with the
boot-time at which it was seen. A phase is worked out of them afterwards, in one way for all systems.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

SILENCE_MS = 100
"""What is shorter is no silence: a client asks 50 times a second."""


class Kind(StrEnum):
    """What can be seen."""

    LOST = "lost"
    """A node says that another, or the way out, is lost."""
    LED = "led"
    """A node says who leads."""
    DONE = "done"
    """A node says that something was begun or brought to its end."""
    ANSWERED = "answered"
    """A client's question to a role was answered properly."""
    BEGAN = "began"
    """A copy of a role is able to run."""
    ENDED = "ended"
    """It is no longer."""


class Sighting(NamedTuple):
    """One thing that was seen."""

    t_ms: int
    kind: Kind
    by: str
    """The node that said it or where it is; of an answer, the side on which the client sits."""
    about: str
    """The node, leader or role."""


class Record:
    """Sightings of one trial, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[Sighting] = []

    def add(self, t_ms: int, kind: Kind, by: str, about: str) -> None:
        """Something was seen at that moment."""
        with self._lock:
            self._seen.append(Sighting(t_ms, kind, by, about))

    def seen(self) -> list[Sighting]:
        """All of it, in the order of time."""
        with self._lock:
            return sorted(self._seen)


def first_ms(
    seen: Iterable[Sighting],
    kind: Kind,
    after_ms: int,
    *,
    by: Collection[str] | None = None,
    about: Collection[str] | None = None,
) -> int | None:
    """From a moment to the first such sighting; `by` and `about`: of these only. None: there was none."""
    for one in seen:
        if (
            one.kind is kind
            and one.t_ms >= after_ms
            and (by is None or one.by in by)
            and (about is None or one.about in about)
        ):
            return one.t_ms - after_ms
    return None


def served_again_ms(seen: Iterable[Sighting], role: str, side: str, cut_ms: int, until_ms: int) -> int | None:
    """From the cut to the end of the longest silence of a role, as the clients of one side saw it.

    The first answer after the cut would not do: one that was on its way already is no sign that anything was taken
    over. None: there was no silence, so the cut did not hit this role, or it has not ended."""
    answers = [
        one.t_ms
        for one in seen
        if one.kind is Kind.ANSWERED and one.about == role and one.by == side and one.t_ms <= until_ms
    ]
    gaps = [(late - early, late) for early, late in itertools.pairwise(answers) if late > cut_ms]
    length_ms, end_ms = max(gaps, default=(0, 0))
    return end_ms - cut_ms if length_ms >= SILENCE_MS else None


def double_ms(seen: Iterable[Sighting], role: str, until_ms: int) -> int:
    """For how long more than one copy of a role was able to run, by the processes."""
    running: dict[str, int] = {}
    total_ms, since_ms = 0, 0
    for one in seen:
        if one.about != role or one.kind not in (Kind.BEGAN, Kind.ENDED) or one.t_ms > until_ms:
            continue
        if sum(running.values()) > 1:
            total_ms += one.t_ms - since_ms
        running[one.by] = running.get(one.by, 0) + (1 if one.kind is Kind.BEGAN else -1)
        since_ms = one.t_ms
    return total_ms + (until_ms - since_ms if sum(running.values()) > 1 else 0)


def both_answered_ms(seen: Iterable[Sighting], role: str, outside: str, inside: str, cut_ms: int) -> int:
    """For how long both sides of a cut had a proper answer of a role: from the first outside after the silence to the
    last inside."""
    answers = [one for one in seen if one.kind is Kind.ANSWERED and one.about == role]
    last_ms = answers[-1].t_ms if answers else cut_ms
    again_ms = served_again_ms(answers, role, outside, cut_ms, last_ms)
    within = [one.t_ms for one in answers if one.by == inside]
    if again_ms is None or not within:
        return 0
    return max(0, within[-1] - (cut_ms + again_ms))
