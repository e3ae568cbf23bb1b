"""Act 8: while cut off, machines fall silent, first the leader, then the reporter. Another has been slow before that
(`slowing`), which others know by experience: they will not have it in a role again.

A machine that falls silent closes no socket: every process of it stands still. Nothing is frozen before what the one
before held is served elsewhere, with two copies of every object again.
"""

from __future__ import annotations

from typing import Any

from skerry.examples.programs.caller import Caller, Unanswered
from skerry.lab.demo import looking
from skerry.lab.demo.agreeing import events, refusals, satisfied
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage

SERVED_WITHIN_S = 45.0
COPIES_WITHIN_S = 30.0
STATS_WITHIN_MS = 1_000


def journal(stage: Stage, name: str) -> list[dict[str, Any]]:
    """All entries of all chains that a node holds."""
    rows: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = stage.lab.api(name).get(f"/v1/journal?after={after}")
        rows += page["entries"]
        after = page["next"]
    return rows


def _of(status: dict[str, Any], node: str) -> set[str]:
    return {instance for instance, holder in looking.active(status, INTENT).items() if holder == node}


def leader_falls_silent(stage: Stage) -> str:
    """D26, U6: with all that it held. Returns its name."""
    stage.act(8, "While cut off, two machines fall silent")
    return _freeze(stage, "leader_frozen", stage.leader()["leader"])


def reporter_falls_silent(stage: Stage) -> str:
    """The same, for who reports. Returns its name."""
    return _freeze(stage, "reporter_frozen", stage.leader()["management"]["reporter"][0])


def _freeze(stage: Stage, mark: str, name: str) -> str:
    before = stage.leader()
    _hear_noes(stage)
    held = _of(before, name)
    stage.held[name] = {one for one in held if not one.startswith(f"{INTENT}/placement#")}
    if any(one.startswith(f"{INTENT}/placement#") for one in held):
        stage.fences[name] = looking.fence(before, INTENT, "placement") or 0
    stage.fault(mark, node=name)
    count = stage.lab.freeze(name)
    stage.off.add(name)
    stage.say(f"{name} falls silent: {count} processes stand still, among them {', '.join(sorted(held)) or 'no role'}")
    status = stage.until("the site serves again", lambda: _goes_on(stage, name), SERVED_WITHIN_S)
    now = looking.active(status, INTENT)
    stage.say(
        f"{status['leader']} leads in term {status['term']}; "
        + ("; ".join(f"{one} is on {now[one]}" for one in sorted(held) if one in now) or "nothing had to move")
    )
    if stage.without != "copies":
        stage.until("every object has two copies again", lambda: copies_restored(stage), COPIES_WITHIN_S)
        stage.say("every object has two copies again")
    stage.note_given_up(f"with {' and '.join(sorted(stage.off))} silent", status)
    refusals(stage)
    return name


def _goes_on(stage: Stage, gone: str) -> dict[str, Any] | None:
    status = satisfied(stage)
    if gone in looking.active(status, INTENT).values():
        return None
    offices = [*status["management"]["validator"], *status["management"]["reporter"]]
    return status if gone not in offices else None


def copies_restored(stage: Stage) -> bool | None:
    """What placement says of its objects, asked like any client would."""
    status = stage.leader()
    endpoints = [
        instance["endpoint"]
        for member in status["members"]
        for instance in member["instances"]
        if instance["instance"].startswith(f"{INTENT}/placement#") and instance["phase"] == "active"
    ]
    if not endpoints:
        raise DemoFailed("there is no placement")
    try:
        stats = Caller().call(endpoints[0], "GET", "/stats", within_ms=STATS_WITHIN_MS).json()
    except Unanswered as error:
        raise DemoFailed(f"placement does not answer: {error}") from error
    if stats["under_replicated"] or not stats["rebuilt"] or stats["copying"]:
        raise DemoFailed(f"{stats['under_replicated']} of {stats['objects']} objects have fewer than two copies")
    return True


def voters_no(stage: Stage) -> None:
    """P5: at least one voter said no from its own experience of a candidate."""
    _hear_noes(stage)
    if not stage.noes:
        stage.say("nobody has asked the slow node for that role again, so no voter had to say no")
    for event in list(stage.noes.values())[:2]:
        stage.say(f"{event['node']} votes no on {event['about']}: {event['data']['why']} ({event['data']['evidence']})")
    stage.found["voted_no_from_experience"] = len(stage.noes)


def _hear_noes(stage: Stage) -> None:
    """Before somebody falls silent, and at the end."""
    for event in events(stage, "ballot.no"):
        if event["data"]["evidence"]:
            stage.noes[event["node"], int(event["atMs"])] = event
