"""`skerry sim sabotage`: take rules out of the core, one at a time, and see that each is missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import typer

from skerry.cli.render import Format, show, table
from skerry.sim.runner import Publisher
from skerry.sim.sabotages.outsider import NotASabotage
from skerry.sim.sabotages.trying import Outcome, chosen, try_all

EXAMPLES = """\b
Examples:
  skerry sim sabotage --json
  skerry sim sabotage --only X2
  skerry sim sabotage --sabotage no_margin.py

\b
The file for --sabotage is code, and it is run, in the simulator's processes:
  \"\"\"X2: no drift margin\"\"\"
  from skerry.core.group.granting import machine
  NOTICED_BY = ("I2",)      # one of these has to break; any, if it is left out
  def plant(patch):         # patch.setattr(module or class, name, value)
      patch.setattr(machine, "promise_ms", lambda lease_ms: lease_ms)

It may also define shape(options), which narrows the drawn worlds down; SEEDS, worlds to try first; and BUDGET, how
many worlds."""


def sabotage(publisher: Publisher, *, only: str, file: Path | None, jobs: int, json: bool) -> None:
    """Try them, tell what became of each, and exit 1 if one was not caught."""
    try:
        names = [one.name for one in chosen(only, file)]
    except NotASabotage as error:
        raise typer.BadParameter(str(error)) from error
    if not names:
        raise typer.BadParameter(f"no sabotage's name contains {only!r}")
    outcomes: list[Outcome] = []
    for outcome in _with_progress(try_all(publisher, only=only, file=file, jobs=jobs), len(names), shown=not json):
        outcomes.append(outcome)
        if json:
            typer.echo(msgspec.json.encode(outcome).decode())
    if not json:
        _tell(sorted(outcomes, key=lambda outcome: names.index(outcome.name)))
    raise typer.Exit(1 if any(outcome.caught_by is None for outcome in outcomes) else 0)


def _tell(outcomes: list[Outcome]) -> None:
    headers = ("sabotage", "caught by", "seed", "transitions", "worlds")
    rows = [(o.name, o.caught_by or "NOBODY", o.seed, o.steps, o.worlds) for o in outcomes]
    show(None, Format.TABLE, lambda: [table(headers, rows)])
    for missed in (outcome for outcome in outcomes if outcome.caught_by is None):
        typer.echo(f"{missed.name}: not caught in {missed.worlds} worlds{_instead(missed)}")


def _instead(missed: Outcome) -> str:
    return f"; it broke something else, as in seed {missed.others[0]}" if missed.others else ""


def _with_progress(outcomes: Iterator[Outcome], total: int, *, shown: bool) -> Iterable[Outcome]:
    """The same, with a bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        return outcomes
    return track(outcomes, "taking rules out", total, console=console, transient=True)
