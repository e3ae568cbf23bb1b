"""`skerry demo`: the main job, end to end, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def demo(
    nodes: Annotated[int, typer.Option("--nodes", min=3, max=24, help="How many nodes.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Draws moments, victims and forgeries.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line; the last has the figures.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up at the end.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Cut the link first, and start the agents only then.")] = False,
) -> None:
    """Play the main job: a site decides for itself, is cut off, loses machines, and answers for it all when it is back.

    Takes about three minutes on two cores. Exits with 0 if every figure was reached. Ctrl-C leaves nothing running.

    Example: skerry demo --seed 7 --json
    """
    from skerry.lab.demo.script import Options, run

    raise typer.Exit(run(Options(nodes=nodes, seed=seed, as_json=as_json, keep=keep, cold=cold)))
