"""What `skerry get` shows: for each kind of thing its path at a manager and at a node, and the rows of its table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from skerry.cli.render import age, milli, plain, plan_id, share, wall

Row = tuple[Any, ...]


class What(StrEnum):
    """What can be got."""

    SITES = "sites"
    INTENTS = "intents"
    CATALOGUE = "catalogue"
    NODES = "nodes"
    PLAN = "plan"
    FITS = "fits"
    VERDICTS = "verdicts"
    JOURNAL = "journal"
    HOLDS = "holds"


class View(NamedTuple):
    """One kind of thing at one kind of server."""

    path: str
    """`{site}` stands for the path of a site at a manager."""
    headers: tuple[str, ...]
    rows: Callable[[Any], Iterable[Row]]


def _sites(value: Any) -> Iterable[Row]:
    for line in value["sites"]:
        heard = f"{age(line['heard_age_ms'])} ago" if line["heard_age_ms"] is not None else "never"
        yield (
            line["site"],
            line["nodes"],
            heard,
            line["heard_from"],
            line["plan"],
            ", ".join(line["intents"]) or None,
            ", ".join(line["distrusted"]) or None,
        )


def _intents(value: Any) -> Iterable[Row]:
    for row in value["intents"]:
        local = "site" if row["local"] else "manager"
        yield (
            row["site"],
            row["intent"],
            row["functionality"],
            row["generation"],
            row["plan_generation"],
            "withdrawn" if row["withdrawn"] else local,
            row["verdict"],
            row["unfilled"] or None,
        )


def _own_intents(value: Any) -> Iterable[Row]:
    for row in value["functionalities"]:
        local = "site" if row["local"] else "manager"
        yield (
            row["intent"],
            row["functionality"],
            row["generation"],
            row["state"],
            row["mode"],
            "withdrawn" if row["withdrawn"] else local,
            row["unfilled"] or None,
        )


def _catalogue(value: Any) -> Iterable[Row]:
    for kinds, kind in (("functionalities", "Functionality"), ("roles", "Role"), ("governances", "Governance")):
        yield from ((kind, name) for name in value[kinds])


def _nodes(value: Any) -> Iterable[Row]:
    for name in value["members"]:
        yield (name, _held(value, name, "connected"), _held(value, name, "isolated"))


def _held(value: Any, node: str, which: str) -> list[str] | None:
    sets = value["assignments"].values()
    return [instance for both in sets for instance, holder in both[which].items() if holder == node] or None


def _own_nodes(value: Any) -> Iterable[Row]:
    for member in value["members"]:
        runs = [f"{i['instance']} {i['phase']}" for i in member["instances"]]
        seen = age(member["age_ms"]) if member["age_ms"] is not None else None
        yield (member["node"], member["contact"], seen, member.get("leader"), runs or None)


def _plan(value: Any) -> Iterable[Row]:
    for intent, sets in value["assignments"].items():
        for instance in sorted({*sets["connected"], *sets["isolated"]}):
            yield (intent, instance, sets["connected"].get(instance), sets["isolated"].get(instance))


def _own_plan(value: Any) -> Iterable[Row]:
    for intent, section in sorted(value["sections"].items()):
        for instance in sorted({*section["connected"], *section["isolated"]}):
            both = [section[name].get(instance) for name in ("connected", "isolated")]
            said = next(one for one in both if one is not None)
            holders = [one["holder"] if one is not None else None for one in both]
            fit = share(said["fit_permille"]) if said["digest"] else None
            yield (intent, instance, *holders, said["configuration"] or None, fit, said["agreed"])
        for slot, why in section["unfilled"].items():
            yield (intent, slot, "unfilled", None, None, None, why)


def _fits(value: Any) -> Iterable[Row]:
    for row in value["rows"]:
        role = f"{row['intent']}/{row['element']}"
        for name, one in sorted(row["configurations"].items()):
            figures = {metric: milli(amount) for metric, amount in one["figures_milli"].items()}
            note = one["failure"] or ("disturbed" if one["disturbed"] else None)
            yield (
                row["node"],
                role,
                name,
                share(one["fit_permille"]),
                figures or None,
                one["operations"],
                milli(one["seconds_milli"]),
                one["digest"],
                wall(one["wall_ms"]),
                note,
            )
        for name, why in sorted(row["limitations"].items()):
            yield (row["node"], role, name, None, None, None, None, None, None, plain(why))


def _verdicts(value: Any) -> Iterable[Row]:
    for one in value["verdicts"]:
        temporary = "temporary" if one["temporary"] else "regular"
        when = wall(one["wall_ms"])
        yield (when, one["intent"], one["generation"], plan_id(one["plan"]), temporary, one["word"], one["reason"])


def _journal(value: Any) -> Iterable[Row]:
    for one in value["entries"]:
        data = {k: v for k, v in one["data"].items() if k not in ("statement", "signature")}
        when = wall(one["wall_ms"])
        yield (when, one["chain"], one["number"], one["kind"], one["what"], one["about"], plain(data))


def _holds(value: Any) -> Iterable[Row]:
    for one in value["holds"]:
        if not one["lifted"]:
            yield (one["what"], one["subject"], one["by"], one["place"], wall(one["wall_ms"]), one["why"] or None)


_HOLD_HEADERS = ("what", "of", "by", "at", "since", "why")
_FIT_HEADERS = ("node", "role", "configuration", "fit", "figures", "operations", "s", "digest", "when", "note")
_JOURNAL_HEADERS = ("when", "chain", "number", "kind", "what", "about", "data")

AT_MANAGER = {
    What.SITES: View("/v1/sites", ("site", "nodes", "heard", "from", "plan", "intents", "distrusted"), _sites),
    What.INTENTS: View(
        "/v1/intents",
        ("site", "intent", "functionality", "generation", "in plan", "word of", "verdict", "unfilled"),
        _intents,
    ),
    What.CATALOGUE: View("/v1/catalogue", ("kind", "name"), _catalogue),
    What.NODES: View("{site}", ("node", "holds when connected", "holds when isolated"), _nodes),
    What.PLAN: View("{site}", ("intent", "instance", "connected", "isolated"), _plan),
    What.FITS: View("{site}/fits", _FIT_HEADERS, _fits),
    What.VERDICTS: View(
        "{site}/verdicts", ("when", "intent", "generation", "plan", "decided", "word", "reason"), _verdicts
    ),
    What.JOURNAL: View("{site}/journal", _JOURNAL_HEADERS, _journal),
    What.HOLDS: View("{site}/holds", _HOLD_HEADERS, _holds),
}

AT_NODE = {
    What.INTENTS: View(
        "/v1/status",
        ("intent", "functionality", "generation", "state", "mode", "word of", "unfilled"),
        _own_intents,
    ),
    What.NODES: View("/v1/status", ("node", "contact", "heard", "follows", "runs"), _own_nodes),
    What.PLAN: View(
        "/v1/plan",
        ("intent", "instance", "connected", "isolated", "configuration", "fit", "agreed"),
        _own_plan,
    ),
    What.FITS: View("/v1/fits", _FIT_HEADERS, _fits),
    What.JOURNAL: View("/v1/journal", _JOURNAL_HEADERS, _journal),
    What.HOLDS: View("/v1/holds", _HOLD_HEADERS, _holds),
}
