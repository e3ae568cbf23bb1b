"""`skerry lab link|split|loss|rate|delay|fill|clock`: what can be broken where each node is a network namespace."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from skerry.cli.lab import FOLDER, Folder, Node, opened, told


class Cable(StrEnum):
    """What becomes of a cable."""

    DOWN = "down"
    UP = "up"


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    for verb in (link, split, loss, rate, delay, fill):
        app.command()(verb)
    app.command(context_settings={"ignore_unknown_options": True})(clock)
    app.command()(chaos)


def link(
    node: Node,
    cable: Annotated[Cable, typer.Argument(help="What becomes of it.")],
    uplink: Annotated[bool, typer.Option("--uplink", help="The node's own way to the manager instead.")] = False,
    folder: Folder = FOLDER,
) -> None:
    """Take a node's cable to the site out, or put it back. Nobody is told. For labs of --netns.

    Example: skerry lab link n2 down
    """
    with told():
        opened(folder).link(node, up=cable is Cable.UP, uplink=uplink)
    typer.echo(f"{node}: its cable {'to the manager' if uplink else 'to the site'} is {cable}.")


def split(
    nodes: Annotated[str, typer.Argument(help="Those of one part, with commas between.", metavar="NODE,NODE")],
    folder: Folder = FOLDER,
) -> None:
    """Split the site into two parts. These nodes reach each other only, and so do all others; `heal` joins them. For
    labs of --netns.

    Example: skerry lab split n1,n2
    """
    apart = [name for name in nodes.split(",") if name]
    with told():
        lab = opened(folder)
        lab.split(apart)
        rest = [name for name in lab.state.nodes if name not in apart]
    typer.echo(f"{', '.join(apart)} | {', '.join(rest)}")


def loss(
    node: Node,
    percent: Annotated[int, typer.Argument(help="Of its frames, each way; 0: none.", metavar="PERCENT")],
    folder: Folder = FOLDER,
) -> None:
    """Lose some of a node's frames at the site. For labs of --netns; needs nftables.

    Example: skerry lab loss n2 20
    """
    with told():
        opened(folder).loss(node, percent)
    typer.echo(f"{node}: {percent} % of its frames get lost.")


def rate(
    node: Node,
    bits: Annotated[str, typer.Argument(help="A second, such as 256k or 2M; 0: all that it can.", metavar="BITS")],
    folder: Folder = FOLDER,
) -> None:
    """Limit what a node's cable at the site carries, each way. For labs of --netns.

    Example: skerry lab rate n2 256k
    """
    from skerry.core.stages.intent.model.quantities import parse

    try:
        wanted = parse(bits, "size")
    except ValueError:
        raise typer.BadParameter(f"{bits!r}: expected bits a second, such as 256k or 2M", param_hint="BITS") from None
    with told():
        opened(folder).rate(node, wanted or None)
    typer.echo(f"{node}: its cable carries {f'{bits} bits a second' if wanted else 'all that it can'}.")


def delay(
    node: Node,
    delay_ms: Annotated[int, typer.Argument(help="Milliseconds more, each way; 0: none.", metavar="MS")],
    folder: Folder = FOLDER,
) -> None:
    """Let a node's frames at the site take longer. For labs of --netns.

    Example: skerry lab delay n2 300
    """
    with told():
        opened(folder).delay(node, delay_ms)
    typer.echo(f"{node}: its frames take {delay_ms} ms more, each way.")


def fill(
    node: Node,
    off: Annotated[bool, typer.Option("--off", help="Give the room back.")] = False,
    folder: Folder = FOLDER,
) -> None:
    """Fill a node's disk to the last byte. For labs of --netns, where each node has a small one of its own.

    Example: skerry lab fill n3
    """
    with told():
        taken_bytes = opened(folder).fill(node, full=not off)
    typer.echo(f"{node}: its disk {'has room again' if off else f'is full; that took {taken_bytes:,} bytes'}.")


def clock(
    node: Node,
    offset: Annotated[str, typer.Argument(help="From the true time, such as -1h or +3d; 0s: right.", metavar="OFFSET")],
    folder: Folder = FOLDER,
) -> None:
    """Step the wall clock of a node's agent. For labs of --netns --clocks.

    Example: skerry lab clock n2 -1h
    """
    from skerry.core.stages.intent.model.quantities import parse

    try:
        length_ms = parse(offset.lstrip("+-"), "duration")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="OFFSET") from None
    offset_s = length_ms // 1_000 * (-1 if offset.startswith("-") else 1)
    with told():
        opened(folder).clock(node, offset_s)
    typer.echo(f"{node}: its wall clock is off by {offset_s} s.")


def chaos(
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=24, help="How many nodes.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Draws faults, victims and lengths.")] = 1,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="No round begins later.")] = 10,
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, help="No more than so many.")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="KIND", help="This one instead of all, in the order given; may be repeated."),
    ] = None,
    no_fence: Annotated[
        bool, typer.Option("--no-fence", help="Believe work whose time is over, to see that it is noticed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line; the last has the verdicts.")] = False,
) -> None:
    """Break a lab of its own by real faults, and judge it. A seed draws them, round by round; whether the site held is
    judged from outside.

    Needs what `lab up --netns` needs. Exits with 0 if everything that was at stake held, with 1 if not (then logs and
    record are kept), with 130 if it was interrupted. Ctrl-C leaves nothing running, at any moment.

    \b
    Examples:
      sudo skerry lab chaos --nodes 5 --seed 7 --minutes 10
      sudo skerry lab chaos --nodes 3 --fault split --fault freeze --rounds 2 --json | tail -n 1
    """
    from skerry.lab.chaos.drawing import Kind
    from skerry.lab.chaos.running import Options, run

    unknown = [kind for kind in fault or () if kind not in list(Kind)]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r}: expected one of {', '.join(Kind)}", param_hint="--fault")
    kinds = tuple(Kind(kind) for kind in fault or ())
    options = Options(
        nodes=nodes,
        seed=seed,
        minutes=minutes,
        as_json=as_json,
        rounds_max=rounds,
        kinds=kinds,
        fence=not no_fence,
    )
    raise typer.Exit(run(options))
