"""An agent's figures, for Prometheus: what its status shows, as far as it is a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, get_args

from skerry.api.exposition import Sample, exposition
from skerry.core.stages.history.standing import IntentState

STATES = tuple(state for state in get_args(IntentState) if state != "withdrawn")
_MEANING = {
    "skerry_site_nodes": "Nodes in the site's roster.",
    "skerry_node_contacts": "Other nodes that this node hears.",
    "skerry_node_leads": "Whether this node leads.",
    "skerry_node_term": "The term that this node is in.",
    "skerry_node_cut_off": "Whether the site counts as cut off from a manager.",
    "skerry_node_answered_age_seconds": "Time since a manager answered; absent where another node asks it.",
    "skerry_node_instances": "Instances on this node, by phase.",
    "skerry_node_journal_entries": "Journal entries that this node knows of, in all chains.",
    "skerry_node_journal_bytes": "What the journal takes on this node's disk.",
    "skerry_node_cannot_write": "Whether the disk takes nothing, so that this node decides nothing.",
    "skerry_node_statements_refused_total": "Statements without effect: repeated, of an old life, or not allowed.",
    "skerry_node_messages_lost_total": "Messages that could not be sent or taken, or came while too many waited.",
    "skerry_node_links_broken_off_total": "Links over which one end heard nothing.",
    "skerry_intent_state": "1 for the state that an intent is in.",
    "skerry_intent_unfilled_slots": "Slots of an intent that the plan leaves unfilled.",
}


def text(status: dict[str, Any], *, cannot_write: bool, broken_off: int) -> str:
    """All of them; `status` is what the API gives under that name."""
    here = {"site": status["site"], "node": status["node"]}
    own = {
        **_own(status),
        "skerry_node_cannot_write": cannot_write,
        "skerry_node_links_broken_off_total": broken_off,
    }
    samples: list[Sample] = [*((name, {}, value) for name, value in own.items()), *_by_label(status)]
    return exposition(_MEANING, [(name, {**here, **labels}, value) for name, labels, value in samples])


def _own(status: dict[str, Any]) -> dict[str, float]:
    return {
        "skerry_site_nodes": len(status["members"]),
        "skerry_node_contacts": sum(member["contact"] == "yes" for member in status["members"]),
        "skerry_node_leads": status["leader"] == status["node"],
        "skerry_node_term": status["term"],
        "skerry_node_journal_entries": sum(status["journal"].values()),
        "skerry_node_journal_bytes": status["journal_bytes"],
        "skerry_node_statements_refused_total": status["refused"],
        "skerry_node_messages_lost_total": status["lost"],
    }


def _by_label(status: dict[str, Any]) -> Iterable[Sample]:
    for manager in status["managers"]:
        named = {"manager": manager["manager"]}
        yield "skerry_node_cut_off", named, manager["mode"] == "isolated"
        if manager["answered_age_ms"] is not None:
            yield "skerry_node_answered_age_seconds", named, manager["answered_age_ms"] / 1_000
    mine = [one for member in status["members"] if member["contact"] == "self" for one in member["instances"]]
    for phase, number in sorted(Counter(one["phase"] for one in mine).items()):
        yield "skerry_node_instances", {"phase": phase}, number
    for one in status["functionalities"]:
        if one["withdrawn"]:
            continue
        named = {"intent": one["intent"]}
        yield from (("skerry_intent_state", {**named, "state": s}, one["state"] == s) for s in STATES)
        yield "skerry_intent_unfilled_slots", named, len(one["unfilled"])
