"""R4: what operators hold."""

from __future__ import annotations

from dataclasses import replace

from skerry.core.actors import keeping, lapsing, manager
from skerry.core.actors.picture import Picture
from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import Kept
from skerry.core.kernel.effects import NOTHING
from skerry.core.stages.intent.holds import Hold
from skerry.core.stages.ir.model import Roster
from skerry.core.stages.subscription import machine as subscription
from skerry.sim.options import Options
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import restarting


def held(options: Options) -> Options:
    """Operators hold and let go, at the site and at head office, while plans change and links fail."""
    faults = ("operator.pauses", "operator.drains", "manager.raises_limit", "uplink.cut", "agent.crash", "link.alone")
    return replace(restarting(options), faults=faults, safety_ms=60_000)


def dismissing(options: Options) -> Options:
    """A guest comes and goes, and what it holds is told while some cannot hear it."""
    faults = ("operator.pauses", "roster.dismiss", "link.alone", "link.split")
    return replace(restarting(options), guests=("m2",), absent=False, faults=faults, safety_ms=60_000)


def reappointing(options: Options) -> Options:
    """The operator goes and comes, and what they said is told while some cannot hear it."""
    faults = ("operator.pauses", "operator.declares_dead", "roster.dismiss", "link.alone", "link.split")
    return replace(restarting(options), guests=(), absent=False, faults=faults, safety_ms=60_000)


def _pauses_are_overlooked(patch: Patch) -> None:
    patch.setattr(subscription, "paused_by", lambda instance, paused: None)


def _drains_are_overlooked(patch: Patch) -> None:
    patch.setattr(Picture, "drained", lambda self: {})


def _an_old_copy_sets_again_what_was_lifted(patch: Patch) -> None:
    patch.setattr(Hold, "version", property(lambda self: (self.number, int(not self.lifted), "")))


def _holds_end_with_any_roster(patch: Patch) -> None:
    patch.setattr(lapsing, "may_hold", lambda *_: False)


def _holds_outlast_the_right_to_them(patch: Patch) -> None:
    for taker in (keeping, manager):
        patch.setattr(taker, "lapse", lambda *_: NOTHING)


def _a_right_given_anew_covers_what_was_said_before(patch: Patch) -> None:
    def since(now: Roster, following: Roster) -> Roster:
        return following

    patch.setattr(manager, "with_rights_since", since)


def _words_on_the_dead_outlast_the_right_to_them(patch: Patch) -> None:
    held = lapsing._held

    def but_the_dead(custody: Custody, kinds: tuple[str, ...]) -> list[Kept]:
        return held(custody, tuple(kind for kind in kinds if kind != "dead"))

    patch.setattr(lapsing, "_held", but_the_dead)


SABOTAGES = (
    Sabotage(name="R4: pauses are overlooked", plant=_pauses_are_overlooked, noticed_by=("R4",), shape=held),
    Sabotage(name="R4: drains are overlooked", plant=_drains_are_overlooked, noticed_by=("R4",), shape=held),
    Sabotage(
        name="R4: an old copy sets again what was lifted",
        plant=_an_old_copy_sets_again_what_was_lifted,
        seeds_known=(2,),
        noticed_by=("R4", "I10"),
        shape=held,
    ),
    Sabotage(
        name="R4: holds end with any roster",
        plant=_holds_end_with_any_roster,
        seeds_known=(2,),
        noticed_by=("I10", "R4"),
        shape=dismissing,
    ),
    Sabotage(
        name="R4: holds outlast the right to them",
        plant=_holds_outlast_the_right_to_them,
        seeds_known=(10,),
        noticed_by=("I12",),
        shape=dismissing,
    ),
    Sabotage(
        name="R4: a right given anew covers what was said before",
        plant=_a_right_given_anew_covers_what_was_said_before,
        seeds_known=(5,),
        noticed_by=("I8", "R4"),
        shape=reappointing,
    ),
    Sabotage(
        name="X8: words on the dead outlast the right to them",
        plant=_words_on_the_dead_outlast_the_right_to_them,
        noticed_by=("I12", "I10"),
        shape=reappointing,
    ),
)
