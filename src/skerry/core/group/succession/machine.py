"""Which version of the roster counts for grants here, and from when on; and this node's own closing of the one before
(X5).

A version counts until a quorum of it has said, signed and durably, that it grants nothing more under it. From then on
the next one counts, and each granter waits for the longest promise before it grants under it, but to the holder that
the closing agrees on, whose work goes on without a break. How long a promise binds is each version's own matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from skerry.core.group.granting.model import promise_ms
from skerry.core.group.succession.model import CLOSING_PREFIX, Closing, Edition
from skerry.core.group.succession.rules import agreed, check_held, counts_from, is_closed
from skerry.core.kernel.effects import NOTHING, Effects, Note, Persist, Publish, Put
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import GrantKey, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import Value, decode, encode

COUNTING_KEY = "succession/counting"
OVER_KEY = "succession/over"
CLOSE_AFTER_MS = 100
"""Rosters come in rows, when several nodes join or one has been away: one closing does for all of a row."""

SuccessionEvent = DeadlinePassed | Reconsider


class SuccessionView(Value, frozen=True, kw_only=True):
    """What succession may know of the rest."""

    editions: dict[int, Edition]
    """Every version of the roster held, in one chain."""
    closings: dict[NodeId, Closing]
    promises: Mapping[GrantKey, NodeId]
    """What this node has promised under the version that counts, and to whom."""
    fences: Mapping[GrantKey, int]
    """The highest that this node has seen."""
    known_from_ms: int
    """Before, promises of an earlier life of this node may be open that it does not know of (X4)."""
    dead: frozenset[NodeId]
    """Declared dead: their weight is left out (X8)."""


@dataclass
class Succession:
    """One node's view of the rosters that follow each other."""

    me: NodeId
    counting: int = 0
    """The version under which grants count; 0: not looked yet."""
    over: int = 0
    """All that was promised under versions below is over; 0: not known of any."""
    waits_until_ms: int = -(10**9)
    """Until when only the agreed holders are granted anything under the version that counts."""
    agreed: dict[GrantKey, NodeId] = field(default_factory=dict)
    """Who may go on at once under it."""
    closed: bool = False
    """Whether this node has closed it."""
    surrendered: bool = False
    """Whether some version before it was closed by a quorum only because somebody was declared dead (X8)."""
    version: int = 0
    """Grows whenever one of these changes."""
    fresh: bool = False
    """This disk has never granted anything: there is no earlier life whose promises could be unknown."""
    _base: int = 0
    _sound: int = 0
    """All versions below were closed by a quorum that left nobody out."""
    _newest: tuple[int, int] = (0, 0)
    """The newest version held, and when it came."""
    _deadline_ms: int | None = None

    @classmethod
    def recover(cls, me: NodeId, kept: dict[str, bytes], held: Iterable[int]) -> Succession:
        """What counted goes on counting, by the versions `held`. Who may go on at once is forgotten; that everybody
        waits after a start is X4's, and as long. Raises `msgspec.DecodeError` if what counted is damaged."""
        raw = kept.get(COUNTING_KEY)
        counting, over = decode(raw, int) if raw is not None else 0, decode(kept.get(OVER_KEY, encode(0)), int)
        check_held(over or counting, held)
        return cls(me=me, counting=counting, over=over, fresh=raw is None)

    def step(self, given: Input[SuccessionEvent], view: SuccessionView) -> Effects:
        """Look at rosters and closings."""
        self._deadline_ms = None
        before = (self.counting, self.agreed, self.closed, self.surrendered)
        done = self._advance(given.at_ms, view)
        done = done + self._outlast(given.at_ms, view)
        done = done + self._close(given.at_ms, view)
        if (self.counting, self.agreed, self.closed, self.surrendered) != before:
            self.version += 1
        return done

    def next_deadline_ms(self) -> int | None:
        """When to close, and when what was promised earlier is over."""
        return self._deadline_ms

    def longest_lease_ms(self, editions: Mapping[int, Edition], through: int) -> int:
        """Of the versions up to this one under which a promise may be open."""
        return max(e.electorate.lease_ms for version, e in editions.items() if self.over <= version <= through)

    def check_invariants(self) -> None:
        """X5: a version counts after one that it followed."""
        assert self._base <= self.counting, "X5: the roster that counts has gone back"

    def _advance(self, at_ms: int, view: SuccessionView) -> Effects:
        persist: tuple[Persist, ...] = ()
        notes: tuple[Note, ...] = ()
        first = self.counting or min(view.editions)
        now = counts_from(first, view.editions, view.closings, view.dead)
        if now != self.counting:
            self._base, self.counting, self.agreed = first, now, {}
            self.waits_until_ms = at_ms + promise_ms(self.longest_lease_ms(view.editions, max(first, now - 1)))
            persist = (Put(key=COUNTING_KEY, value=encode(now)),)
            notes = (Note(what="roster.counts", data={"version": now}),)
        if at_ms < self.waits_until_ms:
            found = agreed(self._base, self.counting, view.editions, view.closings)
            self.agreed = {**found, **self.agreed}
        self._sound = max(self._sound, min(view.editions))
        while self._sound < self.counting and is_closed(self._sound, view.editions, view.closings):
            self._sound += 1
        self.surrendered = self._sound < self.counting
        return Effects(persist=persist, note=notes)

    def _outlast(self, at_ms: int, view: SuccessionView) -> Effects:
        """Once the wait is over, so is all that was promised under earlier versions. A start has to know of it only
        where it would wait longer than for a promise under the version that counts."""
        due_ms = max(self.waits_until_ms, view.known_from_ms)
        if self.over == self.counting:
            return NOTHING
        if at_ms < due_ms:
            self._wake(due_ms)
            return NOTHING
        longest_ms = self.longest_lease_ms(view.editions, self.counting)
        self.over = self.counting
        if longest_ms == view.editions[self.counting].electorate.lease_ms:
            return NOTHING
        return Effects(persist=(Put(key=OVER_KEY, value=encode(self.over)),))

    def _close(self, at_ms: int, view: SuccessionView) -> Effects:
        """Say that all versions before the newest are over for me, once, and never before I know what I promised."""
        newest, mine = max(view.editions), view.closings.get(self.me)
        self.closed = mine is not None and mine.through >= self.counting
        if newest != self._newest[0]:
            self._newest = (newest, at_ms)
        through = newest - 1
        if (mine is not None and mine.through >= through) or not self._concerns_me(through, view):
            return NOTHING
        due_ms = self._newest[1] + CLOSE_AFTER_MS
        if not self.fresh:
            due_ms = max(due_ms, view.known_from_ms)
        if at_ms < due_ms:
            self._wake(due_ms)
            return NOTHING
        self.closed = True
        closing = Closing(
            node=self.me,
            base=self.counting,
            through=through,
            successor=view.editions[newest].digest,
            promises=self._open_promises(at_ms, view),
            fences=dict(view.fences),
        )
        return Effects(
            publish=(Publish(name=CLOSING_PREFIX + self.me, version=(through,), value=closing),),
            note=(Note(what="roster.closed", data={"version": through, "promises": dict(closing.promises)}),),
        )

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)

    def _open_promises(self, at_ms: int, view: SuccessionView) -> dict[GrantKey, NodeId]:
        """Mine; and while those of the version before may still be open, those who may go on from it."""
        before = self.agreed if at_ms < self.waits_until_ms else {}
        return {**before, **view.promises}

    def _concerns_me(self, through: int, view: SuccessionView) -> bool:
        open_ones = range(self.counting, through + 1)
        return any(self.me in view.editions[version].electorate.members for version in open_ones)
