"""Who has to look again: machines watch one another, documents, and sides of what members say (`views.WATCHES`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from skerry.core.actors.views import WATCHES, WATCHES_AT_REST

VERSION = attrgetter("version")


@dataclass
class Looked:
    """What a watch remembers. It is part of an agent's state: one that goes on from it has nobody look again who would
    not have."""

    concerned: set[str] = field(default_factory=lambda: set(WATCHES))
    """Machines that something has changed for since they last looked."""
    covering: int = -1
    """The sum of the versions of all that is looked at first: all of them only grow."""
    versions: list[int] = field(default_factory=list)
    """Of all sources, as of the last look."""
    changed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WATCHES, 0))
    """To each machine the look that found the last change of what it watches."""
    changed_at_rest: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WATCHES_AT_REST, 0))
    """The same of what it watches at rest."""
    looks: int = 0
    seen: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """To each machine the last look before its last step, and whether it was at rest then."""


class Watch:
    """Compares versions: whatever is watched has one, which grows with each change."""

    def __init__(
        self, machines: Mapping[str, Any], sources: Mapping[str, Any], covers: Mapping[str, str], looked: Looked
    ) -> None:
        """`covers` names for sources those whose versions grow whenever theirs do: looked at in their place first."""
        self.concerned = looked.concerned
        self._looked = looked
        self._machines = machines
        watched = sorted({name for names in WATCHES.values() for name in names})
        self._sources = [sources[name] for name in watched]
        self._covers = [sources[name] for name in sorted({covers.get(name, name) for name in watched})]
        self._watchers = [[name for name, names in WATCHES.items() if source in names] for source in watched]
        self._watchers_at_rest = [[n for n, names in WATCHES_AT_REST.items() if source in names] for source in watched]

    def look(self) -> None:
        """Find whom it concerns that something has changed since the last look."""
        looked, covering = self._looked, sum(map(VERSION, self._covers))
        if covering == looked.covering:
            return
        before, looked.covering, looked.versions = looked.versions, covering, list(map(VERSION, self._sources))
        looked.looks += 1
        # Nothing before the first look.
        for source, (old, new) in enumerate(zip(before, looked.versions, strict=False)):
            if old != new:
                looked.concerned.update(self._watchers[source])
                looked.changed.update(dict.fromkeys(self._watchers[source], looked.looks))
                looked.changed_at_rest.update(dict.fromkeys(self._watchers_at_rest[source], looked.looks))

    def is_due(self, name: str) -> bool:
        """Whether a machine has to look again; asked once for each thing that concerns it."""
        looked = self._looked
        if name not in looked.concerned:
            return False
        looked.concerned.remove(name)
        if name not in looked.seen:
            return True
        (seen, rested), rests = looked.seen[name], self._rests(name)
        changed = (looked.changed_at_rest if rests else looked.changed)[name]
        return rests != rested or changed > seen

    def saw(self, name: str) -> None:
        """A machine is about to step, and sees all that it watches."""
        self.look()
        self._looked.seen[name] = (self._looked.looks, self._rests(name))

    def _rests(self, name: str) -> bool:
        return name in self._looked.changed_at_rest and self._machines[name].at_rest
