"""`skerry apply` and `skerry delete`: an operator's word, to a manager, or to a node of a site that is cut off.

A manager takes manifests from whoever has an operator's certificate. A node takes one intent, signed by the operator
whose certificate it is: the roster says offline who may, and the journal keeps the word as it was signed (U4).
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import typer

from skerry.cli.client import Server, said
from skerry.cli.errors import Failed
from skerry.cli.render import Format, Output, show, table
from skerry.cli.signing import operators_word
from skerry.cli.target import As, At, identity_folder, manager_first, only_manager

TEXT_BYTES_MAX = 1024 * 1024
BETWEEN = "\n---\n"
STDIN = "-"

_APPLY = """\b
Examples:
  skerry apply --file catalogue.yaml --file intent.yaml
  skerry apply --file urgent.yaml --server https://10.0.0.11:7448   # at a node, while cut off"""

_DELETE = """\b
Example:
  skerry delete intent shop-files
  skerry delete node n3                    # or SITE/NODE, where two sites have one of that name"""


class Deletable(StrEnum):
    """What can be deleted."""

    INTENT = "intent"
    NODE = "node"


class Part(NamedTuple):
    """One file's place in the text that is sent."""

    file: str
    first_line: int
    """The number of its first line there, from 1."""


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command(epilog=_APPLY)(apply)
    app.command(epilog=_DELETE)(delete)


def apply(
    file: Annotated[
        list[str], typer.Option("--file", "-f", help="Manifests, YAML; may be repeated; `-` is stdin.", metavar="FILE")
    ],
    server: At = None,
    identity: As = None,
    output: Output = Format.TABLE,
) -> None:
    """Hand in manifests: all of them or none. At a node: one intent for its site, signed with your key."""
    text, parts = _joined([_read(name) for name in file], file)
    asked = manager_first(server, identity)
    if not asked.is_manager:
        done = _at_node(asked, identity_folder(identity, asked.address), text)
        show(done, output, lambda: [f"{asked.who.site}: {done['intent']} is handed in at {asked.who.name}"])
        return
    answer = asked.ask("POST", "/v1/apply", text.encode())
    if answer.status == 400 and isinstance(answer.value, dict) and "errors" in answer.value:
        raise Failed("nothing was applied\n" + "\n".join(_place(one, parts) for one in answer.value["errors"]))
    if answer.status != 200:
        raise Failed(f"nothing was applied: {said(answer)}")
    rows = [(one["kind"], one["name"], one["change"]) for one in answer.value["applied"]]
    show(answer.value, output, lambda: [table(("kind", "name", "change"), rows)])


def delete(
    what: Annotated[Deletable, typer.Argument(help="What kind of thing.")],
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    server: At = None,
    identity: As = None,
) -> None:
    """Withdraw an intent: its roles stop at every site. Or take a node out of its site: it stops all that it runs.

    Either holds at each machine as soon as it hears of it.
    """
    asked = manager_first(server, identity)
    only_manager(asked, f"{what}s to delete")
    if what is Deletable.NODE:
        site, node = _node(asked, name)
        asked.delete(f"/v1/sites/{quote(site, safe='')}/nodes/{quote(node, safe='')}")
        typer.echo(f"node {node} is not of site {site} any more; it stops all as soon as it hears of it")
        return
    asked.delete(f"/v1/intents/{quote(name, safe='')}")
    typer.echo(f"{what} {name} is withdrawn")


def _node(manager: Server, name: str) -> tuple[str, str]:
    """Site and node of `NODE` or `SITE/NODE`. Raises `Failed`."""
    site, slash, node = name.rpartition("/")
    if slash:
        return site, node
    sites = [line["site"] for line in manager.get("/v1/sites")["sites"]]
    having = [s for s in sites if name in manager.get(f"/v1/sites/{quote(s, safe='')}")["members"]]
    if len(having) != 1:
        known = f"sites {', '.join(having)} have one each: say SITE/{name}" if having else "no site has one"
        raise Failed(f"node {name!r}: {known}")
    return having[0], name


def _read(name: str) -> str:
    try:
        if name == STDIN:
            raw = sys.stdin.buffer.read(TEXT_BYTES_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(TEXT_BYTES_MAX + 1)
        if len(raw) > TEXT_BYTES_MAX:
            raise Failed(f"{name}: more than {TEXT_BYTES_MAX} bytes; split it into several files")
        return raw.decode()
    except OSError as error:
        raise Failed(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failed(f"{name}: not UTF-8 at byte {error.start}") from error


def _joined(texts: list[str], files: list[str]) -> tuple[str, list[Part]]:
    """One text of all files, and where each begins in it."""
    parts: list[Part] = []
    line = 1
    for name, text in zip(files, texts, strict=True):
        parts.append(Part("stdin" if name == STDIN else name, line))
        line += (text + BETWEEN).count("\n")
    whole = BETWEEN.join(texts)
    if len(whole.encode()) > TEXT_BYTES_MAX:
        raise Failed(f"together more than {TEXT_BYTES_MAX} bytes; apply the files one after the other")
    return whole, parts


def _place(error: dict[str, Any], parts: list[Part]) -> str:
    """One thing that is wrong, with the user's own file and line."""
    part = next((p for p in reversed(parts) if p.first_line <= error["line"]), None)
    if part is None:  # it lies in something that was applied earlier
        place = str(error["file"])
    else:
        place = f"{part.file}:{error['line'] - part.first_line + 1}:{error['column']}"
    field = f" {error['field']}:" if error["field"] else ""
    hint = f"; {error['hint']}" if error["hint"] else ""
    return f"{place}:{field} {error['message']}{hint}"


def _at_node(node: Server, identity: Path, text: str) -> dict[str, Any]:
    from skerry.core.stages.intent.events import LocalIntent

    word = operators_word(identity, node.who.site, LocalIntent(manifests=text))
    answer = node.ask("POST", "/v1/apply", word)
    if answer.status != 200:
        raise Failed(f"nothing was applied: {said(answer)}")
    taken: dict[str, Any] = answer.value
    return taken
