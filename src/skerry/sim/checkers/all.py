"""All checkers, in the order of their properties."""

from __future__ import annotations

from skerry.sim.checkers.checker import Checker

CHECKERS: tuple[type[Checker], ...] = ()
