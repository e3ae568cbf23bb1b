"""`skerry demo`: the main job, end to end, on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)


@app.command()
def demo(
    nodes: Annotated[int, typer.Option("--nodes", min=3, max=24, help="How many nodes.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Draws moments, victims and forgeries.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line; the last has the figures.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up at the end.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Cut the link first, and start the agents only then.")] = False,
    tamper: Annotated[
        bool, typer.Option("--tamper", help="Change one byte of the journal while the site is cut off; exits with 1.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="From the cut on, play with the site yourself; needs a terminal.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="PART", help="Play it once more without contingency, fence or copies; may be repeated."
        ),
    ] = None,
) -> None:
    """Play the main job: a site decides for itself, is cut off, loses machines, and answers for it all when it is back.

    Takes about two minutes on two cores. Exits with 0 if every figure was reached, with 1 if not, with 130 if it was
    interrupted. Ctrl-C leaves nothing running, at any moment. With --without it exits with 0 if each performance came
    to its end: one table shows what the part buys.

    \b
    Examples:
      skerry demo                        # other moments and victims: --seed 7
      skerry demo --json | tail -n 1     # the figures, for a program
      skerry demo --cold                 # a site that has never seen its head office since it was switched on
      skerry demo --tamper               # head office refuses what it cannot verify
      skerry demo --without copies --without fence
      skerry demo --live                 # the client's stream and the site on one screen; keys cut, freeze, thaw, heal
      skerry demo --keep                 # then look around: skerry lab status --folder ...
    """
    from skerry.lab.demo.parts import Part
    from skerry.lab.demo.script import Options, run

    known = {str(part): part for part in Part}
    unknown = [name for name in without or () if name not in known]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r}: expected one of {', '.join(known)}", param_hint="--without")
    if cold and (tamper or without):
        raise typer.BadParameter("--cold plays other acts: give it alone", param_hint="--cold")
    if tamper and without:
        raise typer.BadParameter(
            "a changed journal ends the play before the figures: give it alone", param_hint="--tamper"
        )
    if live and (as_json or cold or tamper or without):
        raise typer.BadParameter(
            "it is played by hand: leave out --json, --cold, --tamper and --without", param_hint="--live"
        )
    if live and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise typer.BadParameter("it needs a terminal to draw on and to take keys from", param_hint="--live")
    parts = tuple(known[name] for name in dict.fromkeys(without or ()))
    options = Options(
        nodes=nodes, seed=seed, as_json=as_json, keep=keep, cold=cold, tamper=tamper, live=live, without=parts
    )
    raise typer.Exit(run(options))
