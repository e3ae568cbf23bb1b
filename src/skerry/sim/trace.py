"""What happened, for people (one line a transition, a column a node) and for comparing two runs (a digest)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from skerry.core.actors.manager import ManagerSite, SiteSaid
from skerry.core.conversation import Heard
from skerry.core.kernel.effects import Effects, Note
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import encode
from skerry.inputlog.state import state_of

LAST_MAX = 60
COLUMN = 34


class Trace:
    """The last transitions of a world; all of them go to `show` if there is one."""

    def __init__(self, nodes: tuple[str, ...], show: Callable[[str], None] | None = None) -> None:
        self._nodes = nodes
        self._show = show
        self._last: deque[tuple[int, str, object, object]] = deque(maxlen=LAST_MAX)
        self.steps = 0

    def add(self, node: str) -> None:
        """One more column."""
        if node not in self._nodes:
            self._nodes = (*self._nodes, node)

    def step(self, now_us: int, node: str, given: Input[Any], effects: Effects) -> None:
        """One transition of one agent."""
        self.steps += 1
        self._add((now_us, node, given.event, effects))

    def note(self, node: str, note: Note) -> None:
        """A public event is part of its transition's line."""

    def world(self, now_us: int, what: str) -> None:
        """Something that happened to the world."""
        self._add((now_us, "", what, None))

    def last(self) -> list[str]:
        """The last transitions, oldest first."""
        return [self._line(*one) for one in self._last]

    def _add(self, one: tuple[int, str, object, object]) -> None:
        self._last.append(one)
        if self._show is not None:
            self._show(self._line(*one))

    def _line(self, now_us: int, node: str, what: object, effects: object) -> str:
        when = f"{now_us / 1_000_000:9.3f}s "
        if not node:
            return f"{when}*** {what}"
        indent = " " * (COLUMN * self._nodes.index(node))
        return f"{when}{indent}{node} {_event(what)} {_effects(effects)}".rstrip()


def _event(event: object) -> str:
    if isinstance(event, Heard | SiteSaid):
        statement = event.said.statement
        return f"<{statement.kind} {statement.signer}#{statement.number}>"
    about = getattr(event, "instance", None) or getattr(event, "node", None) or getattr(event, "manager", "")
    return f"{type(event).__name__}{f' {about}' if about else ''}"


def _effects(effects: object) -> str:
    if not isinstance(effects, Effects):
        return ""
    said = [f"{type(s.message).__name__}>{s.to or '*'}" for s in effects.send if type(s.message).__name__ != "Beat"]
    said += [f"{type(i.message).__name__}>{i.node}" for i in effects.instruct]
    acts = [f"{type(a).__name__} {getattr(a, 'instance', '')}".strip() for a in effects.act]
    notes = [f"{n.what} {n.about}".strip() for n in effects.note]
    return "; ".join((*notes, *acts, *said))


class Digest:
    """Over every input, every effect, and the encoded state of the agent after every step."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)

    def step(self, node: str, given: Input[Any], effects: Effects, state: bytes) -> None:
        """One transition."""
        for part in (node.encode(), encode(given), encode(effects), state):
            self._hash.update(len(part).to_bytes(4, "big"))
            self._hash.update(part)

    def hexdigest(self) -> str:
        """What it comes to so far."""
        return self._hash.hexdigest()


def manager_state(site: ManagerSite) -> bytes:
    """Every field of a manager's site that changes."""
    return state_of({"custody": site.custody, "heads": site.journal.heads, "site": site.verdicts})
