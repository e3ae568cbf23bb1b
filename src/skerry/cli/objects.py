"""`skerry object`: put and get a file with whatever offers `object-store.v1` at a site, found by look-up at a node.

A small client for trying a service out. The checksum is made here before it is sent, and compared after it is got.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from skerry.cli.client import Server
from skerry.cli.errors import Failed, Unreachable
from skerry.cli.target import As, At, node_first, only_node
from skerry.cli.words import seconds
from skerry.shell.clock import boot_ms

if TYPE_CHECKING:
    from skerry.examples.programs.caller import Reply

INTERFACE = "object-store.v1"
CALL_WITHIN_MS = 10_000
TRY_AGAIN_S = 0.3
SHA = "skerry-sha256"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Put and get a file with a site's object store, found by look-up at a node.",
)

Wait = Annotated[
    int,
    typer.Option("--wait", help="How long to try until the service answers.", metavar="DURATION", parser=seconds),
]

_PUT = """\b
Example:
  skerry object put photo.jpg --as photo --server https://10.0.0.11:7448 --identity /var/lib/skerry/agent"""
_GET = """\b
Example:
  skerry object get photo --to copy.jpg --server https://10.0.0.12:7448 --identity /var/lib/skerry/agent"""


@app.command(epilog=_PUT)
def put(
    file: Annotated[Path, typer.Argument(help="What to put.", metavar="FILE")],
    name: Annotated[str, typer.Option("--as", help="The object's name.", metavar="NAME")],
    server: At = None,
    identity: As = None,
    wait: Wait = "10s",  # type: ignore[assignment]  # the option's parser reads the default too
) -> None:
    """Put a file; done when the service says that it keeps it."""
    from skerry.examples.programs.messages import BODY_BYTES_MAX

    try:
        with file.open("rb") as opened:
            content = opened.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise Failed(f"{file}: cannot be read: {error.strerror}") from error
    if len(content) > BODY_BYTES_MAX:
        raise Failed(f"{file}: more than {BODY_BYTES_MAX} bytes; this store takes no larger objects")
    sha = hashlib.sha256(content).hexdigest()
    at, _ = _call(_node(server, identity), "PUT", name, content, [("Skerry-Sha256", sha)], {201}, wait)
    typer.echo(f"{name}: {len(content)} bytes, sha256 {sha}, kept by {at}")


@app.command(epilog=_GET)
def get(
    name: Annotated[str, typer.Argument(help="The object's name.", metavar="NAME")],
    to: Annotated[
        Path | None, typer.Option("--to", help="Where to write it; stdout if left out.", metavar="FILE")
    ] = None,
    server: At = None,
    identity: As = None,
    wait: Wait = "10s",  # type: ignore[assignment]  # the option's parser reads the default too
) -> None:
    """Get an object, checked against the checksum that it was put with."""
    at, reply = _call(_node(server, identity), "GET", name, b"", [], {200}, wait)
    sha = hashlib.sha256(reply.body).hexdigest()
    if reply.headers.get(SHA) not in (None, sha):
        raise Failed(f"{name}: what {at} sent has another checksum than it says; try again")
    if to is None:
        sys.stdout.buffer.write(reply.body)
        sys.stdout.buffer.flush()
        return
    try:
        to.write_bytes(reply.body)
    except OSError as error:
        raise Failed(f"{to}: cannot be written: {error.strerror}") from error
    typer.echo(f"{to}: {len(reply.body)} bytes, sha256 {sha}, from {at}")


def _node(server: str | None, identity: Path | None) -> Server:
    node = node_first(server, identity)
    only_node(node, "services to look up")
    return node


def _call(
    node: Server,
    method: str,
    name: str,
    body: bytes,
    headers: list[tuple[str, str]],
    wanted: set[int],
    wait_s: int,
) -> tuple[str, Reply]:
    """Ask where the service is and call it, until it answers or the time is over. Raises `Failed`, `Unreachable`."""
    from skerry.examples.programs.caller import Caller, Unanswered

    until_ms = boot_ms() + wait_s * 1_000
    caller = Caller()
    while True:
        why = f"no node offers {INTERFACE} now"
        for found in node.get(f"/v1/lookup?interface={INTERFACE}")["endpoints"]:
            try:
                reply = caller.call(
                    found["endpoint"],
                    method,
                    f"/o/{quote(name, safe='')}",
                    body=body,
                    headers=[("Skerry-Client", "skerry-object"), *headers],
                    within_ms=CALL_WITHIN_MS,
                )
            except Unanswered as error:
                why = str(error)
                continue
            if reply.status in wanted:
                caller.close()
                return f"{found['instance']} on {found['node']}", reply
            why = f"{found['instance']} on {found['node']}: {reply.error() or 'refused'} (status {reply.status})"
            if reply.status < 500:
                raise Failed(f"{name}: {why}")
        if boot_ms() >= until_ms:
            raise Unreachable(f"{name}: {why}; tried for {wait_s} s, see `skerry status`")
        time.sleep(TRY_AGAIN_S)
