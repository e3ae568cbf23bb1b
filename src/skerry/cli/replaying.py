"""`skerry replay`, and `skerry explain --log`: what an agent's own record of its inputs tells, with nobody to ask."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skerry.cli.errors import ANOTHER_VERSION, FAILED, Failed
from skerry.cli.render import Format, Output, show, table, wall

if TYPE_CHECKING:
    from skerry.inputlog.replay import Replayed
    from skerry.inputlog.why import Deed, Why

REPLAY = """\b
Examples:
  skerry replay /var/lib/skerry/agent
  skerry replay inputs/0000000012.inputs -o json
Exit codes: 1 what was logged is damaged, or the core does something else; 4 another core wrote it."""


def replay(
    log: Annotated[Path, typer.Argument(help="A segment, or a folder of them.", metavar="FILE", exists=True)],
    output: Output = Format.TABLE,
) -> None:
    """Step the core through what an agent was told, and compare what comes of it with what the agent logged.

    A segment that ends within a record is as a power cut leaves it: it is replayed up to there.
    """
    rows = [_replayed(path) for path in _segments(log)]
    show({"segments": rows}, output, lambda: [_table(rows)])
    troubles = [row for row in rows if row["trouble"]]
    if any(row["another_version"] for row in rows):
        from skerry.inputlog.version import core_version

        typer.echo(f"skerry: another core wrote this; this one is {core_version()}, and may decide otherwise", err=True)
        raise typer.Exit(ANOTHER_VERSION)
    if troubles:
        raise typer.Exit(FAILED)


def explained(instance: str, log: Path, output: Format) -> None:
    """Show what was done about an instance, and why, as the logs tell. Raises `Failed`."""
    from skerry.inputlog.why import Why

    why = Why(instance)
    rows = [_replayed(path, why) for path in _segments(log)]
    for row in rows:
        if row["trouble"] or row["another_version"]:
            what = row["trouble"] or "another core wrote this, and may have decided otherwise"
            typer.echo(f"skerry: {row['file']}: {what}", err=True)
    if not why.deeds:
        raise Failed(f"nothing was done about {instance!r} in this log; instances are named as `skerry get plan` does")
    node, deeds = rows[-1]["node"], [_plain(deed) for deed in why.deeds]
    show({"instance": instance, "node": node, "deeds": deeds}, output, lambda: _told(why.deeds))


def _segments(log: Path) -> list[Path]:
    """Oldest first: of an agent's folder, of its `inputs`, or one file. Raises `Failed`."""
    from skerry.inputlog.ring import segments_in
    from skerry.shell.settings import INPUTS_FOLDER

    if log.is_file():
        return [log]
    found = segments_in(log) or segments_in(log / INPUTS_FOLDER)
    if not found:
        raise Failed(f"{log}: no input log here; an agent keeps it in `{INPUTS_FOLDER}` in its folder")
    return found


def _replayed(path: Path, why: Why | None = None) -> dict[str, Any]:
    """One segment, from its first record to its last, or to where it can go no further."""
    from skerry.adapters.cel import CelExpressions
    from skerry.adapters.keys.ed25519 import NaclVerifier
    from skerry.inputlog.replay import Diverged, Replay
    from skerry.inputlog.ring import Damaged, Torn, records_in
    from skerry.inputlog.version import core_version

    run = Replay(NaclVerifier(), CelExpressions(), *((why.watch,) if why is not None else ()))
    ending, trouble = "whole", ""
    try:
        run.run(records_in(path))
    except Torn:
        ending = "cut short"
    except (Damaged, Diverged, OSError) as error:
        ending, trouble = "damaged" if isinstance(error, Damaged) else "differs", str(error)
    another = run.reached.version not in ("", core_version())
    reached = _reached(run.reached)
    return {**reached, "file": str(path), "ending": ending, "trouble": trouble, "another_version": another}


def _reached(reached: Replayed) -> dict[str, Any]:
    return {
        "node": reached.node,
        "version": reached.version,
        "inputs": reached.inputs,
        "unfinished": reached.unfinished,
        "from_wall_ms": reached.first_wall_ms,
        "to_wall_ms": reached.last_wall_ms,
        "digest": reached.digest,
    }


def _table(rows: Iterable[dict[str, Any]]) -> Any:
    headers = ("segment", "node", "core", "from", "to", "inputs", "digest", "ending")
    return table(
        headers,
        [
            (
                Path(row["file"]).name,
                row["node"],
                row["version"],
                wall(row["from_wall_ms"]),
                wall(row["to_wall_ms"]),
                row["inputs"],
                row["digest"] or None,
                row["trouble"] or row["ending"],
            )
            for row in rows
        ],
    )


def _plain(deed: Deed) -> dict[str, Any]:
    because = [{"input": link.id, "wall_ms": link.wall_ms, "what": link.words} for link in deed.because]
    return {"wall_ms": deed.wall_ms, "what": deed.words, "because": because}


def _told(deeds: Iterable[Deed]) -> Iterable[str]:
    for deed in deeds:
        yield f"{wall(deed.wall_ms)} {deed.words}"
        for depth, link in enumerate(deed.because, 1):
            yield f"{'  ' * depth}because {link.words} [{link.id}, {wall(link.wall_ms)}]"
