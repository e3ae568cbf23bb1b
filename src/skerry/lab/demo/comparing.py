"""One performance beside others in which a part was left out: the same figures, and which of them got worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from skerry.lab.demo.figures import Reach, is_worse


class Outcome(NamedTuple):
    """How a performance ended."""

    values: Mapping[str, Any]
    reaches: Mapping[str, Reach]
    failed: str
    """Why it did not come to its end; empty if it did."""

    @property
    def missed(self) -> list[str]:
        """Figures that were not reached."""
        return [name for name, reach in self.reaches.items() if not reach.holds(self.values.get(name))]

    @property
    def ok(self) -> bool:
        """It came to its end, and every figure was reached."""
        return not self.failed and not self.missed


class Speaker(Protocol):
    """Who shows it."""

    def say(self, text: str) -> None:
        """A sentence."""

    def table(self, title: str, columns: list[str], rows: list[list[Any]]) -> None:
        """A table."""

    def line(self, value: dict[str, Any]) -> None:
        """An object, if those are wanted."""


def worse(whole: Outcome, other: Outcome) -> list[str]:
    """The figures that got worse without a part; none of a performance that did not come to its end."""
    if other.failed:
        return []
    return [
        name for name, reach in whole.reaches.items() if is_worse(reach, whole.values.get(name), other.values.get(name))
    ]


def show(speaker: Speaker, asked: Mapping[str, int], whole: Outcome, others: Mapping[Any, Outcome]) -> None:
    """All of them in one table, then what each part buys in a sentence, and all of it as the last object, with what was
    asked for."""
    marked = {part: worse(whole, other) for part, other in others.items()}
    rows = [
        [name, reach.text, whole.values.get(name)]
        + [f"{other.values.get(name)}{' (worse)' if name in marked[part] else ''}" for part, other in others.items()]
        for name, reach in whole.reaches.items()
    ]
    columns = ["figure", "to reach", "with everything", *(f"without {part}" for part in others)]
    speaker.table("What each part buys", columns, rows)
    for part, other in others.items():
        if other.failed:
            speaker.say(f"without {part} it did not come to its end: {other.failed}")
        elif marked[part]:
            told = (f"{name} {other.values.get(name)} instead of {whole.values.get(name)}" for name in marked[part])
            speaker.say(f"without {part} these got worse: {'; '.join(told)}")
        else:
            speaker.say(f"without {part} no figure got worse this time")
    speaker.line(
        {
            "ok": whole.ok,
            **asked,
            **whole.values,
            "missed": whole.missed,
            "failed": whole.failed,
            "without": {
                str(part): {**other.values, "missed": other.missed, "failed": other.failed, "worse": marked[part]}
                for part, other in others.items()
            },
        }
    )
