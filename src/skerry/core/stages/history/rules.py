"""The account (D22, D23, H1-H5): what was provided, how well, to whom, and what is not known.

Only holders count seconds, in cumulative readings of which the highest counts, so repeats do no harm. The validator's
figures stand beside them and add none. What an instance did after its last reading, when it ended without one, is
unknown: at most the reading period, neither used nor forgotten (H3).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skerry.core.stages.history.model import Reading

METERS = ("connected_s", "connected_compliant_s", "isolated_s", "isolated_compliant_s")


def compliance(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """Per instance: seconds provided and compliant by mode, as its holders counted them, and what others measured.

    `compliance_permille` is compliant seconds of all counted; `confirmed` and `contradicted` are the validator's and
    reporter's measurements that met the floor or did not; the last one's figures stand beside.
    """
    accounts: dict[tuple[str, str, str, int], dict[str, int]] = {}
    measured: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.what == "instance.seconds":
            key = (reading.about, reading.node, reading.life, _whole(reading.data.get("activation")))
            account = accounts.setdefault(key, dict.fromkeys(METERS, 0))
            for meter in METERS:
                account[meter] = max(account[meter], _whole(reading.data.get(meter)))
        elif reading.what == "validated":
            measured.setdefault(reading.about, []).append(reading)
    rows: list[dict[str, Any]] = []
    for instance in sorted({key[0] for key in accounts} | set(measured)):
        mine = {key: account for key, account in accounts.items() if key[0] == instance}
        sums = {meter: sum(account[meter] for account in mine.values()) for meter in METERS}
        counted = sums["connected_s"] + sums["isolated_s"]
        compliant = sums["connected_compliant_s"] + sums["isolated_compliant_s"]
        rows.append(
            {
                "instance": instance,
                "holders": sorted({key[1] for key in mine}),
                **sums,
                "compliance_permille": compliant * 1000 // counted if counted else None,
                **_beside(measured.get(instance, [])),
            }
        )
    return rows


def _beside(measured: list[Reading]) -> dict[str, Any]:
    fits = [_whole(r.data.get("fit_of_floor_permille")) for r in measured]
    last = max(measured, key=lambda r: r.wall_ms, default=None)
    return {
        "confirmed": sum(fit >= 1_000 for fit in fits),
        "contradicted": sum(fit < 1_000 for fit in fits),
        "measured_by": sorted({r.node for r in measured}),
        "last_figures_milli": last.data.get("figures_milli", {}) if last is not None else {},
        "last_holder": last.data.get("holder") if last is not None else None,
    }


def client_use(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """Per client the seconds in which it was served and nothing failed: a union over instances, so none counts twice.

    A second belongs to the mode of the reading that first names it. `unknown_s` bounds what instances that ended
    without a last reading may have provided since.
    """
    served: dict[str, dict[str, set[int]]] = {}
    failed: dict[str, set[int]] = {}
    accounts: dict[tuple[str, str, str], list[Reading]] = {}
    every_s = 0
    for reading in sorted(readings, key=lambda r: r.wall_ms):
        if reading.what != "client.seconds":
            continue
        key = (str(reading.data.get("instance")), reading.node, reading.life)
        accounts.setdefault(key, []).append(reading)
        every_s = max(every_s, _whole(reading.data.get("every_ms")) // 1000)
        use = reading.data.get("use", {})
        known = served.setdefault(reading.about, {"connected": set(), "isolated": set()})
        fresh = _seconds(use.get("seconds_ok")) - known["connected"] - known["isolated"]
        known["isolated" if reading.data.get("mode") == "isolated" else "connected"] |= fresh
        failed.setdefault(reading.about, set()).update(_seconds(use.get("seconds_failed")))
    newest: dict[str, int] = {}
    for (instance, _, _), mine in accounts.items():
        newest[instance] = max(newest.get(instance, 0), mine[-1].wall_ms)
    ended = {reading.about: 0 for mine in accounts.values() for reading in mine}
    for (instance, _, _), mine in accounts.items():
        if mine[-1].wall_ms < newest[instance]:  # the instance went on elsewhere, or in another life
            for client in {r.about for r in mine}:
                ended[client] += 1
    return [
        {
            "client": client,
            "connected_s": len(modes["connected"] - failed[client]),
            "isolated_s": len(modes["isolated"] - failed[client]),
            "failed_s": len(failed[client]),
            "unknown_s": ended[client] * max(every_s, 1),
        }
        for client, modes in sorted(served.items())
    ]


def _seconds(ranges: Any) -> set[int]:
    """The members of `[[start, end), ...]`; what is not of that form is left out."""
    found: set[int] = set()
    for pair in ranges if isinstance(ranges, list | tuple) else ():
        if len(pair) == 2 and all(isinstance(n, int) for n in pair) and 0 <= pair[1] - pair[0] <= 86_400 * 31:
            found.update(range(pair[0], pair[1]))
    return found


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
