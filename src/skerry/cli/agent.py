"""`skerry agent`: take a machine into a site, run its agent, take it out again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skerry.cli.hooks import hooks_of
from skerry.cli.words import AgentFolder, host_port, https_address, tls_endpoint

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Take this machine into a site, run its agent, take it out again.",
)

_JOIN = """\b
Examples:
  skerry agent join --manager https://203.0.113.7:8443 --token TOKEN \\
    --site harbour --name n1 --folder /var/lib/skerry/agent
  skerry agent join ... --host 10.0.0.11 --multicast none --peer tls/10.0.0.12:7447"""

_RUN = """\b
Example:
  skerry agent run --folder /var/lib/skerry/agent"""

_LEAVE = """\b
Example:
  skerry agent leave --folder /var/lib/skerry/agent"""


Manager = Annotated[
    str, typer.Option("--manager", help="The manager's API.", metavar="https://HOST:PORT", parser=https_address)
]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="SKERRY_TOKEN",
        show_envvar=True,
        help="As `skerry manager token` printed it.",
        metavar="TOKEN",
    ),
]
Site = Annotated[str, typer.Option("--site", help="The site.", metavar="SITE")]
Name = Annotated[str, typer.Option("--name", help="This machine's name at the site.", metavar="NAME")]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        help="The address by which the site reaches this machine; by default that which reaches the manager.",
        metavar="ADDRESS",
    ),
]
Listen = Annotated[
    str | None,
    typer.Option(
        "--listen", help="Where peers reach it; port 7447 of --host.", metavar="tls/HOST:PORT", parser=tls_endpoint
    ),
]
Peers = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        help="A peer to dial instead of all that had joined before; may be repeated.",
        metavar="tls/HOST:PORT",
        parser=tls_endpoint,
    ),
]
Multicast = Annotated[
    str | None,
    typer.Option(
        "--multicast",
        help="The device on which peers are looked for besides, `auto`, or `none`, the default.",
        metavar="DEVICE",
    ),
]
Api = Annotated[
    str | None,
    typer.Option(
        "--api",
        help="Where clients and operators reach it; port 7448 of --host.",
        metavar="HOST:PORT",
        parser=host_port,
    ),
]
Uplink = Annotated[
    str | None,
    typer.Option(
        "--uplink",
        help="Where it reaches the manager, if not where the manager says.",
        metavar="tls/HOST:PORT",
        parser=tls_endpoint,
    ),
]
NodeFile = Annotated[
    Path | None, typer.Option("--node-file", help="What this machine's owner gives: a Node manifest.", metavar="FILE")
]

Replaces = Annotated[
    str | None,
    typer.Option("--replaces", help="A node of the site whose place this one takes; it goes.", metavar="NODE"),
]


@app.command(epilog=_JOIN)
def join(
    manager: Manager,
    token: Token,
    site: Site,
    name: Name,
    folder: AgentFolder,
    host: Host = None,
    listen: Listen = None,
    peer: Peers = None,
    multicast: Multicast = None,
    api: Api = None,
    uplink: Uplink = None,
    node_file: NodeFile = None,
    replaces: Replaces = None,
) -> None:
    """Take this machine into a site, once: a key is made here and stays here, the manager certifies it.

    Leaves key, certificate, roster, the site's settings and its intents in the folder, so that the agent can run
    without ever seeing the manager again. Nothing is left if it fails.
    """
    from skerry.cli.joining import Wish
    from skerry.cli.joining import join as join_site

    wish = Wish(
        manager=manager,
        token=token,
        site=site,
        name=name,
        folder=folder,
        host=host,
        listen=listen,
        peers=tuple(peer or ()),
        multicast=multicast,
        api=api,
        uplink=uplink,
        node_file=node_file,
        replaces=replaces,
    )
    typer.echo(join_site(wish))


@app.command(epilog=_RUN)
def run(context: typer.Context, folder: AgentFolder) -> None:
    """Run this machine's agent until SIGTERM or Ctrl-C. Its workloads outlive it; `agent leave` ends them."""
    hooks_of(context).run_agent(folder, typer.echo)


@app.command(epilog=_LEAVE)
def leave(folder: AgentFolder) -> None:
    """Take this machine out: stop all that runs on it, say goodbye, end its agent. Its folder stays.

    Its vote goes with the next roster, which its manager makes as soon as it hears of it.
    """
    from skerry.cli.leaving import leave as leave_site

    for line in leave_site(folder):
        typer.echo(line)
