"""What the verdict on a healed core lets pass (`settled`): behind each exception something could hide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skerry.core.actors import repairing
from skerry.core.group.journal.model import AS_SHIPPED
from skerry.core.stages.subscription import machine as subscription
from skerry.core.stages.subscription.machine import Keeper
from skerry.sim.options import Options
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import quiet, restarting


def half_healed(options: Options) -> Options:
    """Five nodes that operators drain, of which only some are healed in the end."""
    nodes = ("n1", "n2", "n3", "n4", "n5")
    return replace(
        restarting(options),
        nodes=nodes,
        drift_ppm=dict.fromkeys(nodes, 0),
        faults=("operator.drains",),
        fault_gap_max_ms=4_000,
        fault_lengths_ms=((10_000, 30_000),),
        safety_ms=40_000,
        core_permille=1_000,
        runs_alone=False,
        retention=AS_SHIPPED,
    )


def half_deaf(options: Options) -> Options:
    """The same, where some do not hear others that the rest hears."""
    return replace(half_healed(options), faults=("operator.drains", "link.one_way"))


def lossy(options: Options) -> Options:
    """Three nodes, nothing is broken, and one message in ten gets lost."""
    nodes = ("n1", "n2", "n3")
    return replace(quiet(options), nodes=nodes, drift_ppm=dict.fromkeys(nodes, 0), loss_permille=100)


def _not_named_and_going_on(patch: Patch) -> None:
    """Whoever has a key keeps it, whomever the plan names."""
    goes_on = Keeper._goes_on

    def keeping(self: Keeper, instance: Any, run: Any, view: Any) -> bool:
        return goes_on(self, instance, run, view) or (run.key in view.held and run.phase == "active")

    patch.setattr(Keeper, "_goes_on", keeping)


def _waited_for_without_end(patch: Patch) -> None:
    patch.setattr(subscription, "GIVE_OVER_MS", 600_000)


def _what_is_lacked_is_not_sent(patch: Patch) -> None:
    """What got lost when it was new is told by nobody: the contacts of such worlds come and go, for which the verdict
    waits."""
    patch.setattr(repairing, "_lacking", lambda picture, *of: [])


SABOTAGES = (
    Sabotage(
        name="X2: not named any more, and going on",
        plant=_not_named_and_going_on,
        seeds_known=(46,),
        noticed_by=("I12",),
        shape=half_healed,
    ),
    Sabotage(
        name="P4: who is not heard is waited for without end",
        plant=_waited_for_without_end,
        seeds_known=(21,),
        noticed_by=("I12",),
        shape=half_deaf,
    ),
    Sabotage(
        name="C2: what is lacked is not sent",
        plant=_what_is_lacked_is_not_sent,
        seeds_known=(28, 12),
        noticed_by=("I12", "U2"),
        shape=lossy,
    ),
)
