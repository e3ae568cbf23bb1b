"""The account (D22, D23, H1-H5): what was provided, how well, to whom, and what is not known.

Only holders count seconds, in cumulative readings of which the highest counts, so repeats do no harm. The validator's
figures stand beside them and add none. What an instance did after its last reading is unknown unless its end was
recorded, neither used nor forgotten (H3): at most the period that it names if its agent wrote of the next, or all that
it wrote is here; else until its agent's life was over at the latest (docs/decisions/0012). So is all that came of a
role which a node was given before it was lost for good, and of which it told nothing. Seconds are compared by wall
time, with the error of the nodes' clocks (T1, H4).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from skerry.core.stages.history.model import Life, Lives, Reading

METERS = ("connected_s", "connected_compliant_s", "isolated_s", "isolated_compliant_s")
RANGE_LONGEST_S = 31 * 86_400

Account = tuple[str, str, str, int]
"""One activation: instance, node, life, and the number of its start in that life."""


def compliance(readings: Iterable[Reading], lives: Lives, every_s: int) -> list[dict[str, Any]]:
    """Per instance: seconds provided and compliant by mode, as its holders counted them, and what others measured.

    `every_s` is how often a holder writes a reading, where it does not say so itself: what it writes names the time to
    its next reading, as the site's setting may have been another then. `unknown_s` is the most that may be missing
    (H3).
    `compliance_permille` is compliant seconds of all counted; `confirmed` and `contradicted` count the validator's and
    reporter's measurements that met the floor or did not.
    """
    given = list(readings)
    sums: dict[str, dict[str, int]] = {}
    for account, meters in _metered(given).items():
        total = sums.setdefault(account[0], dict.fromkeys(METERS, 0))
        for meter in METERS:
            total[meter] += meters[meter]
    unknown: dict[str, int] = {}
    for instance, from_ms, to_ms in _open_ends(given, lives, every_s, clients=False):
        unknown[instance] = unknown.get(instance, 0) - (from_ms - to_ms) // 1000
    measured: dict[str, list[Reading]] = {}
    holders: dict[str, set[str]] = {}
    for reading in given:
        if reading.what == "validated":
            measured.setdefault(reading.about, []).append(reading)
        elif reading.what == "instance.seconds":
            holders.setdefault(reading.about, set()).add(reading.node)
    return [
        {
            "instance": instance,
            "holders": sorted(holders.get(instance, ())),
            **_compliant(sums.get(instance, dict.fromkeys(METERS, 0))),
            "unknown_s": unknown.get(instance, 0),
            **_beside(measured.get(instance, [])),
        }
        for instance in sorted(set(sums) | set(measured) | set(unknown))
    ]


def client_use(readings: Iterable[Reading], lives: Lives, every_s: int) -> list[dict[str, Any]]:
    """Per client the seconds in which it was served and nothing failed: a union over instances, so none counts twice.

    A second belongs to the mode of the reading that first names it. `unknown_s` counts the seconds after the last
    reading of instances that serve clients, as far as no other instance knows of them.
    """
    given = sorted(readings, key=lambda r: r.wall_ms)
    served: dict[str, dict[str, set[int]]] = {}
    failed: dict[str, set[int]] = {}
    offering: set[str] = set()
    for reading in given:
        if reading.what != "client.seconds":
            continue
        offering.add(_element(str(reading.data.get("instance"))))
        used = reading.data.get("use")
        use = used if isinstance(used, dict) else {}
        known = served.setdefault(reading.about, {"connected": set(), "isolated": set()})
        fresh = _seconds(use.get("seconds_ok")) - known["connected"] - known["isolated"]
        known["isolated" if reading.data.get("mode") == "isolated" else "connected"] |= fresh
        failed.setdefault(reading.about, set()).update(_seconds(use.get("seconds_failed")))
    unknown = _merged(
        (from_ms // 1000, -(-to_ms // 1000))
        for instance, from_ms, to_ms in _open_ends(given, lives, every_s, clients=True)
        if _element(instance) in offering
    )
    return [
        {
            "client": client,
            "connected_s": len(modes["connected"] - failed[client]),
            "isolated_s": len(modes["isolated"] - failed[client]),
            "failed_s": len(failed[client]),
            "unknown_s": _without(unknown, modes["connected"] | modes["isolated"] | failed[client]),
        }
        for client, modes in sorted(served.items())
    ]


def _metered(readings: Iterable[Reading]) -> dict[Account, dict[str, int]]:
    """Each activation's highest reading (H1)."""
    found: dict[Account, dict[str, int]] = {}
    for reading in readings:
        if reading.what == "instance.seconds":
            meters = found.setdefault(_account(reading), dict.fromkeys(METERS, 0))
            for meter in METERS:
                meters[meter] = max(meters[meter], _whole(reading.data.get(meter)))
    return found


def _open_ends(readings: Iterable[Reading], lives: Lives, every_s: int, *, clients: bool) -> list[tuple[str, int, int]]:
    """Per instance the wall times `[from, to)`, ms, of which nothing is known: after the last reading of an activation
    that crashed, was lost, or goes on. A recorded end leaves none, except of the clients that were served last, or if
    what was written before it is lost."""
    found: list[tuple[str, int, int]] = []
    since: dict[tuple[str, str, str], Reading] = {}

    def end(chain: tuple[str, str, str], last: Reading, over_ms: int, *, bounded: bool) -> None:
        every_ms = _whole(last.data.get("every_ms")) or every_s * 1000
        to_ms = min(last.wall_ms + every_ms, over_ms) if bounded else over_ms
        if to_ms > last.wall_ms:
            found.append((chain[0], last.wall_ms, to_ms))

    for reading in sorted(readings, key=lambda r: r.number):
        chain = (reading.about, reading.node, reading.life)
        last = since.get(chain)
        match reading.what:
            case "role.active" | "role.stopped":
                whole = last is None or not _misses(lives[chain[1:]], last.number, reading.number)
                if last is not None and (reading.what == "role.active" or clients or not whole):
                    end(chain, last, reading.wall_ms, bounded=whole)
                since.pop(chain, None)
                if reading.what == "role.active":
                    since[chain] = reading
            case "instance.seconds" | "role.assigned" if not reading.data.get("final"):
                since[chain] = reading
            case "instance.seconds" if not clients:
                since.pop(chain, None)
            case _:
                pass  # says nothing of how long somebody provided something
    for chain, last in sorted(since.items()):
        life = lives[chain[1:]]
        end(chain, last, life.over_wall_ms, bounded=life.whole and not _misses(life, last.number))
    return found


def _misses(life: Life, after: int, before: int | None = None) -> bool:
    """Whether entries between two numbers, or after one, are lost."""
    return any(after < first and (before is None or first < before) for first, _ in life.lost)


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """`[start, end)` that overlap or touch are one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _without(ranges: list[tuple[int, int]], known: set[int]) -> int:
    """How many seconds lie in these ranges, which are apart, and are not known."""
    starts = [start for start, _ in ranges]

    def within(second: int) -> bool:
        place = bisect_right(starts, second)
        return place > 0 and second < ranges[place - 1][1]

    return sum(end - start for start, end in ranges) - sum(map(within, known))


def _compliant(sums: dict[str, int]) -> dict[str, Any]:
    counted = sums["connected_s"] + sums["isolated_s"]
    compliant = sums["connected_compliant_s"] + sums["isolated_compliant_s"]
    return {**sums, "compliance_permille": compliant * 1000 // counted if counted else None}


def _beside(measured: list[Reading]) -> dict[str, Any]:
    good = {True: 0, False: 0}
    for reading in measured:
        fits = _whole(reading.data.get("fit_of_floor_permille")) >= 1_000
        folded = "confirmed" in reading.data
        good[True] += _whole(reading.data["confirmed"]) if folded else int(fits)
        good[False] += _whole(reading.data.get("contradicted")) if folded else int(not fits)
    last = max(measured, key=lambda r: r.wall_ms, default=None)
    return {
        "confirmed": good[True],
        "contradicted": good[False],
        "measured_by": sorted({r.node for r in measured}),
        "last_figures_milli": last.data.get("figures_milli", {}) if last is not None else {},
        "last_holder": last.data.get("holder") if last is not None else None,
    }


def _account(reading: Reading) -> Account:
    return (reading.about, reading.node, reading.life, _whole(reading.data.get("activation")))


def _element(instance: str) -> str:
    return instance.rpartition("#")[0]


def _seconds(ranges: Any) -> set[int]:
    """The members of `[[start, end), ...]`; what is not of that form is left out."""
    found: set[int] = set()
    for pair in ranges if isinstance(ranges, list | tuple) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(n, int) for n in pair):
            start, end = pair
            if 0 <= end - start <= RANGE_LONGEST_S:
                found.update(range(start, end))
    return found


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
