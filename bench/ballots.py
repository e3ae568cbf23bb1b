"""How long five nodes need to agree: from a proposal's leaving to the commit that follows its last ballot.

Real agents over the real network of a lab, by the leader's own clock: the public events `plan.proposed` and
`plan.committed` of each plan that all five had a say in.
"""

from __future__ import annotations

from typing import Any

from bench import resting
from bench.figures import Figure
from skerry.lab.site import Lab


def measure() -> list[Figure]:
    """Every plan that a lab agrees on until the example is satisfied."""
    with resting.lab() as lab:
        resting.apply_example(lab)
        said = [event for node in lab.state.nodes for event in _events(lab, node)]
    return [Figure("ballots_round_trip_ms_at_5_nodes", tuple(round_trips_ms(said, resting.NODES)))]


def round_trips_ms(events: list[dict[str, Any]], members: int) -> list[int]:
    """One for each plan that was proposed once and committed by so many members."""
    proposed: dict[str, list[int]] = {}
    for event in events:
        if event["what"] == "plan.proposed":
            proposed.setdefault(event["about"], []).append(int(event["atMs"]))
    return [
        int(event["atMs"]) - proposed[event["about"]][0]
        for event in events
        if event["what"] == "plan.committed"
        and len(proposed.get(event["about"], [])) == 1
        and len(event["data"]["members"]) == members
    ]


def _events(lab: Lab, node: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.api(node).get("/v1/events?after=0")["events"]
    return found
