"""Showing values to people and to programs: one function for tables, JSON and YAML, and the words for times.

Colours appear on a terminal only, and not where NO_COLOR is set. Text of others is never read as markup.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WIDTH_ELSEWHERE = 2_000
"""Columns where there is no terminal to ask: nothing is folded in a file or a pipe."""


class Format(StrEnum):
    """How a verb shows what it found."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class Whole(StrEnum):
    """How a verb shows something with all its parts."""

    YAML = "yaml"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="How it is shown.", case_sensitive=False)]
WholeOutput = Annotated[Whole, typer.Option("--output", "-o", help="How it is shown.", case_sensitive=False)]


def show(value: Any, output: Format | Whole, people: Callable[[], Iterable[RenderableType]] = tuple) -> None:
    """Print a value as it came, or what `people` makes of it."""
    if output == "json":
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
    elif output == "yaml":
        import yaml

        typer.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110), nl=False)
    else:
        _print(people())


def _print(parts: Iterable[RenderableType]) -> None:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    to = Console(width=None if terminal else WIDTH_ELSEWHERE, highlight=False, markup=False, emoji=False)
    if terminal:
        for part in parts:
            to.print(part)
        return
    with to.capture() as captured:
        for part in parts:
            to.print(part)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())  # tables are padded to their width


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A plain table; a cell may be a text, a number, or None for nothing."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        made.add_column(header, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    return made


def plain(value: Any, within: bool = False) -> str:
    """A value as a person reads it; brackets only where one list or mapping stands within another."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        inside = ", ".join(f"{key}={plain(inner, True)}" for key, inner in value.items())
        return f"{{{inside}}}" if within else inside
    if isinstance(value, list | tuple):
        inside = ", ".join(plain(inner, True) for inner in value)
        return f"[{inside}]" if within else inside
    return str(value)


def in_a_line(text: str) -> str:
    """Text of several lines, such as the end of a program's log, as one."""
    return " | ".join(line for raw in text.splitlines() if (line := raw.strip()))


def age(milliseconds: int | None) -> str:
    """How long ago, in the unit that fits."""
    if milliseconds is None:
        return "never"
    for unit, size_ms in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if milliseconds >= 2 * size_ms:
            return f"{milliseconds // size_ms} {unit}"
    return f"{milliseconds / 1000:.1f} s"


def wall(milliseconds: int | None) -> str:
    """A moment by this machine's calendar; nodes' clocks may differ, and nothing hangs on them."""
    if not milliseconds:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def share(permille: int | None) -> str:
    """Thousandths as a percentage."""
    return "-" if permille is None else f"{permille / 10:.1f} %"


def milli(thousandths: int | None) -> str:
    """Thousandths as a number without needless digits."""
    return "-" if thousandths is None else f"{thousandths / 1000:g}"


def plan_id(parts: Any) -> str:
    """A plan's id: term, leader and number; or its text, as it came."""
    return ".".join(str(part) for part in parts) if isinstance(parts, list) else plain(parts)
