"""X: what must never be double. Each of these lets two holders of one exclusive key be active at once."""

from __future__ import annotations

from typing import Any

from skerry.core.group.granting import machine as granting
from skerry.core.group.granting.machine import Granting
from skerry.core.group.granting.model import Electorate
from skerry.core.kernel.effects import Effects
from skerry.core.stages.subscription.machine import Keeper
from skerry.sim.guard import Guard
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import apart, forgetting, halves, moving, restarting


def _no_drift_margin(patch: Patch) -> None:
    patch.setattr(granting, "promise_ms", lambda lease_ms: lease_ms)


def _lease_from_the_answer(patch: Patch) -> None:
    """The holder counts from the answer, a quarter of a second and more after its request left."""
    count = Granting._count

    def late(self: Granting, key: Any, wish: Any, given: Any, view: Any) -> Effects:
        if wish.asked_ms is not None:
            wish.asked_ms += 250
        done = count(self, key, wish, given, view)
        if wish.asked_ms is not None:
            wish.asked_ms -= 250
        return done

    patch.setattr(Granting, "_count", late)


def _tie_breaker_outvotes(patch: Patch) -> None:
    fair = Electorate.is_quorum
    patch.setattr(
        Electorate, "is_quorum", lambda self, nodes, *rest: self.tie_breaker in nodes or fair(self, nodes, *rest)
    )


def _no_wait_after_a_start(patch: Patch) -> None:
    recover = Granting.recover

    def at_once(cls: Any, *args: Any) -> Granting:
        found = recover(*args)
        found.quiet_until_ms = 0
        return found

    patch.setattr(Granting, "recover", classmethod(at_once))


def _guard_forgets_deadlines(patch: Patch) -> None:
    patch.setattr(Guard, "_watch", lambda self, workload: None)


def _release_before_the_stop(patch: Patch) -> None:
    patch.setattr(Keeper, "keys_in_use", lambda self: frozenset())


def _fences_are_forgotten(patch: Patch) -> None:
    grant = Granting._grant

    def forgetful(self: Granting, *args: Any) -> Any:
        self.fences.clear()
        return grant(self, *args)

    patch.setattr(Granting, "_grant", forgetful)


SABOTAGES = (
    Sabotage(name="X2: no drift margin", plant=_no_drift_margin, seeds_known=(3,), noticed_by=("I2",), shape=apart),
    Sabotage(
        name="X2: lease counted from the answer",
        plant=_lease_from_the_answer,
        seeds_known=(18, 4),
        noticed_by=("I2",),
        shape=apart,
    ),
    Sabotage(name="X3: the tie-breaker outvotes", plant=_tie_breaker_outvotes, noticed_by=("I2",), shape=halves),
    Sabotage(
        name="X4: no wait after a start",
        plant=_no_wait_after_a_start,
        seeds_known=(1,),
        noticed_by=("I2",),
        shape=forgetting,
    ),
    Sabotage(
        name="X6: the guard forgets deadlines",
        plant=_guard_forgets_deadlines,
        seeds_known=(10,),
        noticed_by=("I4", "I2"),
        shape=restarting,
    ),
    Sabotage(
        name="X7: release before the stop",
        plant=_release_before_the_stop,
        seeds_known=(62,),
        noticed_by=("I2",),
        shape=moving,
    ),
    Sabotage(
        name="X9: fences are forgotten",
        plant=_fences_are_forgotten,
        seeds_known=(4,),
        noticed_by=("I2",),
        shape=restarting,
    ),
)
