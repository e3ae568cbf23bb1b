"""`skerry declare-dead`: an operator's word, at any node of a site that is cut off, that another node is off (X8)."""

from __future__ import annotations

from typing import Annotated

import typer

from skerry.cli.client import said
from skerry.cli.errors import Failed
from skerry.cli.signing import operators_word
from skerry.cli.target import As, At, identity_folder, node_first, only_node

_DECLARE = """\b
Example:
  skerry declare-dead n3 --server https://10.0.0.11:7448"""


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command("declare-dead", epilog=_DECLARE)(declare_dead)


def declare_dead(
    node: Annotated[str, typer.Argument(help="The node that is off.", metavar="NODE")],
    server: At = None,
    identity: As = None,
) -> None:
    """Say that a node is off, for certain: go and look. Its vote on what must not run twice is left out from then on.

    If it is not off, such a role may run twice until the two meet. Status and journal say so as long as it may. The
    word ends when that node is heard again.
    """
    from skerry.core.group.granting.model import DeclaredDead
    from skerry.core.kernel.ids import NodeId

    asked = node_first(server, identity)
    only_node(asked, "a site that it is cut off with")
    status = asked.get("/v1/status")
    known = status["dead"].get(node, {}).get("generation", 0)
    body = DeclaredDead(node=NodeId(node), generation=known + 1, roster=status["roster_version"])
    word = operators_word(identity_folder(identity, asked.address), asked.who.site, body)
    answer = asked.ask("POST", "/v1/declare-dead", word)
    if answer.status != 200:
        raise Failed(f"not taken: {said(answer)}")
    typer.echo(f"{node} is declared dead at {asked.who.site}: its vote is left out after the longest promise")
