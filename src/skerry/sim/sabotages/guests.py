"""D25: what a manager may say at a site where others have intents, and who yields."""

from __future__ import annotations

from dataclasses import replace

from skerry.core import conversation
from skerry.core.actors import judging, owners
from skerry.core.actors.picture import Picture
from skerry.core.kernel.ids import IntentId
from skerry.core.stages.ir.model import ElementSpec
from skerry.core.stages.negotiation.survey import Survey
from skerry.sim.options import Options
from skerry.sim.sabotages.holding import dismissing
from skerry.sim.sabotages.sabotage import Patch, Sabotage
from skerry.sim.sabotages.shapes import crowded, reconnecting


def visited(options: Options) -> Options:
    """Two managers, which come and go."""
    return replace(reconnecting(options), guests=("m2",), absent=False)


def crowded_by_two(options: Options) -> Options:
    """Two managers want more than there is room for."""
    return replace(crowded(options), guests=("m2",), absent=False)


def _anybody_ratifies(patch: Patch) -> None:
    """A manager judges all sections, and is believed."""
    for module in (judging, conversation, owners):
        patch.setattr(module, "owns", lambda manager, intent: True)


def _the_later_comes_first(patch: Patch) -> None:
    """What an earlier manager owns yields to what a later one does."""
    claim = Survey.claim

    def turned(self: Survey, intent: IntentId, spec: ElementSpec) -> tuple[bool, int, int]:
        weak, rank, priority = claim(self, intent, spec)
        return (weak, -rank, priority)

    patch.setattr(Survey, "claim", turned)


def _nothing_yields_to_another_intent(patch: Patch) -> None:
    """Whoever was there first keeps its room."""
    claim = Survey.claim
    patch.setattr(Survey, "claim", lambda self, intent, spec: (claim(self, intent, spec)[0], 0, 0))


def _the_dismissed_stay(patch: Patch) -> None:
    """What a guest wanted goes on when it was dismissed."""
    patch.setattr(Picture, "_in_force", lambda self, ir: ir)


SABOTAGES = (
    Sabotage(name="D25: the dismissed stay", plant=_the_dismissed_stay, noticed_by=("D25",), shape=dismissing),
    Sabotage(
        name="D25: a manager's word on another's intent is believed",
        plant=_anybody_ratifies,
        noticed_by=("D25", "R1"),
        shape=visited,
    ),
    Sabotage(
        name="D25: an earlier manager's role yields to a later one's",
        plant=_the_later_comes_first,
        noticed_by=("D25",),
        shape=crowded_by_two,
    ),
    Sabotage(
        name="D25: who was there first keeps its room",
        plant=_nothing_yields_to_another_intent,
        noticed_by=("D25",),
        shape=crowded_by_two,
    ),
)
