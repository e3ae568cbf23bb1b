"""Words of the command line that have a form of their own: addresses, durations. What is wrong is wrong use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

_TLS = re.compile(r"tls/(.+)")


def host_port(text: str) -> str:
    """`host:port`; an IPv6 address stands in square brackets. Raises `typer.BadParameter`."""
    host, _, port = text.rpartition(":")
    plain = host.startswith("[") == host.endswith("]") and (":" not in host or host.startswith("["))
    if not host or not plain or not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise typer.BadParameter(f"{text!r}: expected HOST:PORT, such as 10.0.0.5:7448 or [fd00::5]:7448")
    return text


def tls_endpoint(text: str) -> str:
    """`tls/host:port`. Raises `typer.BadParameter`."""
    found = _TLS.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: expected tls/HOST:PORT, such as tls/10.0.0.5:7447")
    host_port(found[1])
    return text


def https_address(text: str) -> str:
    """The `host:port` of an `https://host:port`. Raises `typer.BadParameter`."""
    url = urlsplit(text)
    if url.scheme != "https" or url.path not in ("", "/") or url.query or url.username is not None:
        raise typer.BadParameter(f"{text!r}: expected https://HOST:PORT")
    return host_port(url.netloc)


def seconds(text: str) -> int:
    """Whole seconds of a duration such as `90s`, `15m` or `1h`. Raises `typer.BadParameter`."""
    from skerry.core.stages.intent.model.quantities import parse

    try:
        found_ms = parse(text, "duration")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if found_ms < 1_000:
        raise typer.BadParameter(f"`{text}` is too short; expected a second or more")
    return found_ms // 1_000


def host_of(address: str) -> str:
    """The host of a `host:port`, without brackets."""
    return address.rpartition(":")[0].strip("[]")


def joined(host: str, port: int) -> str:
    """`host:port`, with brackets where they are needed."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


AgentFolder = Annotated[Path, typer.Option("--folder", help="The agent's folder.", show_default=False, metavar="DIR")]
ManagerFolder = Annotated[
    Path, typer.Option("--folder", help="The manager's folder.", show_default=False, metavar="DIR")
]
