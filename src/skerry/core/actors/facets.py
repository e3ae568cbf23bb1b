"""What the members in contact say, side by side, each side with a version of its own.

A beat comes from every member once a second and mostly says what the one before said. Whoever watches a facet, and not
the contacts as such, looks again only when that side of it has changed; what merely gets old is a matter of deadlines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skerry.core.actors.picture import Picture
    from skerry.core.group.membership.machine import Membership

COARSE_MS = 500
"""Moments that are reckoned from ages, give or take a beat's way, are the same if they fall into one of these."""


@dataclass
class Facet:
    """One side of what is heard."""

    membership: Membership
    read: Callable[[], Any]
    _read_version: int | None = None
    _value: Any = None
    _version: int = 0

    @property
    def memory(self) -> tuple[int | None, Any, int]:
        """All that it remembers, for an agent that is to go on elsewhere from the same state."""
        return (self._read_version, self._value, self._version)

    @memory.setter
    def memory(self, kept: tuple[int | None, Any, int]) -> None:
        self._read_version, self._value, self._version = kept

    @property
    def version(self) -> int:
        """Grows whenever this side of it changes."""
        now = self.membership.version
        if now != self._read_version:
            self._read_version = now
            value = self.read()
            if value != self._value:
                self._value, self._version = value, self._version + 1
        return self._version


def facets(picture: Picture, membership: Membership) -> dict[str, Facet]:
    """By name, for `views.WATCHES`."""
    contacts = picture.contacts

    def lives() -> Any:
        return [(n, c.life) for n, c in contacts().items()]

    def standings() -> Any:
        return membership.woke_ms, [(n, picture.carried(n).standing) for n in contacts()]

    def running() -> Any:
        return [(n, picture.carried(n).running) for n in contacts()]

    def uplinks() -> Any:
        heard = ((n, picture.carried(n)) for n in contacts())
        return [(n, c.standing.leader, c.modes, _moments(picture, n)) for n, c in heard]

    def work() -> Any:
        heard = ((n, picture.carried(n)) for n in contacts())
        return [
            (n, c.standing.term, c.plan, c.running, c.verified, c.reach_permille, c.idle_permille) for n, c in heard
        ]

    made = {"lives": lives, "standings": standings, "running": running, "uplinks": uplinks, "work": work}
    return {name: Facet(membership, read) for name, read in made.items()}


def _moments(picture: Picture, node: Any) -> Any:
    """When a member's questions were answered, by my clock."""
    heard_ms = picture.contacts()[node].heard_ms
    return [
        (
            manager,
            report.session,
            report.answered_age_ms is not None and (heard_ms - report.answered_age_ms) // COARSE_MS,
            report.up_for_ms > 0 and (heard_ms - report.up_for_ms) // COARSE_MS,
        )
        for manager, report in picture.carried(node).uplinks.items()
    ]
