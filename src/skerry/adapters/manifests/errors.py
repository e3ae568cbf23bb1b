"""What is wrong with a file, all of it, with places that an editor can jump to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class ManifestError:
    """One thing that is wrong."""

    file: str
    line: int
    """From 1; 0 if the fault lies in something that was applied earlier, and `field` names it."""
    column: int
    field: str
    """Such as `spec.elements.hot.needs[0]`; empty for the document itself."""
    message: str
    """What was expected and what was found."""
    hint: str = ""
    """What to do."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        return f"{place}:{field} {self.message}{f'; {self.hint}' if self.hint else ''}"


class ManifestErrors(ValueError):
    """A file that was refused, with everything that is wrong with it. Nothing of it may be applied."""

    def __init__(self, errors: Iterable[ManifestError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(str(error) for error in self.errors))
