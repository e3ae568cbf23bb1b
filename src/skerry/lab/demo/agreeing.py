"""Acts 5 and 6: who is asked, who says no and why, what is measured before it counts; the offices; the contingency."""

from __future__ import annotations

from typing import Any

from skerry.lab import asking
from skerry.lab.demo import looking
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage

AGREED_WITHIN_S = 90.0
OFFICES_WITHIN_S = 30.0


def agree(stage: Stage) -> None:
    """D11 to D19: proposal, ballots, agreement, subscription; satisfied only when each role was measured."""
    stage.act(5, "The site agrees who does what, and each role is measured before it counts")
    status = stage.until(f"{INTENT} is satisfied", lambda: satisfied(stage), AGREED_WITHIN_S)
    found = looking.functionality(status, INTENT)
    assert found is not None
    stage.table(
        f"Plan {status['plan']}: the functionality is {found['state']}",
        ["role", "held by", "agreed by", "verified"],
        [
            [instance, holder, role["agreed"].get(instance), "measured" if instance in role["verified"] else "not yet"]
            for role in found["roles"]
            for instance, holder in role["assigned"].items()
        ],
    )
    refusals(stage)
    _explain(stage, status["leader"], next(iter(found["roles"][-1]["assigned"])))


def satisfied(stage: Stage) -> dict[str, Any]:
    """The leader's status, once the functionality is satisfied with every role that the set in force wants."""
    status = stage.leader()
    found = looking.functionality(status, INTENT)
    if found is None:
        raise DemoFailed("the site does not know the intent")
    if found["state"] != "satisfied":
        raise DemoFailed(f"it is {found['state']}; unfilled: {found['unfilled']}")
    return status


def events(stage: Stage, what: str, names: list[str] | None = None) -> list[dict[str, Any]]:
    """Public events of one kind, of all nodes that answer, oldest first."""
    found = [
        {**event, "node": name}
        for name in names or stage.names()
        for event in stage.lab.api(name).get("/v1/events?after=0")["events"]
        if event["what"] == what
    ]
    return sorted(found, key=lambda event: int(event["atMs"]))


def refusals(stage: Stage) -> None:
    """D13, D15: an assignee refuses for lack of free resources; the role goes to the next."""
    said = [e for e in events(stage, "ballot.no") if "not enough free" in e["data"]["why"]]
    if len(said) <= stage.found.get("refused_for_resources", 0):
        return
    for event in said[stage.found.get("refused_for_resources", 0) :][:2]:
        stage.say(f"{event['node']} refuses {event['about']}: {event['data']['why']}; the next in the ranking is asked")
    stage.found["refused_for_resources"] = len(said)


def _explain(stage: Stage, leader: str, instance: str) -> None:
    """Each candidate's score, term by term."""
    try:
        explained = stage.lab.api(leader).get(f"/v1/explain?instance={instance.replace('#', '%23')}")
    except asking.Unanswered as error:
        raise DemoFailed(f"explain {instance}: {error}") from error
    for ranking in explained["rankings"][:1]:
        terms = list(ranking["candidates"][0]["terms"]) if ranking["candidates"] else []
        rows = [
            [
                one["node"],
                one["configuration"],
                looking.permille(one["fit_permille"]),
                *(f"{looking.permille(one['terms'][term])} × {one['weights'][term]}" for term in terms),
                one["score"],
            ]
            for one in ranking["candidates"]
        ]
        rows += [[node, "", "", *("" for _ in terms), why] for node, why in ranking["unable"].items()]
        stage.table(f"Why {instance} is where it is", ["node", "configuration", "fit", *terms, "score"], rows)


def offices(stage: Stage) -> None:
    """D6, D7, D24: leader, validator and reporter stand, and the contingency is held by every node before any cut."""
    stage.act(6, "Leader, validator and reporter stand elected; the plan for the cut is voted and held by every node")

    status = offices_stand(stage)
    offices = status["management"]
    stage.say(
        f"{status['leader']} leads in term {status['term']}, followed by {', '.join(status['part'])} (their signed "
        f"word is its certificate); {offices['validator'][0]} validates, {offices['reporter'][0]} reports"
    )
    plans: dict[str, Any] = stage.until("every node holds the same plan", lambda: _same_plan(stage), OFFICES_WITHIN_S)
    section = plans["sections"][INTENT]
    rows = [
        [
            instance,
            section["connected"].get(instance, {}).get("holder"),
            section["isolated"].get(instance, {}).get("holder"),
        ]
        for instance in sorted({*section["connected"], *section["isolated"]})
    ]
    stage.table("One plan, held by all: who does what", ["role", "connected", "when cut off"], rows)


def offices_stand(stage: Stage) -> dict[str, Any]:
    """Wait until three nodes hold the three offices; returns the leader's status. Raises `DemoFailed`."""

    def stand() -> dict[str, Any] | None:
        status = stage.leader()
        held = [status["leader"], *status["management"]["validator"], *status["management"]["reporter"]]
        return status if len(set(held)) == len(held) == 3 else None

    return stage.until("three nodes hold the three offices", stand, OFFICES_WITHIN_S)


def _same_plan(stage: Stage) -> dict[str, Any] | None:
    plans = [stage.lab.api(name).get("/v1/plan") for name in stage.names()]
    return plans[0] if all(plan == plans[0] for plan in plans) else None


def serve(stage: Stage) -> None:
    """D17: a client that knows three addresses finds the service and uses it until the end."""
    stage.mark("served")
    stage.start_client()
    stage.until("the client is served", lambda: stage.figures()["client_requests"] >= 10 or None, 20)
    stage.say("a client has found the service by itself and uses it, ten times a second, until the end")
