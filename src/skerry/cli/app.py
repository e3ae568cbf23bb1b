"""The whole command line: which verbs there are. Each group is a file of its own.

Rules: nothing heavy is imported before a verb needs it; errors are one message on stderr, never a traceback; exit codes
are those of `errors`; what a verb shows goes to stdout and can be had as JSON or YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from skerry import __version__
from skerry.cli import (
    agent,
    calling,
    changing,
    declaring,
    demo,
    doctor,
    example,
    holding,
    lab,
    lab_wires,
    manager,
    objects,
    reading,
    replaying,
    status,
)
from skerry.cli.errors import Failed
from skerry.cli.hooks import Hooks

RAW = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""For a verb whose words are another program's."""


def run(hooks: Hooks, words: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code. `words` are those of this process if left out."""
    try:
        _command()(args=words, prog_name="skerry", obj=hooks)
    except Failed as failed:
        typer.echo(f"skerry: {failed}", err=True)
        return failed.code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0


@cache
def _command() -> Callable[..., Any]:
    return get_command(build())


@cache
def build() -> typer.Typer:
    """Every verb; put together once, since groups are their files' own and would have a verb twice."""
    app = typer.Typer(
        name="skerry",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Say what a site should do; its machines measure themselves, agree who does it, and keep agreeing while "
        "cut off.",
        epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 nobody answers, 4 written by another version.",
    )
    app.callback()(_top)
    app.add_typer(manager.app, name="manager", short_help="Run a manager; make tokens and operators.")
    app.add_typer(agent.app, name="agent", short_help="Take this machine into a site, run its agent, leave again.")
    status.add_to(app)
    changing.add_to(app)
    declaring.add_to(app)
    holding.add_to(app)
    reading.add_to(app)
    calling.add_to(app)
    app.add_typer(objects.app, name="object", short_help="Put and get a file with a site's object store.")
    app.command("example", epilog=example.EXAMPLES, short_help="Write the manifests of an example into a folder.")(
        example.example
    )
    lab_wires.add_to(lab.app)
    app.add_typer(lab.app, name="lab", short_help="A manager and some nodes on this machine, to be broken.")
    app.command("demo", short_help="Play the main job: five nodes, cut off, broken, and back.")(demo.demo)
    app.command("doctor", short_help="Try what Skerry needs of this machine.")(doctor.doctor)
    app.command("replay", epilog=replaying.REPLAY, short_help="Step the core through what an agent was told.")(
        replaying.replay
    )
    app.command(
        "sim",
        context_settings=RAW,
        add_help_option=False,
        short_help="Run whole sites in virtual time, and break them.",
    )(_sim)
    app.command(
        "probe", context_settings=RAW, add_help_option=False, short_help="Measure one of the example's programs."
    )(_probe)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _top(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    assert not version  # it has been shown, and nothing else is done


def _sim(context: typer.Context) -> None:
    """Run whole sites in virtual time, break them in every way, and judge what they do."""
    from skerry.cli.sim import app  # brings the whole core and an expression engine

    app(args=list(context.args), prog_name="skerry sim")


def _probe(context: typer.Context) -> None:
    """Measure one of the example's programs, as a node does before it offers to run it."""
    from skerry.examples.programs.probe import main

    raise typer.Exit(main(list(context.args)))
