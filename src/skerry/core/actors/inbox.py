"""What members say to a manager and waits for its turn: of each the message that came first, and the newest.

A question says all that its predecessors said and were not answered. So one that waits behind another of the same
member is told by the next, and a manager that was slow for a while has no more to catch up with than its members are;
the first stays, or what a member hands over with it would never have its turn.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Sender = TypeVar("Sender", bound=Hashable)


class Inbox(Generic[Sender]):
    """In the order in which they came, as far as there is room."""

    def __init__(self, most: int) -> None:
        """`most`: messages that wait at a time, of all senders together."""
        self._most = most
        self._waiting: dict[int, tuple[Sender, bytes]] = {}
        self._of: dict[Sender, list[int]] = {}
        self._came = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, sender: Sender, message: bytes) -> bool:
        """Let a message wait, perhaps in the place of another; False: there was no room, and it is lost."""
        places = self._of.get(sender, [])
        if len(places) > 1:
            self._waiting[places[-1]] = (sender, message)
            return True
        if len(self._waiting) >= self._most:
            return False
        self._came += 1
        self._waiting[self._came] = (sender, message)
        self._of[sender] = [*places, self._came]
        return True

    def take(self) -> tuple[Sender, bytes]:
        """The one whose turn it is. Raises `StopIteration` if none waits."""
        place = next(iter(self._waiting))
        sender, message = self._waiting.pop(place)
        self._of[sender].remove(place)
        if not self._of[sender]:
            del self._of[sender]
        return sender, message

    def clear(self) -> None:
        """Forget all that waits."""
        self._waiting.clear()
        self._of.clear()
