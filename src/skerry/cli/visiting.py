"""`skerry manager card|admit|visit|dismiss`: several managers at one site (D25).

What passes between the two operators are two small files, and neither is a secret.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from skerry.cli.client import Server
from skerry.cli.errors import Failed
from skerry.cli.target import As, At, manager_first, only_manager, site_path
from skerry.cli.words import tls_endpoint

FILE_BYTES_MAX = 1024 * 1024
Paper = Annotated[str, typer.Argument(help="A file; `-` is stdin.", metavar="FILE")]
OneSite = Annotated[str, typer.Option("--site", help="Which site.", metavar="SITE")]

_CARD = """\b
Example:
  skerry manager card --server https://branch.example.org:8443 > branch.json"""

_ADMIT = """\b
Example:
  skerry manager admit branch.json --site harbour --server https://hq.example.org:8443 > harbour.json"""

_VISIT = """\b
Example:
  skerry manager visit harbour.json --server https://branch.example.org:8443"""

_DISMISS = """\b
Example:
  skerry manager dismiss branch --site harbour --server https://hq.example.org:8443"""


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command(epilog=_CARD)(card)
    app.command(epilog=_ADMIT)(admit)
    app.command(epilog=_VISIT)(visit)
    app.command(epilog=_DISMISS)(dismiss)


def card(
    uplink: Annotated[
        str | None,
        typer.Option(
            "--uplink",
            help="Where nodes reach it, if not where it listens.",
            metavar="tls/HOST:PORT",
            parser=tls_endpoint,
        ),
    ] = None,
    server: At = None,
    identity: As = None,
) -> None:
    """Print a manager's card: what the home manager of a site needs to let it have intents there."""
    shown = _manager(server, identity).get("/v1/card")
    _print({**shown, "uplink": uplink} if uplink is not None else shown)


def admit(paper: Paper, site: OneSite, server: At = None, identity: As = None) -> None:
    """Let another manager have intents at a site, by its card. Asked of the site's home manager; prints an invitation.

    A guest owns its intents and nothing else. Where the site cannot hold everything, what is not essential yields
    first; of what is essential a guest's yields to the home manager's, and a later guest's to an earlier one's. It is
    told the site's plan and journal, whole.
    """
    home = _manager(server, identity)
    _print(home.post(f"{site_path(home, site)}/guests", _read(paper)))


def visit(paper: Paper, server: At = None, identity: As = None) -> None:
    """Let a manager know a site that it was admitted to, by its invitation. Asked of the guest."""
    done = _manager(server, identity).post("/v1/visits", _read(paper))
    typer.echo(f"{done['site']} is known here; its home manager is {done['home']}")


def dismiss(
    name: Annotated[str, typer.Argument(help="The guest's name.", metavar="NAME")],
    site: OneSite,
    server: At = None,
    identity: As = None,
) -> None:
    """Let a guest go: its intents at a site count as withdrawn. Asked of the site's home manager."""
    home = _manager(server, identity)
    home.delete(f"{site_path(home, site)}/guests/{quote(name, safe='')}")
    typer.echo(f"{name} is no guest of {site} any more; what it wants there stops as soon as the site hears of it")


def _manager(server: str | None, identity: Path | None) -> Server:
    asked = manager_first(server, identity)
    only_manager(asked, "guests and visits")
    return asked


def _print(paper: dict[str, Any]) -> None:
    typer.echo(json.dumps(paper, indent=1))


def _read(paper: str) -> bytes:
    try:
        if paper == "-":
            raw = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(paper).open("rb") as file:
                raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Failed(f"{paper}: cannot be read: {error.strerror}") from error
    if len(raw) > FILE_BYTES_MAX:
        raise Failed(
            f"{paper}: more than {FILE_BYTES_MAX} bytes; expected what `manager card` or `manager admit` prints"
        )
    return raw
