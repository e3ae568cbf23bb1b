"""`skerry object`: put and get a file with whatever offers `object-store.v1` at a site, found by look-up at a node.

A small client for trying a service out. The checksum is made here before it is sent, and compared after it is got.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from skerry.cli.calling import Request, Wait, answered, service_node
from skerry.cli.errors import Failed
from skerry.cli.target import As, At

INTERFACE = "object-store.v1"
SHA = "skerry-sha256"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Put and get a file with a site's object store, found by look-up at a node.",
)

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
    request = Request(INTERFACE, _path(name), "PUT", content, [("Skerry-Sha256", sha)], {201})
    at, _ = answered(service_node(server, identity), request, wait)
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
    at, reply = answered(service_node(server, identity), Request(INTERFACE, _path(name)), wait)
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


def _path(name: str) -> str:
    return f"/o/{quote(name, safe='')}"
