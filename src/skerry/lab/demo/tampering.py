"""`--tamper`: while the site is cut off, one byte of its journal is changed on every disk that holds a copy. Whoever
delivers it, head office cannot verify it, and ratifies nothing that rests on it; the site goes on meanwhile."""

from __future__ import annotations

from typing import Any

from skerry.lab import asking
from skerry.lab.demo import dying, looking
from skerry.lab.demo.agreeing import satisfied
from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import DemoFailed, Stage

BACK_WITHIN_S = 40.0
REFUSED_WITHIN_S = 30.0
SERVED_WITHIN_S = 20.0
SERVED_AFTER = 20
"""Requests after the refusal that show that nothing has stopped."""


def play(stage: Stage) -> None:
    """Change it, let the uplink return, and show what becomes of it. Always raises `DemoFailed`: a site whose journal
    was changed has not done its job."""
    entry = _decision(stage)
    _change(stage, entry)
    stage.fault("healed", nodes=stage.names())
    stage.lab.heal()
    stage.say("the relay forwards again, and the journal is delivered")
    site = stage.until("head office refuses the plan", lambda: _refused(stage), REFUSED_WITHIN_S)
    rows = [[intent, v["word"], v["plan"], v["reason"]] for intent, v in sorted(site["verdicts"].items())]
    stage.table("What head office says to what the site decided alone", ["intent", "word", "plan", "why"], rows)
    for chain, why in sorted(site["distrusted"].items()):
        stage.say(f"{stage.lab.state.site}'s chain {chain} is believed up to there and no further: {why}")
    _goes_on(stage)
    refused = site["verdicts"][INTENT]
    stage.found["refused_plans"] = sum(v["word"] == "refused" for v in site["verdicts"].values())
    raise DemoFailed(f"head office refused plan {refused['plan']} of {INTENT}: {refused['reason']}")


def _decision(stage: Stage) -> dict[str, Any]:
    """The entry by which the temporary plan in force was committed."""
    status = stage.leader()
    found = [e for e in dying.journal(stage, status["leader"]) if e["what"] == "plan.committed"]
    mine = [e for e in found if e["about"] == status["plan"]]
    if not mine:
        raise DemoFailed(f"no node holds the entry that committed plan {status['plan']}")
    return mine[-1]


def _change(stage: Stage, entry: dict[str, Any]) -> None:
    """On one node after the other, the leader last; their workloads do not notice that their agents are away."""
    leader = stage.leader()["leader"]
    for name in [*(n for n in stage.names() if n != leader), leader]:
        stage.mark(f"tampered_{name}", fault=True, node=name)
        changed = stage.lab.tamper(name, entry["chain"], entry["number"])
        stage.until(f"{name} is back", lambda: _all_together(stage), BACK_WITHIN_S)
        stage.say(
            f"{name}: its agent was away for a moment, and byte {changed.byte} of entry {entry['number']} of "
            f"{entry['chain']} says {changed.after!r} where {changed.before!r} was signed"
        )
    stage.until("the site is whole again", lambda: satisfied(stage), BACK_WITHIN_S)


def _all_together(stage: Stage) -> bool | None:
    return len(stage.leader()["part"]) == len(stage.names()) or None


def _refused(stage: Stage) -> dict[str, Any] | None:
    try:
        site: dict[str, Any] = stage.lab.manager().get(f"/v1/sites/{stage.lab.state.site}", 2)
    except asking.Unanswered as error:
        raise DemoFailed(str(error)) from error
    word = site["verdicts"].get(INTENT)
    if word is None or word["word"] != "refused" or not site["distrusted"]:
        raise DemoFailed(f"its word is {word and word['word']}, and it distrusts {site['distrusted'] or 'nothing'}")
    return site


def _goes_on(stage: Stage) -> None:
    """The client is served as before, by the same plan."""
    before = stage.figures()
    wanted = before["client_requests"] + SERVED_AFTER
    stage.until("the client is served", lambda: stage.figures()["client_requests"] >= wanted or None, SERVED_WITHIN_S)
    failed = stage.figures()["client_failures"] - before["client_failures"]
    status = stage.leader()
    found = looking.functionality(status, INTENT)
    stage.say(
        f"the site goes on by itself: {INTENT} is {found and found['state']} under plan {status['plan']}; of "
        f"{SERVED_AFTER} requests since then {failed} failed"
    )
