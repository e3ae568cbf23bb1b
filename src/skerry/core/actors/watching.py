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
        self._covering: list[int] = []
        self._versions: list[int] = []
        """Of all sources, as of the last look."""
        self._watchers = [[name for name, names in WATCHES.items() if source in names] for source in watched]
        self._watched = {name: [sources[source] for source in names] for name, names in WATCHES.items()}
        self._watched_at_rest = {name: [sources[s] for s in names] for name, names in WATCHES_AT_REST.items()}
        self._seen: dict[str, list[int]] = {}
        """To each machine the versions of what it watches, as of its last step."""

    def look(self) -> None:
        """Find whom it concerns that something has changed since the last look."""
        covering = list(map(VERSION, self._covers))
        if covering == self._covering:
            return
        before, self._covering, self._versions = self._versions, covering, list(map(VERSION, self._sources))
        changes = zip(self._watchers, before, self._versions, strict=False)  # nothing stands before the first look
        self.concerned.update(name for watchers, old, new in changes if old != new for name in watchers)

    def is_due(self, name: str) -> bool:
        """Whether a machine has to look again; asked once for each thing that concerns it."""
        if name not in self.concerned:
            return False
        self.concerned.remove(name)
        return self._seen.get(name) != self._versions_for(name)

    def saw(self, name: str) -> None:
        """A machine is about to step, and sees all that it watches."""
        self._seen[name] = self._versions_for(name)

    def _versions_for(self, name: str) -> list[int]:
        at_rest = name in self._watched_at_rest and self._machines[name].at_rest
        return list(map(VERSION, (self._watched_at_rest if at_rest else self._watched)[name]))
