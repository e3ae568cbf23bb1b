"""The calling convention of everything that decides: a machine without input or output of its own.

`step` is the only way in, `Effects` the only way out. Time and chance come with the input; deadlines are pulled.
What a machine may know of the others stands in its own `View`, which the actor composes: machines never call each
other.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input

E = TypeVar("E")
V_contra = TypeVar("V_contra", contravariant=True)


class Machine(Protocol[E, V_contra]):
    """What an actor runs."""

    def step(self, given: Input[E], view: V_contra) -> Effects:
        """Take one event; change state; say what is to be done. Never raises on what came from outside."""
        ...

    def next_deadline_ms(self) -> int | None:
        """The boot-time at which this machine wants a `DeadlinePassed`; None: only events move it."""
        ...

    def check_invariants(self) -> None:
        """Raise AssertionError, with the rule's name, if the state is one that must never be."""
        ...
