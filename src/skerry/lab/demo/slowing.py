"""Act 5, its second half: what was true when it was measured is so no longer. A node turns slow, which its validator
measures, so its role moves; and whoever is asked next refuses, for its owner has taken what it would need (D13).
"""

from __future__ import annotations

from typing import Any

from skerry.lab.demo import agreeing, looking, owner, suspects
from skerry.lab.demo.agreeing import events, refusals, satisfied
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage
from skerry.lab.demo.suspects import Suspect

SLOW_FACTOR = 200.0
SLOW_WITHIN_S = 75.0


def play(stage: Stage) -> None:
    """P5: what a node says of itself was true when it measured; the validator finds that it is so no longer. Whoever is
    asked next refuses: its owner has taken away what it would need, after it had told what it can do (D13)."""
    suspect = stage.suspect = _suspect(stage)
    instance, slowed = suspect.instance, suspect.node
    stage.ranked = owner.ranked(stage, suspect.opens, instance)
    for asked in owner.next_in_line(stage.ranked, _holders(stage, suspect)):
        owner.take(stage, asked)
    sections = stage.lab.api(slowed).get("/v1/plan")["sections"][INTENT]
    stage.slowed.add((slowed, sections["connected"][instance]["configuration"]))
    stage.fault("slowed", node=slowed)
    stage.lab.slow(slowed, SLOW_FACTOR)
    stage.say(f"the workloads of {slowed} turn slow; its agent and its own figures do not know")

    def moved() -> dict[str, Any] | None:
        now = satisfied(stage)
        left = {one["instance"] for member in now["members"] if member["node"] == slowed for one in member["instances"]}
        return now if instance not in left else None

    stage.until(f"{instance} is taken from {slowed}", moved, SLOW_WITHIN_S)
    stage.lab.slow(slowed, None)
    stage.mark("at_full_speed", ends="slowed")
    contradicted = events(stage, "role.contradicted")
    if not contradicted:
        raise DemoFailed("nobody measured the slow node under the floor")
    last = contradicted[-1]
    stage.say(
        f"{last['node']} has measured {last['about']} on {last['data']['holder']} at "
        f"{looking.permille(last['data']['fit_of_floor_permille'])} of the floor: it moves"
    )
    refusals(stage)
    if stage.found.get("refused_for_resources"):
        owner.give_back(stage)
    _clear_the_way(stage)


def _suspect(stage: Stage) -> Suspect:
    """Which of those that will be asked again the seed draws. Raises `DemoFailed`."""
    status = agreeing.offices_stand(stage)
    able = suspects.suspects(status["leader"], status["management"], looking.active(status, INTENT))
    if not able:
        raise DemoFailed("nobody but the leader has a role that could turn slow and that others measure")
    return able[stage.draw("slowed", len(able))]


def _clear_the_way(stage: Stage) -> None:
    """Whoever might be asked for the leader's place before the slow node is has nothing free by then: it refuses, and
    the slow node is asked next. If nobody has refused so far, the one after the slow node does. Well ahead of that,
    since an agent looks only now and then at what its owner takes."""
    suspect = stage.suspect
    assert suspect is not None
    holders = _holders(stage, suspect)
    away = suspects.in_the_way(stage.ranked, suspect.node, holders)
    if not away and not stage.found.get("refused_for_resources"):
        away = owner.next_in_line(stage.ranked, {suspect.node, *holders})
    for name in away:
        owner.take(stage, name)


def _holders(stage: Stage, suspect: Suspect) -> set[str]:
    """Who has promised to hold something of a suspect's role, in either set."""
    section = stage.lab.api(suspect.node).get("/v1/plan")["sections"][INTENT]
    places = [*section["connected"].items(), *section["isolated"].items()]
    return {one["holder"] for name, one in places if suspects.element(name) == suspects.element(suspect.instance)}
