"""A machine's owner takes memory away after the machine has told what it can do: whoever is asked says no (D13)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from skerry.core.stages.intent.model.quantities import parse
from skerry.lab import asking
from skerry.lab.demo.stage import DemoFailed, Stage

LEFT_BYTES = 128 << 20
"""What an owner leaves: less than any role of the example needs."""


def take(stage: Stage, name: str) -> None:
    """Take what is not yet promised, but for a rest that is too small for any role."""
    status, plan = stage.lab.api(name).ask("/v1/plan")
    sections = plan["sections"].values() if status == 200 else ()
    promised = sum(
        max(
            sum(a["resources"]["memory_bytes"] for a in section[which].values() if a["holder"] == name)
            for which in ("connected", "isolated")
        )
        for section in sections
    )
    taken = parse(stage.lab.state.node(name).memory, "size") - promised - LEFT_BYTES
    if taken <= 0:
        stage.say(f"{name} has nothing free as it is")
        return
    stage.lab.load(name, taken)
    stage.loaded.add(name)
    stage.say(f"the owner of {name} takes {taken >> 20} MiB of it, after it has told what it can do")


def give_back(stage: Stage) -> None:
    """What was taken, if anything was."""
    for name in sorted(stage.loaded):
        stage.lab.load(name, None)
        stage.say(f"the owner of {name} gives back what was taken")
    stage.loaded.clear()


def ranked(stage: Stage, *instances: str) -> list[dict[str, Any]]:
    """Whom the leader ranked for these, with every term of their scores; of a node its last row. Raises
    `DemoFailed`."""
    leader = stage.leader()["leader"]
    found: dict[str, dict[str, Any]] = {}
    for instance in instances:
        try:
            told = stage.lab.api(leader).get(f"/v1/explain?instance={instance.replace('#', '%23')}")
        except asking.Unanswered as error:
            raise DemoFailed(f"explain {instance}: {error}") from error
        found.update((one["node"], one) for ranking in told["rankings"][:1] for one in ranking["candidates"])
    return list(found.values())


def next_in_line(ranked: Iterable[Mapping[str, Any]], besides: Collection[str]) -> list[str]:
    """Who will be asked, of those that a leader ranked: the best of all besides some. Empty if nobody is left."""
    return [one["node"] for one in sorted(ranked, key=lambda one: -one["score"]) if one["node"] not in besides][:1]
