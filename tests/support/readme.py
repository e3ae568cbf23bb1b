"""The README as a person reads it: headings, and under them fenced blocks in their order.

A block of commands (`sh`) for several machines says in its first line where it is typed: `# on till and rack`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).parents[2] / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ON = re.compile(r"# on ([\w, ]+)\n")


class Block(NamedTuple):
    """One fenced block."""

    language: str
    text: str

    @property
    def machines(self) -> tuple[str, ...]:
        """Where its commands are typed; empty if it does not say."""
        said = ON.match(self.text)
        return tuple(re.split(r", | and ", said[1])) if said is not None else ()


def blocks(heading: str) -> list[Block]:
    """The blocks under a heading, up to the next one of its rank. Raises `AssertionError` if there are none."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, f"README.md has no section {heading!r}"
    made = [Block(*fence) for fence in FENCE.findall(found[1])]
    assert made, f"README.md, {heading}: no fenced block"
    return made
