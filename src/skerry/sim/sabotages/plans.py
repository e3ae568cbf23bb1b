"""G, P, I4, I9, I10: what is agreed on, held for it, and run."""

from __future__ import annotations

from typing import Any

import msgspec

from skerry.core.actors.picture import Picture
from skerry.core.group.custody.machine import Custody
from skerry.core.group.voting.rules import Outcome
from skerry.core.kernel.effects import Effects
from skerry.core.stages.negotiation import drafting
from skerry.core.stages.negotiation import machine as negotiation
from skerry.core.stages.negotiation.voter import Voter
from skerry.core.stages.subscription.machine import Keeper
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import crowded, moving, quiet, reconnecting, spied_on


def _started_without_a_subscription(patch: Patch) -> None:
    keep = Keeper._keep

    def only_in_memory(self: Keeper, *of: Any) -> tuple[()]:
        keep(self, *of)
        return ()

    patch.setattr(Keeper, "_keep", only_in_memory)


def _the_ledger_says_yes(patch: Patch) -> None:
    patch.setattr(Voter, "_against", lambda self, *args: None)


def _holds_never_end(patch: Patch) -> None:
    patch.setattr(Voter, "_forget", lambda self, at_ms, view: None)
    patch.setattr(Voter, "next_deadline_ms", lambda self: None)


def _committed_without_assent(patch: Patch) -> None:
    patch.setattr(negotiation, "count", lambda *args, **named: Outcome.WON)


def _withdrawals_are_overlooked(patch: Patch) -> None:
    irs = Picture.irs
    patch.setattr(
        Picture,
        "irs",
        lambda self: {i: msgspec.structs.replace(ir, withdrawn=False) for i, ir in irs(self).items()},
    )


def _plans_go_back(patch: Patch) -> None:
    """P1, C2: whatever plan comes is taken."""
    newer = Custody.newer
    patch.setattr(Custody, "newer", lambda self, name, version: name == "plan" or newer(self, name, version))


def _healthy_work_moves_on_reconnection(patch: Patch) -> None:
    """U3: whoever is connected again starts everything anew."""
    step = Keeper.step

    def eager(self: Keeper, given: Any, view: Any) -> Effects:
        known = vars(self).get("modes_before", {})
        vars(self)["modes_before"] = view.modes
        done = step(self, given, view)
        for instance, run in sorted(self.runs.items()):
            back = known.get(run.intent) == "isolated" and view.modes.get(run.intent) == "connected"
            if back and run.phase == "active":
                done = done + self._stop(instance, run, "the link is back")
        return done

    patch.setattr(Keeper, "step", eager)


def _each_set_keeps_its_own(patch: Patch) -> None:
    """U3: what the sets have once given to different nodes stays so."""
    patch.setattr(drafting, "_find_behind", lambda draft: None)


SABOTAGES = (
    Sabotage(
        name="I7, U3: healthy work is started anew on reconnection",
        plant=_healthy_work_moves_on_reconnection,
        noticed_by=("I7", "U3"),
        shape=reconnecting,
    ),
    Sabotage(
        name="U3: each set keeps its own holders",
        plant=_each_set_keeps_its_own,
        seeds_known=(60,),
        noticed_by=("I12",),
    ),
    Sabotage(name="I4: started without a subscription", plant=_started_without_a_subscription, noticed_by=("I4",)),
    Sabotage(
        name="P3: the ledger says yes",
        plant=_the_ledger_says_yes,
        seeds_known=(17,),
        noticed_by=("I3",),
        shape=crowded,
    ),
    Sabotage(name="P2: holds never end", plant=_holds_never_end, noticed_by=("I13",), shape=quiet),
    Sabotage(name="G1: committed without assent", plant=_committed_without_assent, noticed_by=("I1",)),
    Sabotage(
        name="I9: withdrawals are overlooked",
        plant=_withdrawals_are_overlooked,
        seeds_known=(3,),
        noticed_by=("I9", "I12"),
        shape=moving,
    ),
    Sabotage(name="I10: plans go back", plant=_plans_go_back, noticed_by=("I10",), shape=spied_on),
)
