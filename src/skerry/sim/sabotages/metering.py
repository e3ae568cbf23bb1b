"""H: seconds that are counted."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.actors.agent import Agent
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.history import rules as history
from skerry.core.stages.history.model import Lives
from skerry.core.stages.monitoring.machine import Monitoring
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import losing, resettled, restarting


def _seconds_count_twice(patch: Patch) -> None:
    read = Monitoring._read

    def doubled(self: Monitoring, account: Any, *, final: bool = False) -> Effects:
        meter = account.meter
        account.meter = msgspec.structs.replace(
            meter, connected_s=meter.connected_s * 2, isolated_s=meter.isolated_s * 2
        )
        return read(self, account, final=final)

    patch.setattr(Monitoring, "_read", doubled)


def _a_restart_counts_again(patch: Patch) -> None:
    """H1: the meter of a new life goes on from the readings of the lives before, which stand in the journal already."""
    recover, meter = Agent.recover, Monitoring._meter

    def remembering(cls: Any, *args: Any, **named: Any) -> tuple[Agent, Effects]:
        agent, effects = recover(*args, **named)
        vars(agent.monitoring)["carried"] = _read_before(agent.journal)
        return agent, effects

    def carrying(self: Monitoring, at_ms: int, view: Any) -> Effects:
        done = meter(self, at_ms, view)
        carried: dict[Any, dict[str, int]] = vars(self).get("carried", {})
        for name, account in self._accounts.items():
            seconds = carried.pop(name, None)
            if seconds is not None:
                account.meter = msgspec.structs.replace(account.meter, **seconds)
        return done

    patch.setattr(Agent, "recover", classmethod(remembering))
    patch.setattr(Monitoring, "_meter", carrying)


def _read_before(journal: Journal) -> dict[Any, dict[str, int]]:
    found: dict[Any, dict[str, int]] = {}
    for chain in journal.heads:
        if chain.startswith(f"{journal.me}/"):
            for sealed in journal.entries(chain, 0):
                entry = decode(decode(sealed.statement, Statement).body, Entry)
                if entry.what == "instance.seconds":
                    found[entry.about] = {meter: int(entry.data[meter]) for meter in history.METERS}
    return found


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


def _what_a_lost_node_had_not_copied_is_forgotten(patch: Patch) -> None:
    """As if all that any life wrote were here."""
    open_ends = history._open_ends

    def bounded(readings: Any, lives: Lives, every_s: int, *, clients: bool) -> list[tuple[str, int, int]]:
        whole = {name: msgspec.structs.replace(life, whole=True, lost=()) for name, life in lives.items()}
        return open_ends(readings, whole, every_s, clients=clients)

    patch.setattr(history, "_open_ends", bounded)


def _periods_are_those_of_today(patch: Patch) -> None:
    """What a crash leaves unknown goes by the site's setting, whatever it was when the last reading was written."""
    open_ends = history._open_ends

    def as_of_today(readings: Any, lives: Lives, every_s: int, *, clients: bool) -> list[tuple[str, int, int]]:
        silent = [msgspec.structs.replace(r, data={**r.data, "every_ms": None}) for r in readings]
        return open_ends(silent, lives, every_s, clients=clients)

    patch.setattr(history, "_open_ends", as_of_today)


SABOTAGES = (
    Sabotage(name="H1: seconds count twice", plant=_seconds_count_twice, noticed_by=("I6",)),
    Sabotage(
        name="H1: a restart counts again",
        plant=_a_restart_counts_again,
        seeds_known=(2,),
        noticed_by=("I6",),
        shape=restarting,
    ),
    Sabotage(name="H1: repeats are added up", plant=_repeats_are_added_up, noticed_by=("I6",)),
    Sabotage(
        name="H3: what a lost node had not copied is forgotten",
        plant=_what_a_lost_node_had_not_copied_is_forgotten,
        seeds_known=(8,),
        noticed_by=("I6",),
        shape=losing,
    ),
    Sabotage(
        name="H3: periods are those of today",
        plant=_periods_are_those_of_today,
        seeds_known=(58,),
        noticed_by=("I6",),
        shape=resettled,
    ),
)
