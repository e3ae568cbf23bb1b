"""X5 and X8: while rosters follow each other, and where exclusiveness was given up.

Of X5 the search over the machines themselves has the rest (tests/core/group/succession): that a new roster waits for
one promise, trusts nobody's own, and is closed by those who know their promises shows only where it shares no granter
with the old one that heard the holder, and every machine that joins is silent for as long anyway (X4); that a closing
is for one successor, where a manager makes two of one roster, which none does here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from skerry.core.actors.picture import Picture
from skerry.core.group.granting.machine import Granting
from skerry.core.group.succession import machine as succession
from skerry.core.kernel.effects import Effects
from skerry.sim.options import LENGTHS_MS, Options
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import restarting


def changing(options: Options) -> Options:
    """Rosters that follow each other while the site falls apart and comes together."""
    nodes = ("n1", "n2", "n3")
    faults = ("roster.join", "roster.leave", "roster.replace", "roster.replace", "link.split", "link.alone")
    return replace(
        restarting(options),
        nodes=nodes,
        drift_ppm=dict.fromkeys(nodes, 0),
        faults=faults,
        fault_gap_max_ms=2_500,
        fault_lengths_ms=LENGTHS_MS[1:],
        safety_ms=90_000,
    )


def declaring(options: Options) -> Options:
    """Operators who declare nodes dead that are cut off."""
    nodes = ("n1", "n2", "n3")
    faults = ("operator.declares_dead", "operator.declares_dead", "link.alone", "link.split", "machine.power")
    return replace(changing(options), nodes=nodes, faults=faults, fault_lengths_ms=LENGTHS_MS[2:])


def _waiting_without_closing(patch: Patch) -> None:
    def newest(version: int, editions: Mapping[int, Any], closings: Any, dead: Any) -> int:
        return max(editions)

    patch.setattr(succession, "counts_from", newest)


def _taken_out_and_going_on(patch: Patch) -> None:
    patch.setattr(Picture, "goes", lambda self, node: False)


def _nobody_says_so(patch: Patch) -> None:
    """What is held without a quorum looks like anything else."""
    set_held = Granting._set_held

    def silent(self: Granting, key: Any, wish: Any, why: str, *besides: Any) -> Effects:
        return set_held(self, key, wish, "", *besides)

    patch.setattr(Granting, "_set_held", silent)


def _going_on_after_contact(patch: Patch) -> None:
    patch.setattr(Granting, "_met_again", lambda self, held, view: False)


SABOTAGES = (
    Sabotage(name="X5: waiting without closing", plant=_waiting_without_closing, noticed_by=("I2",), shape=changing),
    Sabotage(name="X5: taken out and going on", plant=_taken_out_and_going_on, noticed_by=("X5",), shape=changing),
    Sabotage(name="X8: nobody says so", plant=_nobody_says_so, noticed_by=("I2",), shape=declaring),
    Sabotage(
        name="X8: going on after contact",
        plant=_going_on_after_contact,
        seeds_known=(7,),
        noticed_by=("X5",),
        shape=declaring,
    ),
)
