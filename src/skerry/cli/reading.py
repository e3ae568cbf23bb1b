"""Verbs that show and change nothing: `get`, `describe`, `explain`, `events`, `history`, `use`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from skerry.cli.client import Server
from skerry.cli.errors import Failed
from skerry.cli.render import Format, Output, Whole, WholeOutput, in_a_line, milli, plain, share, show, table, wall
from skerry.cli.replaying import explained
from skerry.cli.tables import AT_MANAGER, AT_NODE, What
from skerry.cli.target import As, At, SiteName, manager_first, node_first, only_manager, only_node, site_path

if TYPE_CHECKING:
    from rich.console import RenderableType

PAGES_MAX = 200
"""Of a journal in one call; `--after` goes on from there."""
SITE_INTENT = "site"

_GET = """\b
Examples:
  skerry get sites
  skerry get fits --site harbour -o json
  skerry get plan --server https://10.0.0.11:7448"""
_DESCRIBE = """\b
Examples:
  skerry describe site harbour
  skerry describe intent shop-files      # what it was translated into, for each site
  skerry describe instance hq/shop-files/store#1"""
_EXPLAIN = """\b
Examples:
  skerry explain hq/shop-files/store#1 --server https://10.0.0.11:7448
  skerry explain hq/shop-files/store#1 --log /var/lib/skerry/agent"""
_EVENTS = """\b
Examples:
  skerry events --follow
  skerry events --after 120 -o json"""
_HISTORY = """\b
Example:
  skerry history tiered-storage@1"""
_USE = """\b
Example:
  skerry use till-3"""


class Thing(StrEnum):
    """What can be described."""

    SITE = "site"
    INTENT = "intent"
    INSTANCE = "instance"


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command(epilog=_GET, short_help="List things, as a manager or a node knows them.")(get)
    app.command(epilog=_DESCRIBE)(describe)
    app.command(epilog=_EXPLAIN, short_help="Why an instance is where it is, score by score.")(explain)
    app.command(epilog=_EVENTS, short_help="Show what happened, one event a line.")(events)
    app.command(epilog=_HISTORY, short_help="How well each role was performed, and how that is known.")(history)
    app.command(epilog=_USE, short_help="The seconds in which each client was served.")(use)


def get(
    what: Annotated[What, typer.Argument(help="What to list.")],
    site: SiteName = None,
    after: Annotated[int, typer.Option("--after", min=0, help="journal: leave out so many entries.")] = 0,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """List things, at a manager or as one node of a site knows them."""
    asked = manager_first(server, identity)
    known = AT_MANAGER if asked.is_manager else AT_NODE
    if what not in known:
        raise Failed(f"{asked.address} is the node {asked.who.name}; {what} are the manager's: give its --server")
    view = known[what]
    path = view.path.format(site=site_path(asked, site)) if "{site}" in view.path else view.path
    value = _journal(asked, path, after) if what is What.JOURNAL else asked.get(path)
    show(value, output, lambda: [table(view.headers, view.rows(value))])


def _journal(asked: Server, path: str, after: int) -> dict[str, Any]:
    """All pages, so many at most."""
    entries: list[Any] = []
    position: int | None = after
    for _ in range(PAGES_MAX):
        page = asked.get(f"{path}?after={position}")
        entries += page["entries"]
        position = page["next"]
        if position is None:
            break
    return {"entries": entries, "next": position}


def describe(
    thing: Annotated[Thing, typer.Argument(help="What kind of thing.")],
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    site: SiteName = None,
    server: At = None,
    identity: As = None,
    output: WholeOutput = Whole.YAML,
) -> None:
    """Show one thing with all its parts."""
    asked = manager_first(server, identity)
    if thing is Thing.SITE:
        only_manager(asked, "sites")
        value = asked.get(f"/v1/sites/{quote(name, safe='')}")
    elif thing is Thing.INTENT:
        value = _intent(asked, name)
    else:
        value = _instance(asked, name, site)
    show(value, output)


def _intent(asked: Server, name: str) -> dict[str, Any]:
    """Where an intent stands, and what it was translated into."""
    if not asked.is_manager:
        rows = asked.get("/v1/status")["functionalities"]
        found = [row for row in rows if _is_intent(row["intent"], name)]
        if not found:
            raise _unknown("intent", name, (row["intent"] for row in rows))
        sections = asked.get("/v1/plan")["sections"]
        return {"state": found, "plan": {row["intent"]: sections.get(row["intent"]) for row in found}}
    rows = asked.get("/v1/intents")["intents"]
    found = [row for row in rows if _is_intent(row["intent"], name)]
    if not found:
        raise _unknown("intent", name, (row["intent"] for row in rows))
    irs = {
        row["site"]: [
            ir
            for ir in asked.get(f"/v1/sites/{quote(row['site'], safe='')}/irs")["irs"]
            if ir["intent"] == row["intent"]
        ]
        for row in found
    }
    return {"state": found, "translated": irs}


def _is_intent(known: str, name: str) -> bool:
    """By its whole id, or by the name that it was given."""
    return name in (known, known.partition("/")[2])


def _instance(asked: Server, name: str, site: str | None) -> dict[str, Any]:
    """Who holds an instance, in both sets; at a node also what runs now."""
    if not asked.is_manager:
        value: dict[str, Any] = asked.get(f"/v1/explain?instance={quote(name, safe='')}")
        members = asked.get("/v1/status")["members"]
        runs = [{"node": m["node"], **i} for m in members for i in m["instances"] if i["instance"] == name]
        if not value["assignments"] and not runs:
            raise _unknown("instance", name, _instances_in(asked))
        return {
            "instance": name,
            "assignments": value["assignments"],
            "runs": runs,
            "paused": value["paused"],
            "drained": value["drained"],
        }
    assignments = asked.get(site_path(asked, site))["assignments"]
    held = {which: holders[name] for sets in assignments.values() for which, holders in sets.items() if name in holders}
    if not held:
        known = {i for sets in assignments.values() for holders in sets.values() for i in holders}
        raise _unknown("instance", name, known)
    return {"instance": name, "held_by": held}


def _instances_in(node: Server) -> set[str]:
    answer = node.ask("GET", "/v1/plan")
    sections = answer.value["sections"].values() if answer.status == 200 else ()
    return {instance for section in sections for name in ("connected", "isolated") for instance in section[name]}


def _unknown(what: str, name: str, known: Iterable[str]) -> Failed:
    return Failed(f"there is no {what} {name!r}; known: {', '.join(sorted(set(known))) or 'none yet'}")


Log = Annotated[
    Path | None,
    typer.Option("--log", help="An agent's folder, or its `inputs`, also as a copy.", metavar="FOLDER", exists=True),
]


def explain(
    instance: Annotated[str, typer.Argument(help="An instance, as `skerry get plan` names it.", metavar="INSTANCE")],
    server: At = None,
    identity: As = None,
    log: Log = None,
    output: Output = Format.TABLE,
) -> None:
    """Why an instance is where it is: each candidate's score, term by term, and who could not, and why.

    The leader knows, for it ranked them; in a lab it is found, elsewhere give its --server. With --log, nobody is
    asked: what one node did about the instance, and from what cause to what cause, as its own record tells.
    """
    if log is not None:
        explained(instance, log, output)
        return
    asked = node_first(server, identity)
    only_node(asked, "the scores of candidates")
    value = asked.get(f"/v1/explain?instance={quote(instance, safe='')}")
    if not value["assignments"] and not value["rankings"] and not value["open"]:
        raise _unknown("instance", instance, _instances_in(asked))
    show(value, output, lambda: _explained(value))


def _explained(value: dict[str, Any]) -> Iterable[RenderableType]:
    held = [
        (a["set"], a["holder"], a["configuration"] or None, share(a["fit_permille"]), a["agreed"], a["since"])
        for a in value["assignments"]
    ]
    yield table(("set", "holder", "configuration", "fit", "agreed", "since plan"), held)
    if value["claim"]:
        yield f"\nits claim, where the site cannot hold everything: {value['claim']}"
    for slot, why in sorted(value["open"].items()):
        yield f"\nopen: {slot}: {why}"
    if value["paused"]:
        yield f"\nit does not run: {value['paused']}"
    for node, why in sorted(value["drained"].items()):
        yield f"\n{node} gets nothing: {why}"
    if not value["rankings"]:
        leader = value["leader"]
        where = f"{leader} leads: ask it" if leader not in (None, value["ranked_by"]) else "it was ranked by an earlier"
        yield f"\n{value['ranked_by']} did not rank its candidates; {where}" + ("" if "leads" in where else " leader")
    for ranking in value["rankings"]:
        yield f"\n{ranking['set']}, as {value['ranked_by']} ranked it"
        terms = sorted({term for one in ranking["candidates"] for term in one["terms"]})
        rows = [
            (
                one["node"],
                one["configuration"],
                share(one["fit_permille"]) + (", lowered" if one["lowered"] else ""),
                *(_term(one, term) for term in terms),
                milli(one["score"]),
            )
            for one in ranking["candidates"]
        ]
        yield table(("node", "configuration", "fit", *terms, "score"), rows)
        for node, why in sorted(ranking["unable"].items()):
            yield f"{node}: no: {why}"


def _term(candidate: dict[str, Any], term: str) -> str | None:
    if term not in candidate["terms"]:
        return None
    return f"{milli(candidate['terms'][term])} × {candidate['weights'].get(term, 0)}"


def events(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    after: Annotated[int, typer.Option("--after", min=0, help="Only those with a higher number.")] = 0,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """Show what happened, one event a line; with -o json one object a line."""
    asked = manager_first(server, identity)
    if not follow:
        for event in asked.get(f"/v1/events?after={after}")["events"]:
            _event(event, output)
        return
    try:
        for event in asked.lines(f"/v1/events?after={after}&follow=true"):
            _event(event, output)
    except KeyboardInterrupt:
        raise typer.Exit from None


def _event(event: dict[str, Any], output: Format) -> None:
    if output is Format.JSON:
        typer.echo(json.dumps(event))
    elif output is Format.YAML:
        typer.echo("---")
        show(event, output)
    else:
        words = (wall(event["wallMs"]), f"{event['number']:>5}", event["node"], event["what"], event["about"])
        typer.echo(in_a_line(" ".join(word for word in (*words, plain(event["data"])) if word)))


def history(
    functionality: Annotated[
        str | None, typer.Argument(help="Of one functionality or intent alone.", metavar="FUNCTIONALITY")
    ] = None,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """How well each role was performed: seconds as its holders counted them, measurements of others beside them."""
    asked = manager_first(server, identity)
    only_manager(asked, "the history of sites")
    rows = asked.get("/v1/history")["history"]
    if functionality is not None:
        intents = asked.get("/v1/intents")["intents"]
        wanted = {i["intent"] for i in intents if _is_meant(i, functionality)}
        if not wanted:
            raise _unknown("functionality", functionality, (i["functionality"] for i in intents))
        rows = [row for row in rows if row["instance"].rpartition("/")[0] in wanted]
    headers = (
        "site", "instance", "holders", "connected s", "compliant", "isolated s", "compliant", "compliance", "unknown s",
        "confirmed", "contradicted", "measured by", "last figures",
    )  # fmt: skip
    shown = [
        (
            row["site"], row["instance"], row["holders"], row["connected_s"], row["connected_compliant_s"],
            row["isolated_s"], row["isolated_compliant_s"], share(row["compliance_permille"]), row["unknown_s"],
            row["confirmed"], row["contradicted"], row["measured_by"] or None,
            {metric: milli(amount) for metric, amount in row["last_figures_milli"].items()} or None,
        )
        for row in rows
    ]  # fmt: skip
    show({"history": rows}, output, lambda: [table(headers, shown)])


def _is_meant(intent: dict[str, Any], by: str) -> bool:
    """By the intent's name or id, or by its functionality as intents refer to one: `hello`, `hello@1`."""
    whole = str(intent["functionality"])
    return by in (whole, whole.partition("@")[0], intent["intent"], intent["name"]) or (
        "@" in by and whole.startswith(f"{by}.")
    )


def use(
    client: Annotated[str | None, typer.Argument(help="One client alone.", metavar="CLIENT")] = None,
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """Seconds in which each client was served and nothing failed; unknown ones are no one's and shown by themselves."""
    asked = manager_first(server, identity)
    only_manager(asked, "the accounts of clients")
    everybody = asked.get("/v1/use")["use"]
    rows = [row for row in everybody if client in (None, row["client"])]
    if client is not None and not rows:
        raise _unknown("client", client, (row["client"] for row in everybody))
    shown = [
        (row["site"], row["client"], row["connected_s"], row["isolated_s"], row["failed_s"], row["unknown_s"])
        for row in rows
    ]
    headers = ("site", "client", "connected s", "isolated s", "failed s", "unknown s")
    show({"use": rows}, output, lambda: [table(headers, shown)])
