"""What runs while things break: the example's storage, sized for so many nodes, whose placement notes its decisions."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from skerry.lab.demo import parts
from skerry.lab.demo.measuring import EXAMPLE, INTENT
from skerry.lab.demo.parts import Part

NOTES = "decisions.jsonl"
ONCE = "placement"
"""The element that may not be double."""
SPOKEN = "notes"
"""The intent that people hand in, issue and withdraw; its one element bears its name."""


class Wanted(NamedTuple):
    """How many of each element run, in each mode."""

    intent: str
    connected: dict[str, int]
    isolated: dict[str, int]


def wanted(nodes: int) -> Wanted:
    """At a site of so many nodes."""
    always = {"intake": min(2, nodes), ONCE: 1, "store": min(2, nodes)}
    return Wanted(INTENT, {**always, "migrate": 1}, always)


def write(folder: Path, nodes: int, *, fence: bool) -> Path:
    """The catalogue for so many nodes, in a folder. Without `fence`, everybody believes a placement whose time is over,
    for comparison. Raises `OSError`."""
    text = (EXAMPLE / "catalogue.yaml").read_text()
    counts = wanted(nodes).isolated
    sizes = {
        "instances: {min: 1, max: 3}": f"instances: {{min: {counts['intake']}, max: {counts['intake']}}}",
        "instances: {min: 2, max: 4}": f"instances: {{min: {counts['store']}, max: {counts['store']}}}",
        "{intake: {instances: {min: 2}}}": f"{{intake: {{instances: {{min: {counts['intake']}}}}}}}",
        "--for, 1s": "--for, 200ms",
        "[skerry-placement,": f'[skerry-placement, --notes, "${{dir.data}}/{NOTES}",',
    }
    left_out = [Part.COPIES] if nodes == 1 else []
    for changes in (sizes, *(parts.LEFT_OUT[part] for part in (*left_out, *([] if fence else [Part.FENCE])))):
        for before, after in changes.items():
            assert before in text, f"the example no longer has {before}"
            text = text.replace(before, after)
    made = folder / "chaos.yaml"
    made.write_text(text)
    return made
