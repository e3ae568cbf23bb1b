"""`skerry manager`: run one, make the tokens that nodes join with, make further operators."""

from __future__ import annotations

from typing import Annotated

import typer

from skerry.cli import visiting
from skerry.cli.hooks import ManagerPlace, TokenWish, hooks_of
from skerry.cli.words import ManagerFolder, host_port, seconds

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Run a manager, make the tokens that nodes join with, and let managers be guests at each other's sites.",
)
visiting.add_to(app)

Database = Annotated[
    str | None,
    typer.Option(
        "--database", help="Where it keeps what it knows, as a database URL; by default in its folder.", metavar="URL"
    ),
]

_RUN = """\b
Example:
  skerry manager run --folder /var/lib/skerry/manager \\
    --api 203.0.113.7:8443 --uplink 203.0.113.7:7446 --host hq.example.org"""

_MAKE = """\b
Example:
  skerry manager token --folder /var/lib/skerry/manager --site harbour --node n1 --ttl 15m"""


_OPERATOR = """\b
Example:
  skerry manager operator ann --folder /var/lib/skerry/manager
  skerry get sites --server https://hq.example.org:8443 \\
    --identity /var/lib/skerry/manager/operators/ann"""


@app.command(epilog=_RUN)
def run(
    context: typer.Context,
    folder: ManagerFolder,
    api: Annotated[
        str,
        typer.Option("--api", help="Where people and joining nodes reach it.", metavar="HOST:PORT", parser=host_port),
    ],
    uplink: Annotated[
        str, typer.Option("--uplink", help="Where sites reach it.", metavar="HOST:PORT", parser=host_port)
    ],
    name: Annotated[str, typer.Option("--name", help="Its name; it stays the same for good.")] = "hq",
    database: Database = None,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="A further name or address that it is reached by.", metavar="NAME_OR_ADDRESS"),
    ] = None,
) -> None:
    """Run a manager until SIGTERM or Ctrl-C.

    Its first start makes the authority, the manager's own key, and an operator: FOLDER/operators/admin is what
    `--identity` of the other verbs takes. Keep the folder; it is the only one of its kind.
    """
    place = ManagerPlace(folder=folder, name=name, api=api, uplink=uplink, database=database, hosts=tuple(host or ()))
    hooks_of(context).run_manager(place, typer.echo)


@app.command(epilog=_MAKE)
def token(
    context: typer.Context,
    folder: ManagerFolder,
    site: Annotated[str, typer.Option("--site", help="The site that the token is for.", metavar="SITE")],
    node: Annotated[
        str | None, typer.Option("--node", help="Only a node of this name may use it.", metavar="NAME")
    ] = None,
    ttl: Annotated[
        int, typer.Option("--ttl", help="How long it may be used.", metavar="DURATION", parser=seconds)
    ] = "1h",  # type: ignore[assignment]  # the option's parser reads the default too
    database: Database = None,
) -> None:
    """Make a token that one node may join a site with, once. Works beside a running manager, on its machine.

    The token is the last line printed. It is a secret until it is used.
    """
    wish = TokenWish(folder=folder, database=database, site=site, node=node, ttl_s=ttl)
    typer.echo(hooks_of(context).make_token(wish))


@app.command(epilog=_OPERATOR)
def operator(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The operator's name.", metavar="NAME")],
    folder: ManagerFolder,
) -> None:
    """Make a further operator: a folder with key and certificate, to be handed to that person.

    The certificate counts at once at the manager; at the sites themselves from the manager's next start. Whoever shall
    act no more: remove FOLDER/operators/NAME and start the manager again.
    """
    typer.echo(hooks_of(context).add_operator(folder, name))
