"""`skerry sim`: the simulator for people. What it reads and what it prints; what it does is in `skerry.sim`."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from skerry.adapters.cel import CelExpressions
from skerry.adapters.manifests import dump, load
from skerry.cli import sabotaging, scaling
from skerry.cli.verdicts import counted, in_a_line, numbers, shrunk, sum_in_words, summary, told
from skerry.core.kernel.expressions import Remembering
from skerry.core.stages.intent.model import Catalogue, Intent, Site
from skerry.sim.book import Book
from skerry.sim.coverage import missing, surprising
from skerry.sim.fleet import Extent
from skerry.sim.options import WITHOUT, Shape
from skerry.sim.runner import SAFETY_MS, Verdict, run_many, run_seed
from skerry.sim.twice import run_twice

app = typer.Typer(
    help="Run whole sites in virtual time, break them in every way, and judge what they do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_RUN = """\b
Examples:
  skerry sim run --seeds 50
  skerry sim run --first-seed 1000 --seeds 100000 --minutes 60 --jobs 2 --json
  skerry sim run --seeds 3 --calm --nodes 5 --seconds 120 --json"""

_REPLAY = """\b
Examples:
  skerry sim replay 68
  skerry sim replay 68 --nodes 2 --seconds 7 --faults 3,9 --without loss   # as `run` prints it for a shrunk world"""

_COVERAGE = """\b
Examples:
  skerry sim coverage --seeds 500 --jobs 2
  skerry sim coverage --json"""

First = Annotated[int, typer.Option(help="The first seed.")]
Minutes = Annotated[int | None, typer.Option(min=1, help="Begin no seed after so long.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Processes at once.")]


Nodes = Annotated[int | None, typer.Option(min=1, max=100, help="Of every site, whatever its seed draws.")]
Calm = Annotated[bool, typer.Option("--calm", help="Break nothing: for measuring speed.")]
Seconds = Annotated[
    int | None,
    typer.Option(min=1, help=f"Of virtual time before the world is healed; {SAFETY_MS // 1_000} if left out."),
]


class Output(Enum):
    """How to print."""

    TEXT = "text"
    JSON = "json"


Out = Annotated[Output, typer.Option("--output", "-o", help="For people, or one JSON object a line.")]


@app.command(epilog=_RUN)
def run(
    first_seed: First = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 200,
    minutes: Minutes = None,
    nodes: Nodes = None,
    calm: Calm = False,
    seconds: Seconds = None,
    jobs: Jobs = 1,
    shrink_seconds: Annotated[
        int, typer.Option(min=0, help="Look for so long for a smaller world in which a seed that failed still fails.")
    ] = 60,
    twice: Annotated[
        int, typer.Option(min=0, help="Run so many of the seeds twice more, hashing differently, and compare.")
    ] = 2,
    output: Out = Output.TEXT,
    json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Run seeds one after the other; exit 1 if any of them breaks a property, or is not the same when run again."""
    output = Output.JSON if json else output
    shape = Shape(nodes=nodes, calm=calm, safety_ms=_ms(seconds))
    chosen = range(first_seed, first_seed + seeds)
    tally = run_many(
        chosen, example_book, shape=shape, jobs=jobs, minutes=minutes, told=_teller(output, shape, shrink_seconds)
    )
    twins = run_twice(chosen[:twice], example_book, shape) if twice else None
    if output is Output.JSON:
        _line(summary(tally, twins))
    else:
        typer.echo(sum_in_words(tally, twins))
    raise typer.Exit(1 if tally.violations or (twins is not None and not twins.deterministic) else 0)


@app.command(epilog=_REPLAY)
def replay(
    seed: Annotated[int, typer.Argument(help="The seed to run again.")],
    nodes: Nodes = None,
    calm: Calm = False,
    seconds: Seconds = None,
    faults: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="Only these of its faults, such as 3,9; or none.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"Leave this out; may be repeated: {', '.join(WITHOUT)}.")
    ] = None,
) -> None:
    """Run one seed and print every transition: one line each, a column for each node."""
    if unknown := set(without or ()) - set(WITHOUT):
        raise typer.BadParameter(f"no world has {', '.join(unknown)}; there are {', '.join(WITHOUT)}")
    shape = Shape(
        nodes=nodes,
        calm=calm,
        safety_ms=_ms(seconds),
        only_faults=numbers(faults),
        without=tuple(without or ()),
    )
    verdict = run_seed(seed, example_book(), shape=shape, digest=True, show=typer.echo)
    typer.echo(f"seed {seed}: digest {verdict.digest}; {verdict.violation or 'every property held'}")
    raise typer.Exit(1 if verdict.violation else 0)


@app.command(epilog=_COVERAGE)
def coverage(
    first_seed: First = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 200,
    jobs: Jobs = 1,
    minutes: Minutes = None,
    output: Out = Output.TEXT,
    json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Count faults, states, reasons of refusal and premises; exit 1 if something that is expected never happened."""
    tally = run_many(range(first_seed, first_seed + seeds), example_book, jobs=jobs, minutes=minutes)
    absent, unlisted = missing(tally.counts), surprising(tally.counts)
    if json or output is Output.JSON:
        _line({**summary(tally, None), "counts": tally.counts, "missing": absent, "unlisted": unlisted})
    else:
        typer.echo(counted(tally.counts, absent))
        typer.echo(sum_in_words(tally, None))
        for name in absent:
            typer.echo(f"never happened: {name}")
        for name in unlisted:
            typer.echo(f"happened, and no list has it: {name}")
    raise typer.Exit(1 if absent or unlisted or tally.violations else 0)


@app.command(epilog=sabotaging.EXAMPLES)
def sabotage(
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only those whose name contains this.")] = "",
    file: Annotated[
        Path | None,
        typer.Option("--sabotage", metavar="FILE", dir_okay=False, exists=True, help="Try this one: see below."),
    ] = None,
    jobs: Jobs = 1,
    output: Out = Output.TEXT,
    json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Take one rule after the other out of the core, and see which checker misses it; exit 1 if none does.

    Nothing of it is in the core that runs elsewhere: it is patched in this process, for the time of the trial."""
    sabotaging.sabotage(example_book, only=only, file=file, jobs=jobs, json=json or output is Output.JSON)


@app.command()
def scale(
    sites: Annotated[int, typer.Option(min=1, max=10_000, help="How many sites.")] = 500,
    nodes: Annotated[int, typer.Option(min=1, max=1_000, help="Of each site.")] = 20,
    managers: Annotated[int, typer.Option(min=0, max=3, help="That the sites belong to.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="Of virtual time.")] = 60,
    first_seed: First = 0,
    jobs: Jobs = 1,
    output: Out = Output.TEXT,
    json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Run many calm sites at once on one clock, and tell how soon each has one plan; exit 1 if one has none.

    Examples:

      skerry sim scale --sites 10 --nodes 5 --seconds 30
    """
    extent = Extent(sites=sites, nodes=nodes, managers=managers, seconds=seconds, first_seed=first_seed)
    scaling.scale(example_book, extent, jobs=jobs, json=json or output is Output.JSON)


def _teller(output: Output, shape: Shape, shrink_seconds: int) -> Callable[[Verdict], None]:
    """Tells each verdict as it comes. A book of its own is read only where something failed."""
    book = cache(example_book)

    def tell(verdict: Verdict) -> None:
        small = shrunk(verdict, book(), shape, shrink_seconds) if verdict.violation is not None else None
        if output is Output.JSON:
            _line(in_a_line(verdict, small, shape))
        elif verdict.violation is not None:
            typer.echo(told(verdict, small, shape))

    return tell


def _ms(seconds: int | None) -> int | None:
    return seconds * 1_000 if seconds is not None else None


def _line(value: object) -> None:
    typer.echo(msgspec.json.encode(value).decode())


# --- what the simulated people wrote ----------------------------------------------------------------------------------


def example_book() -> Book:
    """The tiered-storage example: a site, an intent, and another that comes and goes."""
    folder = files("skerry").joinpath("examples", "tiered-storage")
    text = {name: folder.joinpath(f"{name}.yaml").read_text() for name in ("catalogue", "intent", "notes", "site")}
    catalogue = Catalogue().extended(d.manifest for d in load(text["catalogue"], "catalogue.yaml"))
    intents = [_intent(text[name], f"{name}.yaml") for name in ("intent", "notes")]
    site = load(text["site"], "site.yaml")[0].manifest
    assert isinstance(site, Site), "site.yaml"
    programs = {c.start[0] for role in catalogue.roles.values() for c in role.spec.configurations}
    return Book(
        expressions=Remembering(CelExpressions()),
        place=site,
        catalogue=catalogue,
        catalogue_text=text["catalogue"],
        intents={intent.metadata.name: intent for intent in intents},
        programs=tuple(sorted(programs)),
        texts={intent.metadata.name: dump([intent]) for intent in intents},
        read=cache(lambda manifests: _intent(manifests, "intent")),
    )


def _intent(text: str, source: str) -> Intent:
    manifest = load(text, source)[0].manifest
    if not isinstance(manifest, Intent):
        raise ValueError(f"{source}: expected an Intent")
    return manifest
