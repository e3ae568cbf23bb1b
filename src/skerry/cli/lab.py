"""`skerry lab`: a manager and some nodes on one machine, to be broken with one's own hands.

Exit codes: 0 done, 1 could not be done (and why), 2 wrong use, 130 interrupted. What a verb started goes on after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from skerry.cli.render import Format, Output, show, table
from skerry.lab.interrupting import Interrupted, interruptible
from skerry.lab.state import LabError

FOLDER = Path(".skerry-lab")
VARIABLE = "SKERRY_LAB"
"""Names a lab's folder for every verb, where it is another."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=(
        "A manager and some nodes on this machine, to be broken by hand.\n\n"
        "\b\n"
        "  skerry lab up                       # a relay, a manager, five nodes\n"
        "  skerry lab status\n"
        "  skerry lab cut                      # nobody reaches the manager any more\n"
        "  skerry lab freeze n2                # every process of n2 stands still\n"
        "  skerry lab thaw n2; skerry lab heal\n"
        "  skerry lab down\n"
    ),
)

Folder = Annotated[
    Path,
    typer.Option("--folder", envvar=VARIABLE, show_envvar=True, help="The lab's folder.", show_default=str(FOLDER)),
]
ManagerName = Annotated[
    str | None, typer.Option("--manager", help="Only this one, where there are several.", metavar="NAME")
]
Node = Annotated[str, typer.Argument(help="A node's name, as `status` shows it.", metavar="NODE")]


@contextmanager
def told() -> Iterator[None]:
    """Say what went wrong in one place, and end with the right code."""
    try:
        yield
    except LabError as error:
        typer.echo(f"skerry lab: {error}", err=True)
        raise typer.Exit(1) from None
    except Interrupted as interrupted:
        typer.echo(f"skerry lab: interrupted by {interrupted}", err=True)
        raise typer.Exit(130) from None


def chosen() -> Path:
    """The lab that verbs without a server mean."""
    return Path(os.environ.get(VARIABLE) or FOLDER)


def opened(folder: Path) -> Any:
    """The lab in a folder."""
    from skerry.lab.site import Lab  # other verbs do not wait for what this one needs

    return Lab(folder)


@app.command(short_help="Start a relay, a manager and nodes.")
def up(
    nodes: Annotated[int, typer.Option("--nodes", help="How many nodes.")] = 5,
    site_file: Annotated[
        Path | None, typer.Option("--site-file", help="A Site manifest; otherwise that of the example.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="More manifests for the manager, before any node joins."),
    ] = None,
    ports: Annotated[
        int | None, typer.Option("--ports", help="First of the ports to take; otherwise free ones are found.")
    ] = None,
    netns: Annotated[
        bool,
        typer.Option("--netns", help="Each node a network namespace with cables of its own; needs root and iproute2."),
    ] = False,
    clocks: Annotated[
        bool,
        typer.Option(
            "--clocks", help="With --netns: let wall clocks be stepped; needs libfaketime (Debian: faketime)."
        ),
    ] = False,
    managers: Annotated[
        int, typer.Option("--managers", help="How many managers; all but the first, hq, are guests: m2, m3, ...")
    ] = 1,
    joined_only: Annotated[bool, typer.Option("--joined-only", help="Let the nodes join, and start no agent.")] = False,
    without_contingency: Annotated[
        bool, typer.Option("--without-contingency", help="Let the site vote no plan for being cut off, to compare.")
    ] = False,
    folder: Folder = FOLDER,
) -> None:
    """Start a relay, a manager and nodes; wait until the site has a leader. Nothing is left if it fails.

    With --netns there is no relay: every node has a cable to the site and one to the manager, to be broken by `link`,
    `split`, `loss`, `rate` and `delay`, a disk to `fill` and, with --clocks, a `clock` of its own.

    \b
    Examples:
      skerry lab up --nodes 3
      sudo skerry lab up --netns
    """
    from rich.console import Console

    from skerry.lab.building import Plan

    example = Path(str(resources.files("skerry.examples") / "tiered-storage"))
    plan = Plan(
        nodes=nodes,
        site_file=site_file or example / "site.yaml",
        files=tuple(files or ()),
        first_port=ports,
        netns=netns,
        clocks=clocks,
        managers=managers,
        contingency=not without_contingency,
    )
    console = Console(stderr=True)
    with told(), interruptible(), console.status("starting") as spinner:

        def tell(what: str) -> None:
            console.print(f"  {what}")
            spinner.update(f"{what} ...")

        opened(folder).up(plan, agents=not joined_only, tell=tell)
    typer.echo(f"The lab is up in {folder}; see `skerry lab status`, end it with `skerry lab down`.")
    if folder != chosen():
        typer.echo(f"So that every verb finds it there: export {VARIABLE}={folder.absolute()}")


@app.command()
def down(
    keep_logs: Annotated[bool, typer.Option("--keep-logs", help="Leave the folder with its logs.")] = False,
    folder: Folder = FOLDER,
) -> None:
    """End every process of the lab and remove its folder."""
    with told():
        opened(folder).down(keep_logs=keep_logs)
    typer.echo("The lab is down; nothing of it runs.")


@app.command(short_help="Show the relay and every node.")
def status(output: Output = Format.TABLE, folder: Folder = FOLDER) -> None:
    """Show the relay and every node: what runs, who leads, what each node does.

    Example: skerry lab status -o json
    """
    with told():
        found = opened(folder).status()
    show(found, output, lambda: _screen(found))


@app.command(short_help="Cut the site off from its managers, or from one.")
def cut(manager: ManagerName = None, folder: Folder = FOLDER) -> None:
    """Cut the site off from its managers, or from one: everything is swallowed and nothing is closed."""
    with told():
        counts = opened(folder).cut(manager)
    what = f"connections that hang now: {counts['open']}" if "open" in counts else "the manager's cable is out"
    typer.echo(f"Cut; {what}.")


@app.command(short_help="Let the uplinks forward again, or one.")
def heal(manager: ManagerName = None, folder: Folder = FOLDER) -> None:
    """Let the uplinks forward again, or one; in a lab of namespaces (--netns), mend every cable."""
    with told():
        counts = opened(folder).heal(manager)
    leaked = counts.get("bytes_while_cut")
    what = "all cables are whole" if leaked is None else f"{leaked} bytes went through while it was cut"
    typer.echo(f"Healed; {what}.")


@app.command(short_help="Let every process of a node stand still.")
def freeze(node: Node, folder: Folder = FOLDER) -> None:
    """Stop every process of a node where it stands, without a goodbye: a machine that falls silent.

    Example: skerry lab freeze n2
    """
    with told():
        count = opened(folder).freeze(node)
    typer.echo(f"{node}: {count} processes stand still.")


@app.command()
def thaw(node: Node, folder: Folder = FOLDER) -> None:
    """Let a frozen node go on."""
    with told():
        count = opened(folder).thaw(node)
    typer.echo(f"{node}: {count} processes go on.")


@app.command(short_help="End every process of a node, as a power cut would.")
def kill(node: Node, folder: Folder = FOLDER) -> None:
    """End every process of a node at once, as a power cut would; its disk stays."""
    with told():
        opened(folder).kill(node)
    typer.echo(f"{node}: nothing of it runs.")


@app.command()
def start(node: Node, folder: Folder = FOLDER) -> None:
    """Start a node's agent again, on the disk that it has."""
    with told():
        opened(folder).start(node)
    typer.echo(f"{node}: its agent is started.")


@app.command(short_help="Change one byte of a node's journal on its disk.")
def tamper(
    node: Node,
    chain: Annotated[str, typer.Option("--chain", help="As `skerry history` and /v1/journal name it.")],
    number: Annotated[int, typer.Option("--entry", min=1, help="The entry's number in its chain.")],
    folder: Folder = FOLDER,
) -> None:
    """Change one byte of an entry of the journal on a node's disk, while its agent is away for a moment.

    Example: skerry lab tamper n2 --chain n4/4640e441e573eda9 --entry 18
    """
    with told():
        changed = opened(folder).tamper(node, chain, number)
    typer.echo(f"{node}: byte {changed.byte} says {changed.after!r} where {changed.before!r} was signed.")


@app.command(short_help="Make the workloads of a node slower.")
def slow(
    node: Node,
    factor: Annotated[float, typer.Option("--factor", help="How many times slower, 1.1 to 1000.")] = 4.0,
    off: Annotated[bool, typer.Option("--off", help="At full speed again.")] = False,
    folder: Folder = FOLDER,
) -> None:
    """Make the workloads of a node slower, and never its agent: they stand still for a part of the time.

    Example: skerry lab slow n3 --factor 10
    """
    with told():
        opened(folder).slow(node, None if off else factor)
    typer.echo(f"{node}: its workloads run {'at full speed' if off else f'{factor:g} times slower'}.")


@app.command()
def load(
    node: Node,
    memory: Annotated[str, typer.Option("--memory", help="How much, as in a manifest.")] = "512Mi",
    off: Annotated[bool, typer.Option("--off", help="Give it back.")] = False,
    folder: Folder = FOLDER,
) -> None:
    """Let the owner of a node's machine take memory away from Skerry.

    Example: skerry lab load n4 --memory 1Gi
    """
    from skerry.core.stages.intent.model.quantities import parse

    try:
        memory_bytes = None if off else parse(memory, "size")
    except ValueError as error:
        typer.echo(f"skerry lab: --memory {memory}: {error}", err=True)
        raise typer.Exit(2) from None
    with told():
        opened(folder).load(node, memory_bytes)
    typer.echo(f"{node}: its owner {'gave it back' if off else f'took {memory}'}.")


def _screen(found: dict[str, Any]) -> Iterator[Any]:
    uplink, manager = found["uplink"], found["manager"]
    link, runs = "cut" if uplink["cut"] else "forwards", "runs" if manager["runs"] else "is off"
    yield f"site {found['site']} · uplink {link} · manager {runs} at {manager['api']}"
    for name, guest in found["guests"].items():
        link, runs = "cut" if guest["cut"] else "forwards", "runs" if guest["runs"] else "is off"
        yield f"guest {name} · uplink {link} · manager {runs} at {guest['api']}"
    if found["network"] is not None:
        yield f"each node is a namespace: ip netns exec {found['network']}-{next(iter(found['nodes']))} ip address"
    rows = [_row(name, row) for name, row in found["nodes"].items()]
    yield table(("node", "state", "follows", "mode", "plan", "does", "API"), rows)
    for what in sorted({what for row in found["nodes"].values() for what in (row["status"] or {}).get("given_up", [])}):
        yield f"given up: {what}"


def _row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    said, api = row["status"], row["api"].removeprefix("https://")
    if said is None:
        return (name, row["state"], "", "", "", "", api)
    mine: list[dict[str, Any]] = next((m["instances"] for m in said["members"] if m["node"] == name), [])
    does = "\n".join(f"{i['instance']}{'' if i['phase'] == 'active' else ' ' + i['phase']}" for i in mine)
    modes = ", ".join(sorted({mode["mode"] for mode in said["modes"].values()})) or "connected"
    state = row["state"] + (", slowed" if row["slowed"] else "")
    return (name, state, f"{said['leader']} ({said['term']})", modes, said["plan"] or "", does, api)
