"""When those may go who said that they leave.

What a node holds of the journal may be with nobody else, and from who was taken out of the roster nothing is taken: so
who leaves stays a member until all that it told of has come (I5). At a site its word waits with whoever would hand it
up; at head office the roster without it waits. It may be off by then, or have what nobody takes, so it is not waited
for when nothing more of that has come for a while. Of what a node holds that tells nothing others have copies (C2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.core.actors.dealings import Dealings

FAREWELL_MS = 10_000
"""As long as `skerry agent leave` waits for it; a few questions of whoever asks for the site, and more beats."""


@dataclass
class Parting:
    """From one site, or at one."""

    _lacking: dict[str, tuple[dict[str, int] | None, int]] = field(default_factory=dict)
    """By who leaves: of each chain of which it has more, how much was here when last looked; and since when. None: it
    is not known, as it has still to tell what it holds."""

    def may_go(self, node: str, told: Mapping[str, int] | None, heads: Mapping[str, int], at_ms: int) -> bool:
        """Whether a node may go that said so, by the heads that it told of, and these here. None: it has still to tell
        them."""
        lacking = {n: heads.get(n, 0) for n, h in told.items() if h > heads.get(n, 0)} if told is not None else None
        if lacking == {}:
            return True
        if node not in self._lacking or self._lacking[node][0] != lacking:
            self._lacking[node] = (lacking, at_ms)
        return at_ms - self._lacking[node][1] >= FAREWELL_MS


def heads_told(dealings: Dealings | None) -> Mapping[str, int] | None:
    """The heads that a node told head office of; none if it never asked there itself."""
    if dealings is None:
        return {}
    return dealings.theirs.heads if dealings.theirs is not None else None
