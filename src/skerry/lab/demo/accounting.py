"""Act 12: the account. What was provided, how well, to whom, and what is not known; nothing written down was lost."""

from __future__ import annotations

from typing import Any

from skerry.lab.demo.measuring import INTENT
from skerry.lab.demo.stage import CLIENT, DemoFailed, Stage

DELIVERED_WITHIN_S = 30.0


def delivered(stage: Stage) -> None:
    """J1, J3: the manager holds every entry of every chain that any node holds."""
    stage.act(12, "The account: what was provided, how well, to whom, and what is not known")
    heads: dict[str, int] = {}
    for name in stage.names():
        for chain, head in stage.status(name)["journal"].items():
            heads[chain] = max(heads.get(chain, 0), head)

    def lost() -> int:
        held = stage.lab.manager().get(f"/v1/sites/{stage.lab.state.site}")["journal"]
        return sum(max(head - held.get(chain, 0), 0) for chain, head in heads.items())

    def none_lost() -> bool | None:
        return lost() == 0 or None

    try:
        stage.until("the manager holds the whole journal", none_lost, DELIVERED_WITHIN_S)
    finally:
        stage.found["journal_entries_lost"] = lost()
    stage.say(f"the manager holds all {sum(heads.values())} entries of {len(heads)} chains, each verified")


def show(stage: Stage, summary: dict[str, Any]) -> None:
    """D22, D23: compliance per role, and per client the seconds of use."""
    history = [row for row in stage.lab.manager().get("/v1/history")["history"] if row["instance"].startswith(INTENT)]
    stage.table(
        "Performance history: what holders counted, what others measured beside it",
        ["role", "holders", "connected", "isolated", "compliant", "confirmed", "contradicted", "by"],
        [
            [
                row["instance"],
                ", ".join(row["holders"]),
                f"{row['connected_s']} s",
                f"{row['isolated_s']} s",
                "" if row["compliance_permille"] is None else f"{row['compliance_permille'] / 10:.1f} %",
                row["confirmed"],
                row["contradicted"],
                ", ".join(row["measured_by"]),
            ]
            for row in history
        ],
    )
    own, slack = summary["seconds_of_use"], max(len(stage.faults), 1)

    def complete() -> dict[str, Any]:
        """The last reading comes a while after the last request."""
        rows = [row for row in stage.lab.manager().get("/v1/use")["use"] if row["client"] == CLIENT]
        if not rows:
            raise DemoFailed(f"the manager knows nothing of the client {CLIENT}")
        row: dict[str, Any] = rows[0]
        known = row["connected_s"] + row["isolated_s"]
        if not known - slack <= own <= known + row["unknown_s"] + slack:
            raise DemoFailed(f"known {known} s, unknown {row['unknown_s']} s, by the client's own count {own} s")
        return row

    use = stage.until("the account agrees with the client's own", complete, DELIVERED_WITHIN_S)
    for what in ("connected", "isolated", "unknown"):
        stage.found[f"use_seconds_{what}"] = use[f"{what}_s"]
    stage.found["use_seconds_client"] = own
    stage.say(
        f"{CLIENT} was served for {use['connected_s']} s connected and {use['isolated_s']} s cut off; of "
        f"{use['unknown_s']} s it is not known; by its own count it was {own} s"
    )
