"""`skerry status`: one screen, honest about age. From a node: its site as it sees it. From a manager: every site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from skerry.cli.render import Format, Output, age, in_a_line, show, table, wall
from skerry.cli.tables import AT_MANAGER, What
from skerry.cli.target import As, At, node_first

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

GOOD, MIDDLING, BAD = "green", "yellow", "bold red"
FRESH_MS = 10_000
"""An answer older than that shows nothing green; a manager is asked several times within it."""
STATES = {"satisfied": GOOD, "degraded": MIDDLING, "paused": MIDDLING, "not provided": BAD, "withdrawn": "dim"}
DONE = {"pause": "paused", "drain": "drained"}
CONTACTS = {"self": GOOD, "yes": GOOD, "hung": BAD, "lost": BAD}

_STATUS = """\b
Examples:
  skerry status                                   # of the lab in this folder
  skerry status --server https://10.0.0.11:7448 --identity /var/lib/skerry/agent"""


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command(epilog=_STATUS, short_help="One screen: cut off since when, who leads, what is given up.")(status)


def status(server: At = None, identity: As = None, output: Output = Format.TABLE) -> None:
    """One screen: connected or cut off since when, who leads, who does what, what safety is given up."""
    asked = node_first(server, identity)
    if asked.is_manager:
        sites = asked.get("/v1/sites")
        view = AT_MANAGER[What.SITES]
        show(sites, output, lambda: [table(view.headers, view.rows(sites)), *_notices(sites)])
        return
    found = asked.get("/v1/status")
    show(found, output, lambda: _screen(found))


def _notices(sites: dict[str, Any]) -> Iterable[RenderableType]:
    for site in sites["sites"]:
        for notice in site["notices"]:
            yield _styled(f"{site['site']}: {in_a_line(notice)}", MIDDLING)


def _screen(found: dict[str, Any]) -> Iterable[RenderableType]:
    yield f"site {found['site']}, as {found['node']} sees it"
    yield from _links(found)
    duties = [f"{duty} {', '.join(holders) or 'nobody'}" for duty, holders in found["management"].items()]
    leader = f"leader {found['leader']}, term {found['term']}" if found["leader"] else "no leader"
    yield " · ".join([leader, *duties])
    temporary = ", decided without a manager: temporary until it is ratified" if found["plan_temporary"] else ""
    yield f"plan {found['plan'] or 'none yet'}{temporary}"
    yield ""
    yield table(("node", "contact", "heard", "follows", "runs"), map(_member, found["members"]))
    for member in found["members"]:
        for one in member["instances"]:
            if one["reason"] and one["phase"] in ("waiting", "failed"):
                yield _styled(f"{one['instance']} {one['phase']} on {member['node']}: {in_a_line(one['reason'])}", BAD)
    for hold in found["holds"]:
        yield _styled(f"{DONE[hold['what']]}: {held(hold)}", MIDDLING)
    for functionality in found["functionalities"]:
        yield from _functionality(functionality)
    if found["given_up"]:
        yield ""
    for what in found["given_up"]:
        yield _styled(f"given up: {what}", MIDDLING)


def held(hold: dict[str, Any]) -> str:
    """What an operator holds, for people: who, where, since when, why."""
    why = f": {in_a_line(hold['why'])}" if hold["why"] else ""
    return f"{hold['subject']}, by {hold['by']} at {hold['place']} since {wall(hold['wall_ms'])}{why}"


def _links(found: dict[str, Any]) -> Iterable[RenderableType]:
    """Each manager, in order of precedence: the mode that the site declared, and what this node itself sees of it."""
    for manager in found["managers"]:
        name = manager["manager"] + ("" if manager["home"] else " (a guest)")
        answered = manager["answered_age_ms"]
        if not manager["session"]:
            heard = "this node has no session with it"
        else:
            heard = f"it answered {age(answered)} ago" if answered is not None else "it has not answered yet"
        declared = found["modes"].get(manager["manager"])
        since = f" since {wall(declared['since_wall_ms'])}" if declared is not None else ""
        if manager["mode"] == "isolated":
            yield _styled(f"CUT OFF from {name}{since}; {heard}", BAD)
        else:
            fresh = manager["session"] and answered is not None and answered < FRESH_MS
            yield _styled(f"connected to {name}{since}; {heard}", GOOD if fresh else MIDDLING)


def _member(member: dict[str, Any]) -> tuple[Any, ...]:
    runs = [i["instance"] + ("" if i["phase"] == "active" else f" ({i['phase']})") for i in member["instances"]]
    contact = _styled(member["contact"], CONTACTS.get(member["contact"], ""))
    heard = None if member["age_ms"] is None or member["contact"] == "self" else f"{age(member['age_ms'])} ago"
    return (member["node"], contact, heard, member.get("leader"), runs or None)


def _functionality(found: dict[str, Any]) -> Iterable[RenderableType]:
    yield ""
    local = ", handed in at the site" if found["local"] else ""
    yield _styled(f"{found['intent']}: {found['state']}, {found['mode']}{local}", STATES.get(found["state"], ""))
    if not found["withdrawn"]:
        yield table(("role", "active", "verified", "held by", "agreed"), map(_role, found["roles"]))
    for slots, why in _unfilled(found["unfilled"]):
        yield _styled(f"unfilled: {slots}: {in_a_line(why)}", MIDDLING)


def _unfilled(slots: dict[str, str]) -> Iterable[tuple[str, str]]:
    """What both sets lack for the same reason is told once."""
    reasons: dict[str, list[str]] = {}
    for slot, why in slots.items():
        reasons.setdefault(why, []).append(slot)
    return ((", ".join(named), why) for why, named in reasons.items())


def _role(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["element"] + ("" if row["essential"] else " (not essential)"),
        f"{len(row['active'])} of {row['wanted']}",
        _verified(row),
        [held + (" (standards lowered)" if name in row["lowered"] else "") for held, name in _holders(row)] or None,
        sorted(set(row["agreed"].values())) or None,
    )


def _holders(row: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((holder, instance) for instance, holder in row["assigned"].items())


def _verified(row: dict[str, Any]) -> str:
    wrong = f", {len(row['contradicted'])} contradicted" if row["contradicted"] else ""
    return f"{len(row['verified'])}{wrong}"


def _styled(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style=style)
