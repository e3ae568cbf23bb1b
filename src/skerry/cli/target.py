"""Whom a verb asks: the options for it, the environment variables, and a lab in the folder one stands in."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from skerry.cli.client import Server, server
from skerry.cli.errors import Failed, Unreachable
from skerry.cli.lab import VARIABLE, chosen
from skerry.cli.words import https_address
from skerry.lab import wires

if TYPE_CHECKING:
    from skerry.lab.state import LabState

At = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="SKERRY_SERVER",
        help="The manager's or a node's API; a lab in this folder if left out.",
        metavar="https://HOST:PORT",
        parser=https_address,
        show_envvar=True,
    ),
]
As = Annotated[
    Path | None,
    typer.Option(
        "--identity",
        envvar="SKERRY_IDENTITY",
        help="Who asks: a folder with ca.pem, cert.pem, key.pem.",
        metavar="DIR",
        show_envvar=True,
    ),
]
SiteName = Annotated[
    str | None, typer.Option("--site", help="Which site; needed where a manager has several.", metavar="SITE")
]


def manager_first(at: str | None, identity: Path | None) -> Server:
    """Who was named; else the manager of the lab. Raises `Failed`, `Unreachable`, `typer.BadParameter`."""
    if at is not None:
        return server(at, identity_folder(identity, at))
    lab = _lab()
    lab.enter(wires.MANAGER)
    return server(lab.state.manager_api, lab.operator)


def node_first(at: str | None, identity: Path | None) -> Server:
    """Who was named; else the leader of the lab, or any node of it that answers. Raises as `manager_first`."""
    if at is not None:
        return server(at, identity_folder(identity, at))
    lab = _lab()
    lab.enter(wires.DESK)
    answering: dict[str, Server] = {}
    leader = None
    for name, place in lab.state.nodes.items():
        node = server(place.api, lab.operator)
        try:
            leader = node.ask("GET", "/v1/status", within_s=2).value["leader"]
        except Failed:  # frozen, killed, or not started; another one may answer
            continue
        answering[name] = node
        if leader in answering:
            return answering[leader]
    if not answering:
        raise Unreachable(f"{chosen()}: no node of this lab answers; see `skerry lab status`")
    return answering.get(str(leader)) or next(iter(answering.values()))


def identity_folder(identity: Path | None, at: str = "") -> Path:
    """What was named; else, for a server of the lab, its operator. Raises `typer.BadParameter` if there is neither:
    everybody shows a certificate here."""
    if identity is None:
        with contextlib.suppress(typer.BadParameter):
            lab = _lab()
            if at in {lab.state.manager_api, *(node.api for node in lab.state.nodes.values())}:
                lab.enter(wires.MANAGER if at == lab.state.manager_api else wires.DESK)
                return lab.operator
        raise typer.BadParameter(
            "needed together with --server: a folder with ca.pem, cert.pem and key.pem (or SKERRY_IDENTITY)",
            param_hint="--identity",
        )
    return identity


def site_path(manager: Server, site: str | None) -> str:
    """The path of a site at a manager; which one need not be said where there is only one. Raises `Failed`."""
    if site is None:
        known: list[str] = [line["site"] for line in manager.get("/v1/sites")["sites"]]
        if len(known) != 1:
            raise Failed(f"the manager has {len(known)} sites: say which, --site {'|'.join(known) or '...'}")
        site = known[0]
    return f"/v1/sites/{quote(site, safe='')}"


def only_manager(asked: Server, what: str) -> None:
    """Raises `Failed` if a node was asked for what only a manager has."""
    if not asked.is_manager:
        raise Failed(f"{asked.address} is the node {asked.who.name}, and only a manager has {what}: give its --server")


def only_node(asked: Server, what: str) -> None:
    """Raises `Failed` if a manager was asked for what only a node has."""
    if asked.is_manager:
        raise Failed(f"{asked.address} is a manager, and only a node has {what}: give a node's --server")


class _Lab:
    def __init__(self, state: LabState, operator: Path) -> None:
        self.state, self.operator = state, operator

    def enter(self, place: str) -> None:
        """Where its nodes have a network of their own, this process asks from a place in there from now on."""
        space = self.state.space(place)
        if space is not None:
            wires.enter(space)


def _lab() -> _Lab:
    from skerry.lab import building
    from skerry.lab.state import LabError, load

    try:
        return _Lab(load(chosen()), building.operator(chosen()))
    except LabError:
        raise typer.BadParameter(
            "say whom to ask: --server https://HOST:PORT (or SKERRY_SERVER); there is no lab in this folder, "
            f"and {VARIABLE} names none elsewhere",
            param_hint="--server",
        ) from None
