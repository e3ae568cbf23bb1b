"""Calling a service that a site offers, found by look-up at a node; and `skerry call`, which does it for any of them.

Instances come and go, so each attempt looks up anew, and attempts go on until one is answered or the time is over.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import quote

import typer

from skerry.cli.client import Server
from skerry.cli.errors import Failed, Unreachable
from skerry.cli.target import As, At, node_first, only_node
from skerry.cli.words import seconds
from skerry.shell.clock import boot_ms

if TYPE_CHECKING:
    from skerry.examples.programs.caller import Reply

CALL_WITHIN_MS = 10_000
TRY_AGAIN_S = 0.3
CLIENT = "skerry-cli"
"""The name under which these calls are metered."""

Wait = Annotated[
    int,
    typer.Option("--wait", help="How long to try until the service answers.", metavar="DURATION", parser=seconds),
]

_CALL = """\b
Example:
  skerry call greeting.v1 --server https://10.0.0.11:7448 --identity /var/lib/skerry/agent"""


class Request(NamedTuple):
    """What is asked of whatever offers an interface."""

    interface: str
    path: str
    method: str = "GET"
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    wanted: Collection[int] = (200,)
    """The answers that mean success."""


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command("call", epilog=_CALL, short_help="Ask whatever offers an interface at a site.")(call)


def call(
    interface: Annotated[str, typer.Argument(help="As a functionality offers it.", metavar="INTERFACE")],
    path: Annotated[str, typer.Argument(help="What to ask it for.", metavar="PATH")] = "/",
    server: At = None,
    identity: As = None,
    wait: Wait = "10s",  # type: ignore[assignment]  # the option's parser reads the default too
) -> None:
    """Ask whatever offers an interface at a site, found by look-up at a node; prints the answer's body."""
    if not path.startswith("/"):
        raise typer.BadParameter(f"{path!r}: expected a path that begins with /", param_hint="PATH")
    _, reply = answered(service_node(server, identity), Request(interface, path), wait)
    sys.stdout.buffer.write(reply.body)
    sys.stdout.buffer.flush()


def service_node(server: str | None, identity: Path | None) -> Server:
    """The node at which a service is looked up. Raises `Failed`, `Unreachable`, `typer.BadParameter`."""
    node = node_first(server, identity)
    only_node(node, "services to look up")
    return node


def answered(node: Server, request: Request, wait_s: int) -> tuple[str, Reply]:
    """Who answered, and what, once that is a success. Raises `Failed` if it was refused, `Unreachable` after `wait_s`
    seconds."""
    from skerry.examples.programs.caller import Caller, Unanswered

    until_ms = boot_ms() + wait_s * 1_000
    caller = Caller()
    while True:
        why = f"no node offers {request.interface} now"
        for found in node.get(f"/v1/lookup?interface={quote(request.interface, safe='')}")["endpoints"]:
            at = f"{found['instance']} on {found['node']}"
            try:
                reply = caller.call(
                    found["endpoint"],
                    request.method,
                    request.path,
                    body=request.body,
                    headers=[("Skerry-Client", CLIENT), *request.headers],
                    within_ms=CALL_WITHIN_MS,
                )
            except Unanswered as error:
                why = str(error)
                continue
            if reply.status in request.wanted:
                caller.close()
                return at, reply
            why = f"{at}: {reply.error() or 'refused'} (status {reply.status})"
            if reply.status < 500:
                raise Failed(f"{request.interface} {request.path}: {why}")
        if boot_ms() >= until_ms:
            raise Unreachable(f"{request.interface}: {why}; tried for {wait_s} s, see `skerry status`")
        time.sleep(TRY_AGAIN_S)
