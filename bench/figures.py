"""What `make bench` finds: figures with all that was seen of each, what is to be reached, and the table of it all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from rich.table import Table


class Goal(NamedTuple):
    """What a figure is to reach."""

    text: str
    holds: Callable[[float], bool]


def at_most(most: float) -> Goal:
    """No more than this."""
    return Goal(f"≤ {most:,g}", lambda value: value <= most)


def at_least(least: float) -> Goal:
    """No less than this."""
    return Goal(f"≥ {least:,g}", lambda value: value >= least)


class Figure(NamedTuple):
    """One figure, seen once or several times. Its name says its unit."""

    name: str
    values: tuple[float, ...]
    goal: Goal | None = None
    left_out: str = ""
    """Why there is no value."""
    more_is_better: bool = False
    """Where no goal says so."""

    @property
    def median(self) -> float | None:
        """The middle of what was seen."""
        return statistics.median(self.values) if self.values else None

    @property
    def worst(self) -> float | None:
        """The least where more is better, else the greatest."""
        if not self.values:
            return None
        up = self.goal.text.startswith((">", "≥")) if self.goal is not None else self.more_is_better
        return min(self.values) if up else max(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether every value reaches the goal; None: there is no goal."""
        if self.goal is None:
            return None
        return bool(self.values) and all(self.goal.holds(value) for value in self.values)

    def row(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "figure": self.name,
            "median": self.median,
            "worst": self.worst,
            "seen": len(self.values),
            "to_reach": self.goal.text if self.goal is not None else None,
            "reached": self.reached,
            "left_out": self.left_out or None,
        }


def over_runs(runs: Iterable[Mapping[str, Any]], goals: Mapping[str, Goal]) -> list[Figure]:
    """The figures of several runs of one thing: those with a goal first, in its order, then every other number."""
    seen: dict[str, list[float]] = {name: [] for name in goals}
    for run in runs:
        for name, value in sorted(run.items()):
            if type(value) in (int, float):
                seen.setdefault(name, []).append(value)
    return [
        Figure(name, tuple(values), goals.get(name), left_out="" if values else "not seen")
        for name, values in seen.items()
    ]


def table(found: Iterable[Figure]) -> Table:
    """For people."""
    made = Table("figure", box=None, pad_edge=False)
    for column in ("median", "worst", "to reach", "reached"):
        made.add_column(column, justify="right")
    for figure in found:
        reached = {None: "", True: "yes", False: "no"}[figure.reached]
        made.add_row(
            figure.name,
            figure.left_out or _shown(figure.median),
            _shown(figure.worst),
            figure.goal.text if figure.goal is not None else "",
            reached,
        )
    return made


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == round(value) or value >= 1_000 else f"{value:,.2f}"
