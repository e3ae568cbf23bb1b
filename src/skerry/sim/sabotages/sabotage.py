"""What a sabotage is, and how it is planted and taken out again.

A checker that no sabotage trips has shown nothing. Each sabotage may narrow the worlds down to those in which its rule
matters: a rule about clocks needs clocks that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from skerry.sim.options import Options

WorldShape = Callable[[Options], Options]
"""Narrows a drawn world down."""


class Patch:
    """Replaces attributes of modules and classes, and puts them back when it is left."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any]] = []

    def setattr(self, target: Any, name: str, value: Any) -> None:
        """Replace one. Raises AttributeError if the target has none of this name: its rule has moved elsewhere."""
        # As it stands in the class: a class method looked up by getattr would be bound.
        if name not in vars(target):
            raise AttributeError(f"{target.__name__} has no {name} of its own")
        self._replaced.append((target, name, vars(target)[name]))
        setattr(target, name, value)

    def undo(self) -> None:
        """Put everything back, the last first."""
        while self._replaced:
            target, name, known = self._replaced.pop()
            setattr(target, name, known)

    def __enter__(self) -> Patch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


Plant = Callable[[Patch], None]


def as_drawn(options: Options) -> Options:
    """The world of the seed, whatever it is."""
    return options


@dataclass(frozen=True, kw_only=True)
class Sabotage:
    """One rule less."""

    name: str
    plant: Plant
    noticed_by: tuple[str, ...]
    """Properties, one of which has to break first; none: any will do."""
    shape: WorldShape = as_drawn
    seeds_known: tuple[int, ...] = ()
    """Worlds in which it was noticed before; tried first."""
    budget: int = 60
    """Worlds within which it has to be noticed."""
