"""When a manager lets those go who said that they leave.

What a node holds of the journal may be with nobody else, and from who was taken out of the roster nothing is taken: so
who leaves stays a member until all that it told of is here (I5). It may be off by then, or have what nobody takes, so
it is not waited for when nothing more of that has come for a while. What a node holds that never asks is not known
here; others have copies of it (C2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.core.actors.dealings import Dealings

FAREWELL_MS = 10_000
"""As long as `skerry agent leave` waits for it; a few questions of whoever asks for the site, and more beats."""


@dataclass
class Parting:
    """From one site."""

    _lacking: dict[str, tuple[dict[str, int] | None, int]] = field(default_factory=dict)
    """By who leaves: of each chain of which it has more, how much was here when last looked; and since when. None: it
    is not known, as it has still to tell what it holds."""

    def may_go(self, node: str, dealings: Dealings | None, heads: Mapping[str, int], at_ms: int) -> bool:
        """Whether a node may be taken out that said so, by what it told, if it ever asked, and these heads here."""
        lacking = _lacking(dealings, heads) if dealings is not None else {}
        if lacking == {}:
            return True
        if node not in self._lacking or self._lacking[node][0] != lacking:
            self._lacking[node] = (lacking, at_ms)
        return at_ms - self._lacking[node][1] >= FAREWELL_MS


def _lacking(dealings: Dealings, heads: Mapping[str, int]) -> dict[str, int] | None:
    if dealings.theirs is None:
        return None
    return {name: heads.get(name, 0) for name, head in dealings.theirs.heads.items() if head > heads.get(name, 0)}
