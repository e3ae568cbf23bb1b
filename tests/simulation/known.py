"""Seeds that once broke a property, as seeds.txt has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

FILE = Path(__file__).with_name("seeds.txt")
MENDED_BY = "mended by: "
NOT_SHOWN = "not shown: "


@dataclass(frozen=True)
class Known:
    """One seed, and what it found."""

    seed: int
    property_id: str
    cause: str
    mended_by: str | None = None
    """The subject of the commit that mended it: a subject outlives a rebase. In the commit before, the seed fails."""
    not_shown: str | None = None
    """Why no commit shows it."""


def known_seeds(text: str | None = None) -> list[Known]:
    """All of them, in the file's order. Raises ValueError for a line that is neither a seed nor more about one."""
    found: list[Known] = []
    for number, line in enumerate((FILE.read_text() if text is None else text).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] != " ":
            seed, property_id, cause = line.split(maxsplit=2)
            found.append(Known(int(seed), property_id, cause))
        elif found and line.strip().startswith(MENDED_BY):
            found[-1] = replace(found[-1], mended_by=line.strip().removeprefix(MENDED_BY))
        elif found and line.strip().startswith(NOT_SHOWN):
            found[-1] = replace(found[-1], not_shown=line.strip().removeprefix(NOT_SHOWN))
        else:
            raise ValueError(f"{FILE.name}:{number}: expected a seed, {MENDED_BY!r} or {NOT_SHOWN!r}")
    return found
