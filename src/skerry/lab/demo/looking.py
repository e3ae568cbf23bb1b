"""Reading what nodes say: small questions that several acts ask of a status or a plan."""

from __future__ import annotations

import contextlib
from typing import Any

from skerry.examples.programs.caller import Caller, Unanswered

STATS_WITHIN_MS = 1_000


def functionality(status: dict[str, Any], intent: str) -> dict[str, Any] | None:
    """One intent's part of a status; None if that node does not know it."""
    return next((f for f in status["functionalities"] if f["intent"] == intent), None)


def active(status: dict[str, Any], intent: str) -> dict[str, str]:
    """Instances of an intent that are active, and where, as one node knows it."""
    return {
        instance["instance"]: member["node"]
        for member in status["members"]
        for instance in member["instances"]
        if instance["phase"] == "active" and instance["instance"].startswith(f"{intent}/")
    }


def holder(status: dict[str, Any], intent: str, element: str) -> str | None:
    """Who has the first active instance of an element."""
    found = {i: n for i, n in active(status, intent).items() if i.startswith(f"{intent}/{element}#")}
    return found[min(found)] if found else None


def fence(status: dict[str, Any], intent: str, element: str) -> int | None:
    """The highest fence of an element's active instances."""
    fences = [
        instance["fence"]
        for member in status["members"]
        for instance in member["instances"]
        if instance["phase"] == "active" and instance["instance"].startswith(f"{intent}/{element}#")
    ]
    return max((fence for fence in fences if fence is not None), default=None)


def refused_by_fence(status: dict[str, Any], intent: str) -> int:
    """How often intakes and stores were told something by a placement whose time was over, and refused it: their own
    public counts."""
    counted = {"intake": "late_answers", "store": "refused_fence"}
    refused = 0
    for member in status["members"]:
        for instance in member["instances"]:
            kind = instance["instance"].removeprefix(f"{intent}/").partition("#")[0]
            if instance["phase"] == "active" and kind in counted:
                with contextlib.suppress(Unanswered):  # it has just ended
                    stats = Caller().call(instance["endpoint"], "GET", "/stats", within_ms=STATS_WITHIN_MS).json()
                    refused += int(stats.get(counted[kind], 0))
    return refused


def mode(status: dict[str, Any]) -> str:
    """`isolated` if any manager's intents are, else `connected`."""
    modes = {state["mode"] for state in status["modes"].values()}
    return "isolated" if "isolated" in modes else "connected"


def permille(value: int | None) -> str:
    """A fit or share for people: 1200 as 1.20."""
    return "" if value is None else f"{value / 1_000:.2f}"
