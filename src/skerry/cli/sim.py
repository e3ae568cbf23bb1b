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
from skerry.cli import sabotaging
from skerry.core.kernel.expressions import Remembering
from skerry.core.stages.intent.model import Catalogue, Intent, Site
from skerry.sim.book import Book
from skerry.sim.coverage import missing
from skerry.sim.options import Shape
from skerry.sim.runner import Tally, Verdict, run_many, run_seed

app = typer.Typer(
    help="Run whole sites in virtual time, break them in every way, and judge what they do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

First = Annotated[int, typer.Option(help="The first seed.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Processes at once.")]


class Output(Enum):
    """How to print."""

    TEXT = "text"
    JSON = "json"


Out = Annotated[Output, typer.Option("--output", "-o", help="For people, or one JSON object a line.")]


@app.command()
def run(
    first_seed: First = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 200,
    minutes: Annotated[int | None, typer.Option(min=1, help="Begin no seed after so long.")] = None,
    nodes: Annotated[int | None, typer.Option(min=1, max=100, help="Of every site, whatever its seed draws.")] = None,
    calm: Annotated[bool, typer.Option("--calm", help="Break nothing: for measuring speed.")] = False,
    seconds: Annotated[int, typer.Option(min=1, help="Of virtual time before everything is healed.")] = 20,
    jobs: Jobs = 1,
    output: Out = Output.TEXT,
    json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Run seeds one after the other; exit 1 if any of them breaks a property.

    Examples:

      skerry sim run --seeds 50

      skerry sim run --seeds 3 --calm --nodes 5 --seconds 120 --json
    """
    output = Output.JSON if json else output
    tally = run_many(
        range(first_seed, first_seed + seeds),
        example_book,
        shape=Shape(nodes=nodes, calm=calm, safety_ms=seconds * 1_000),
        jobs=jobs,
        minutes=minutes,
        told=_teller(output),
    )
    if output is Output.JSON:
        _line(_summary(tally))
    else:
        typer.echo(_in_words(tally))
    raise typer.Exit(1 if tally.violations else 0)


@app.command()
def replay(seed: Annotated[int, typer.Argument(help="The seed to run again.")]) -> None:
    """Run one seed and print every transition: one line each, a column for each node."""
    verdict = run_seed(seed, example_book(), digest=True, show=typer.echo)
    typer.echo(f"seed {seed}: digest {verdict.digest}; {verdict.violation or 'every property held'}")
    raise typer.Exit(1 if verdict.violation else 0)


@app.command()
def coverage(
    first_seed: First = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 200,
    jobs: Jobs = 1,
    output: Out = Output.TEXT,
) -> None:
    """Count faults, states, reasons and premises over seeds; exit 1 if something that is expected never happened."""
    tally = run_many(range(first_seed, first_seed + seeds), example_book, jobs=jobs)
    absent = missing(tally.counts)
    if output is Output.JSON:
        _line({**_summary(tally), "counts": tally.counts, "missing": absent})
    else:
        for name, times in tally.counts.items():
            typer.echo(f"{times:9d}  {name}")
        typer.echo(_in_words(tally))
        for name in absent:
            typer.echo(f"never happened: {name}")
    raise typer.Exit(1 if absent or tally.violations else 0)


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


def _teller(output: Output) -> Callable[[Verdict], None]:
    def told(verdict: Verdict) -> None:
        if output is Output.JSON:
            shown = {"seed", "nodes", "virtual_ms", "steps", "real_ms", "cpu_ms", "violation"}
            _line({k: v for k, v in msgspec.structs.asdict(verdict).items() if k in shown})
        elif verdict.violation is not None:
            typer.echo("\n".join(verdict.last))
            typer.echo(f"seed {verdict.seed}, {verdict.nodes} nodes: {verdict.violation}")
            typer.echo(f"again, with every transition: skerry sim replay {verdict.seed}")

    return told


def _summary(tally: Tally) -> dict[str, int | float]:
    return {
        "seeds": tally.seeds,
        "virtual_hours": tally.virtual_ms // 3_600_000,
        "virtual_ms": tally.virtual_ms,
        "steps": tally.steps,
        "cpu_ms": tally.cpu_ms,
        "speedup": tally.speedup,
        "violations": len(tally.violations),
    }


def _in_words(tally: Tally) -> str:
    return (
        f"{tally.seeds} seeds, {tally.virtual_ms // 1000} s of virtual time in {tally.real_ms / 1000:.1f} s, "
        f"{tally.speedup} virtual seconds per CPU second, {tally.steps} transitions, {len(tally.violations)} violations"
    )


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
