"""Folding readings into a sum that says the same (J2): of each thing that was read, what counts for an account.

Meters are cumulative, so the last one stands for all (H1). The seconds of a client are put together, measurements are
counted, and the last figures stand. Of telemetry only the number is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skerry.core.group.journal.model import Entry, Fold, Folded

RANGES = ("seconds_ok", "seconds_failed")


def fold(bodies: Iterable[Entry | Fold]) -> tuple[tuple[Folded, ...], int]:
    """What these readings, in order, come to, and how many of them were telemetry."""
    found: dict[tuple[Any, ...], Folded] = {}
    dropped = 0
    for body in bodies:
        if isinstance(body, Fold):
            dropped += body.dropped
        elif body.kind == "telemetry":
            dropped += 1
            continue
        for said in body.readings if isinstance(body, Fold) else (_alone(body),):
            key = _thing(said)
            found[key] = _merged(found[key], said) if key in found else said
    return tuple(found.values()), dropped


def _alone(entry: Entry) -> Folded:
    return Folded(what=entry.what, about=entry.about, data=_counted(entry), count=1, wall_ms=entry.wall_ms)


def _counted(entry: Entry) -> dict[str, Any]:
    if entry.what != "validated":
        return entry.data
    fit = entry.data.get("fit_of_floor_permille")
    good = isinstance(fit, int) and fit >= 1_000
    return {**entry.data, "confirmed": int(good), "contradicted": int(not good)}


def _thing(said: Folded) -> tuple[Any, ...]:
    """What may be put together."""
    names = {
        "instance.seconds": ("activation",),
        "client.seconds": ("instance", "mode"),
        "validated": ("holder", "digest", "mode"),
    }.get(said.what, ())
    return (said.what, said.about, *(str(said.data.get(name)) for name in names))


def _merged(one: Folded, other: Folded) -> Folded:
    data = dict(other.data)
    if other.what == "client.seconds":
        data["use"] = _use(one.data.get("use"), other.data.get("use"))
    for name in ("confirmed", "contradicted") if other.what == "validated" else ():
        data[name] = one.data[name] + other.data[name]
    return Folded(what=other.what, about=other.about, data=data, count=one.count + other.count, wall_ms=other.wall_ms)


def _use(one: Any, other: Any) -> dict[str, Any]:
    before, after = (used if isinstance(used, dict) else {} for used in (one, other))
    return {**after, **{name: _together([*_ranges(before, name), *_ranges(after, name)]) for name in RANGES}}


def _ranges(use: dict[str, Any], name: str) -> list[tuple[int, int]]:
    """Those that an account would take (`rules.client_use`)."""
    given = use.get(name)
    pairs = given if isinstance(given, list | tuple) else ()
    return [
        (pair[0], pair[1])
        for pair in pairs
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(n, int) for n in pair)
    ]


def _together(ranges: list[tuple[int, int]]) -> list[list[int]]:
    """`[start, end)` that touch are one."""
    found: list[list[int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found
