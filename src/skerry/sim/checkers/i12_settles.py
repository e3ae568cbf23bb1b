"""I12: there is no state from which a healed site cannot settle. The world itself waits for that; here it counts."""

from __future__ import annotations

from skerry.sim.checkers.checker import Checker


class Settles(Checker):
    """Counts the worlds that had something to recover from."""

    property_id = "I12"

    def at_end(self) -> None:
        """It did settle."""
        if self.world.faults.happened:
            self.premise()
