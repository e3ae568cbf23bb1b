"""`skerry status`: one screen, honest about age. From a node: its site as it sees it. From a manager: every site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from skerry.cli.render import Format, Output, age, plain, show, table, wall
from skerry.cli.tables import AT_MANAGER, What
from skerry.cli.target import As, At, node_first

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

GOOD, MIDDLING, BAD = "green", "yellow", "bold red"
STATES = {"satisfied": GOOD, "degraded": MIDDLING, "not provided": BAD, "withdrawn": "dim"}
CONTACTS = {"self": GOOD, "yes": GOOD, "hung": BAD, "lost": BAD}

_STATUS = """\b
Examples:
  skerry status                                   # of the lab in this folder
  skerry status --server https://10.0.0.11:7448 --identity /var/lib/skerry/agent"""


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command(epilog=_STATUS)(status)


def status(server: At = None, identity: As = None, output: Output = Format.TABLE) -> None:
    """One screen: connected or cut off since when, who leads, who does what, what safety is given up."""
    asked = node_first(server, identity)
    if asked.is_manager:
        sites = asked.get("/v1/sites")
        view = AT_MANAGER[What.SITES]
        show(sites, output, lambda: [table(view.headers, view.rows(sites))])
        return
    found = asked.get("/v1/status")
    show(found, output, lambda: _screen(found))


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
    yield ""
    yield table(
        ("intent", "state", "mode", "role", "wanted", "active", "verified", "held by", "agreed"),
        (row for functionality in found["functionalities"] for row in _roles(functionality)),
    )
    for functionality in found["functionalities"]:
        for slot, why in functionality["unfilled"].items():
            yield _styled(f"unfilled: {slot}: {why}", MIDDLING)
    for what in found["given_up"]:
        yield _styled(f"given up: {what}", MIDDLING)


def _links(found: dict[str, Any]) -> Iterable[Text]:
    """Each manager: the mode that the site declared, and what this node itself sees of it."""
    for manager in sorted({*found["modes"], *found["uplink"]}):
        mode = found["modes"].get(manager, {"mode": "connected", "since_wall_ms": None})
        own = found["uplink"].get(manager)
        answered = own["answered_age_ms"] if own is not None else None
        heard = (
            f"it answered this node {age(answered)} ago" if answered is not None else "it has not answered this node"
        )
        since = f" since {wall(mode['since_wall_ms'])}" if mode["since_wall_ms"] else ""
        if mode["mode"] == "isolated":
            yield _styled(f"CUT OFF from {manager}{since}; {heard}", BAD)
        else:
            yield _styled(f"connected to {manager}{since}; {heard}", GOOD if answered is not None else MIDDLING)
    if not found["modes"] and not found["uplink"]:
        yield _styled("no manager has been looked for yet", MIDDLING)


def _member(member: dict[str, Any]) -> tuple[Any, ...]:
    runs = [i["instance"] + ("" if i["phase"] == "active" else f" ({i['phase']})") for i in member["instances"]]
    contact = _styled(member["contact"], CONTACTS.get(member["contact"], ""))
    heard = None if member["age_ms"] is None or member["contact"] == "self" else f"{age(member['age_ms'])} ago"
    return (member["node"], contact, heard, member.get("leader"), runs or None)


def _roles(functionality: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    state = _styled(functionality["state"], STATES.get(functionality["state"], ""))
    first = (functionality["intent"] + (" (local)" if functionality["local"] else ""), state, functionality["mode"])
    for row in functionality["roles"]:
        name = row["element"] + ("" if row["essential"] else " (not essential)")
        agreed = plain(sorted(set(row["agreed"].values()))) or None
        holders = plain(sorted(row["assigned"].values())) or None
        yield (*first, name, row["wanted"], len(row["active"]), _verified(row), holders, agreed)
        first = ("", _styled("", ""), "")


def _verified(row: dict[str, Any]) -> str:
    wrong = f", {len(row['contradicted'])} contradicted" if row["contradicted"] else ""
    return f"{len(row['verified'])}{wrong}"


def _styled(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style=style)
