"""Each statement is heard once: what was heard before, or is too old to tell, is a replay (I8).

Statements of one life of a signer are numbered (N1). The highest number heard is kept, and which of those below it
were; so statements may overtake each other by a window, and no further.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.kernel.sealing import Statement

WINDOW = 1_024
LIVES_MAX = 4_096
"""Of all signers together, eight of each node of a site of 500; the one heard of longest ago is forgotten first."""

_MASK = (1 << WINDOW) - 1


@dataclass
class Once:
    """What one node has heard, by signer and life."""

    _heard: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """The highest number, and bit n for the number that is n below it."""

    def is_news(self, statement: Statement) -> bool:
        """Whether this was not heard before; from now on it was."""
        key = (statement.signer, statement.life)
        highest, bits = self._heard.pop(key, (0, 0))
        ahead = statement.number - highest
        if ahead > 0:
            bits = ((bits << ahead) | 1) & _MASK if ahead < WINDOW else 1
            highest, news = statement.number, True
        else:
            bit = 1 << -ahead if -ahead < WINDOW else 0
            news = bit != 0 and not bits & bit
            bits |= bit
        if len(self._heard) >= LIVES_MAX:
            del self._heard[next(iter(self._heard))]
        self._heard[key] = (highest, bits)
        return news
