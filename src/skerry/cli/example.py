"""`skerry example`: the manifests that come with Skerry, written where they can be read, changed and applied."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from skerry.cli.errors import Failed

EXAMPLES = """\b
Examples:
  skerry example                         # which there are
  skerry example tiered-storage          # into a folder of that name
  skerry example hello --to greetings"""


def example(
    name: Annotated[str | None, typer.Argument(help="Which; all are named if left out.", metavar="NAME")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="The folder; NAME if left out.", metavar="DIR")] = None,
) -> None:
    """Write the manifests of an example into a folder, to be changed and handed to `skerry apply`."""
    known = _known()
    if name is None:
        for one, files in known.items():
            typer.echo(f"{one}: {', '.join(files)}")
        return
    if name not in known:
        raise typer.BadParameter(f"{name!r}: expected one of {', '.join(known)}", param_hint="NAME")
    folder = to if to is not None else Path(name)
    there = [folder / file for file in known[name] if (folder / file).exists()]
    if there:
        raise Failed(f"{there[0]}: is there already, and stays as it is; give another folder with --to")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in known[name].items():
            (folder / file).write_text(text, encoding="utf-8")
            typer.echo(folder / file)
    except OSError as error:
        raise Failed(f"{folder}: cannot be written: {error.strerror}; give another folder with --to") from error


def _known() -> dict[str, dict[str, str]]:
    """Example by name: its files, each with its text."""
    found: dict[str, dict[str, str]] = {}
    for folder in sorted(resources.files("skerry.examples").iterdir(), key=lambda one: one.name):
        if folder.is_dir():
            texts = {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".yaml")}
            if texts:
                found[folder.name] = dict(sorted(texts.items()))
    return found
