"""Who has to look again: machines watch one another, documents, and sides of what members say (`views.WATCHES`)."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from skerry.core.actors.views import WATCHES, WATCHES_AT_REST

VERSION = attrgetter("version")


class Watch:
    """Compares versions: whatever is watched has one, which grows with each change."""

    def __init__(self, machines: Mapping[str, Any], sources: Mapping[str, Any], covers: Mapping[str, str]) -> None:
        """`covers` names for sources those whose versions grow whenever theirs do: looked at in their place first."""
        self.concerned = set(machines)
        """Machines that something has changed for since they last looked."""
        self._machines = machines
        watched = sorted({name for names in WATCHES.values() for name in names})
        self._sources = [sources[name] for name in watched]
        self._covers = [sources[name] for name in sorted({covers.get(name, name) for name in watched})]
        self._covering = -1
        """The sum of their versions: all of them only grow."""
        self._versions: list[int] = []
        """Of all sources, as of the last look."""
        self._watchers = [[name for name, names in WATCHES.items() if source in names] for source in watched]
        self._watchers_at_rest = [[n for n, names in WATCHES_AT_REST.items() if source in names] for source in watched]
        self._changed = dict.fromkeys(machines, 0)
        """To each machine the look that found the last change of what it watches."""
        self._changed_at_rest = dict.fromkeys(WATCHES_AT_REST, 0)
        """The same of what it watches at rest."""
        self._looks = 0
        self._seen: dict[str, tuple[int, bool]] = {}
        """To each machine the last look before its last step, and whether it was at rest then."""

    def look(self) -> None:
        """Find whom it concerns that something has changed since the last look."""
        covering = sum(map(VERSION, self._covers))
        if covering == self._covering:
            return
        before, self._covering, self._versions = self._versions, covering, list(map(VERSION, self._sources))
        self._looks += 1
        for source, (old, new) in enumerate(zip(before, self._versions, strict=False)):  # nothing before the first look
            if old != new:
                self.concerned.update(self._watchers[source])
                self._changed.update(dict.fromkeys(self._watchers[source], self._looks))
                self._changed_at_rest.update(dict.fromkeys(self._watchers_at_rest[source], self._looks))

    def is_due(self, name: str) -> bool:
        """Whether a machine has to look again; asked once for each thing that concerns it."""
        if name not in self.concerned:
            return False
        self.concerned.remove(name)
        if name not in self._seen:
            return True
        (seen, rested), rests = self._seen[name], self._rests(name)
        changed = (self._changed_at_rest if rests else self._changed)[name]
        return rests != rested or changed > seen

    def saw(self, name: str) -> None:
        """A machine is about to step, and sees all that it watches."""
        self.look()
        self._seen[name] = (self._looks, self._rests(name))

    def _rests(self, name: str) -> bool:
        return name in self._changed_at_rest and self._machines[name].at_rest
