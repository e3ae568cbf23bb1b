"""H: seconds that are counted."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.kernel.effects import Effects
from skerry.core.stages.history import rules as history
from skerry.core.stages.monitoring.machine import Monitoring
from skerry.sim.sabotages.sabotage import Patch, Sabotage


def _seconds_count_twice(patch: Patch) -> None:
    read = Monitoring._read

    def doubled(self: Monitoring, account: Any, *, final: bool = False) -> Effects:
        meter = account.meter
        account.meter = msgspec.structs.replace(
            meter, connected_s=meter.connected_s * 2, isolated_s=meter.isolated_s * 2
        )
        return read(self, account, final=final)

    patch.setattr(Monitoring, "_read", doubled)


def _repeats_are_added_up(patch: Patch) -> None:
    """The manager adds cumulative readings, of which the highest counts."""

    def summed(readings: Any) -> dict[Any, dict[str, int]]:
        found: dict[Any, dict[str, int]] = {}
        for reading in readings:
            if reading.what == "instance.seconds":
                account = found.setdefault(history._account(reading), dict.fromkeys(history.METERS, 0))
                for meter in history.METERS:
                    account[meter] += reading.data[meter]
        return found

    patch.setattr(history, "_metered", summed)


SABOTAGES = (
    Sabotage(name="H1: seconds count twice", plant=_seconds_count_twice, noticed_by=("I6",)),
    Sabotage(name="H1: repeats are added up", plant=_repeats_are_added_up, noticed_by=("I6",)),
)
