"""Parts that the demonstration can leave out, to show what each of them buys."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from skerry.lab.demo.measuring import EXAMPLE


class Part(StrEnum):
    """What may be left out."""

    CONTINGENCY = "contingency"
    """No plan for isolation is voted ahead: the site negotiates when it finds itself cut off."""
    FENCE = "fence"
    """Client, intake and store believe a placement whose time is over."""
    COPIES = "copies"
    """Every object lies in one store instead of two."""


LEFT_OUT: dict[Part, dict[str, str]] = {
    Part.FENCE: {
        "[skerry-store-log,": "[skerry-store-log, --any-fence,",
        "[skerry-store-files,": "[skerry-store-files, --any-fence,",
        "[skerry-intake,": "[skerry-intake, --any-fence,",
    },
    Part.COPIES: {
        "[skerry-intake,": '[skerry-intake, --copies, "1",',
        "[skerry-placement,": '[skerry-placement, --copies, "1",',
        "copies: 2}": "copies: 1}",
    },
}


def catalogue(without: Part | None, folder: Path) -> Path:
    """The example's catalogue; with a part left out a changed copy of it in a folder, which is made if need be. Raises
    `OSError`."""
    example = EXAMPLE / "catalogue.yaml"
    changes = LEFT_OUT.get(without, {}) if without is not None else {}
    if not changes:
        return example
    text = example.read_text()
    for before, after in changes.items():
        assert before in text, "the example no longer has what is left out"
        text = text.replace(before, after)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    changed = folder / "catalogue.yaml"
    changed.write_text(text)
    return changed
