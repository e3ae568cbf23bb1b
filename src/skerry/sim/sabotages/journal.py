"""J, R1: what is remembered, handed on, and judged."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.actors.manager import ManagerSite
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.retention import Retaining
from skerry.core.kernel.effects import Effects
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import forgetful, overseen


def _the_journal_stays_at_home(patch: Patch) -> None:
    patch.setattr(Journal, "beyond", lambda self, heads, most: ())


def _acknowledged_and_not_stored(patch: Patch) -> None:
    take = ManagerSite._take_entry
    patch.setattr(ManagerSite, "_take_entry", lambda self, said: msgspec.structs.replace(take(self, said), persist=()))


def _said_and_not_kept(patch: Patch) -> None:
    """A verdict leaves, and is not in the manager's store."""
    say = ManagerSite._say
    patch.setattr(ManagerSite, "_say", lambda self, *args: msgspec.structs.replace(say(self, *args), persist=()))


def _judged_without_evidence(patch: Patch) -> None:
    patch.setattr(ManagerSite, "_evidence_missing", lambda self, plan: False)


def _verdicts_are_forgotten(patch: Patch) -> None:
    recover = ManagerSite.recover

    def forgetful(cls: Any, *args: Any) -> ManagerSite:
        site = recover(*args)
        site.verdicts, site._number = [], 0
        return site

    patch.setattr(ManagerSite, "recover", classmethod(forgetful))


def _dropped_before_it_is_acknowledged(patch: Patch) -> None:
    tidy = Retaining.tidy

    def hasty(self: Retaining, journal: Journal, at_ms: int) -> Effects:
        journal.acknowledged = dict(journal.heads)
        return tidy(self, journal, at_ms)

    patch.setattr(Retaining, "tidy", hasty)


SABOTAGES = (
    Sabotage(
        name="J2: dropped before it is acknowledged",
        plant=_dropped_before_it_is_acknowledged,
        noticed_by=("I5",),
        shape=forgetful,
    ),
    Sabotage(name="J3: the journal stays at home", plant=_the_journal_stays_at_home, noticed_by=("I5",)),
    Sabotage(
        name="J3: acknowledged and not stored", plant=_acknowledged_and_not_stored, noticed_by=("I5",), shape=overseen
    ),
    Sabotage(name="J4: said and not kept", plant=_said_and_not_kept, noticed_by=("I10",), shape=overseen),
    Sabotage(name="D18: judged without evidence", plant=_judged_without_evidence, noticed_by=("R1",), shape=overseen),
    Sabotage(name="R1: verdicts are forgotten", plant=_verdicts_are_forgotten, noticed_by=("R1",), shape=overseen),
)
