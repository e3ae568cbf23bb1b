"""May I be active under this key, now? (X2-X4, X9)

Every node is a granter, and a holder of what the plan names it for. As a granter it has at most one promise open for a
key, counts it from its answer for the lease and the drift bound, and after a start grants nothing for the longest
promise; so promises need no disk. Fences do: a granter keeps the highest fence it has seen, and a holder is active only
after a quorum has kept the one that it took.

As a holder it counts the lease from the moment its request *left*. The two clocks never meet in one sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.group.granting.model import (
    RENEWAL_DIVISOR,
    RETRY_MIN_MS,
    RETRY_SPAN_MS,
    ROUND_MS,
    Electorate,
    Held,
    promise_ms,
)
from skerry.core.group.granting.wire import GrantAsk, GrantGive, GrantMessage, GrantRelease
from skerry.core.kernel.effects import Effects, Note, Persist, Put, Send
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import GrantKey, LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import Value, decode, encode

FENCE_PREFIX = "granting/fence/"

GrantingEvent = Verified[GrantMessage] | DeadlinePassed | Reconsider


class GrantingView(Value, frozen=True, kw_only=True):
    """What granting may know of the rest."""

    electorate: Electorate
    lease_ms: int
    lives: dict[NodeId, LifeId]
    """The present life of each node in contact; what an earlier life says is not listened to."""
    wanted: dict[GrantKey, int]
    """The keys that the latest commit of my leader names me for; with the fence of a process that I took over from an
    earlier life of mine, else 0."""
    in_use: frozenset[GrantKey]
    """Keys under which a process of mine still runs: they are not given back before it is gone (X7)."""


@dataclass
class _Promise:
    holder: NodeId
    until_ms: int


@dataclass
class _Wish:
    """A key that I am named for."""

    fence: int = 0
    until_ms: int = 0
    """I hold it till then; 0: I never did."""
    asked_ms: int | None = None
    """When the request that is being answered left; None: none is."""
    number: int = 0
    gave: dict[NodeId, int] = field(default_factory=dict)
    next_ms: int = 0
    """When to ask next."""


@dataclass
class Granting:
    """One node as granter and as holder."""

    me: NodeId
    quiet_until_ms: int
    """X4: nothing is granted before."""
    fences: dict[GrantKey, int] = field(default_factory=dict)
    held: dict[GrantKey, Held] = field(default_factory=dict)
    version: int = 0
    """Grows whenever `held` changes."""
    _promises: dict[GrantKey, _Promise] = field(default_factory=dict)
    _newest: dict[NodeId, tuple[LifeId, int]] = field(default_factory=dict)
    _wishes: dict[GrantKey, _Wish] = field(default_factory=dict)
    _number: int = 0
    _deadline_ms: int | None = None

    @classmethod
    def recover(cls, me: NodeId, kept: dict[str, bytes], at_ms: int, lease_ms: int) -> Granting:
        """After a start every promise of mine is unknown, so I wait until all of them are over (X4)."""
        fences = {
            GrantKey(key.removeprefix(FENCE_PREFIX)): decode(raw, int)
            for key, raw in kept.items()
            if key.startswith(FENCE_PREFIX)
        }
        return cls(me=me, quiet_until_ms=at_ms + promise_ms(lease_ms), fences=fences)

    def step(self, given: Input[GrantingEvent], view: GrantingView) -> Effects:
        """Take a request, an answer, a release or the passing of time."""
        done = Effects()
        match given.event:
            case Verified(statement=statement, body=body):
                done = self._on_message(NodeId(statement.signer), LifeId(statement.life), body, given.at_ms, view)
            case DeadlinePassed() | Reconsider():
                pass
        return done + self._hold(given, view)

    def next_deadline_ms(self) -> int | None:
        """When to renew, to give up a round, to ask again, or when something held ends."""
        return self._deadline_ms

    def promised_to(self, key: GrantKey, at_ms: int) -> NodeId | None:
        """Whom this granter is bound to."""
        promise = self._promises.get(key)
        return promise.holder if promise is not None and promise.until_ms > at_ms else None

    def check_invariants(self) -> None:
        """X2: what is held has a fence of its own and an end within one lease."""
        for key, held in self.held.items():
            wish = self._wishes.get(key)
            assert wish is not None and wish.fence == held.fence > 0, f"X9: {key} is held without a fence"

    # --- granter --------------------------------------------------------------------------------------------------

    def _on_message(self, peer: NodeId, life: LifeId, body: GrantMessage, at_ms: int, view: GrantingView) -> Effects:
        if view.lives.get(peer) != life:
            return Effects()
        match body:
            case GrantAsk():
                return (
                    self._on_ask(peer, life, body, at_ms, view) if self._is_news(peer, life, body.number) else Effects()
                )
            case GrantRelease(number=number, keys=keys):
                if self._is_news(peer, life, number):
                    for key in keys:
                        if self.promised_to(key, at_ms) == peer:
                            del self._promises[key]
                return Effects()
            case GrantGive():
                self._on_give(peer, body, view)
                return Effects()

    def _is_news(self, peer: NodeId, life: LifeId, number: int) -> bool:
        known = self._newest.get(peer)
        if known is not None and known[0] == life and number <= known[1]:
            return False
        self._newest[peer] = (life, number)
        return True

    def _on_ask(self, peer: NodeId, life: LifeId, ask: GrantAsk, at_ms: int, view: GrantingView) -> Effects:
        fences, persist = self._grant(peer, ask, at_ms, view)
        give = GrantGive(number=ask.number, roster_version=ask.roster_version, fences=fences)
        return Effects(persist=persist, send=(Send(to=peer, message=give),)) if fences else Effects()

    def _grant(
        self, holder: NodeId, ask: GrantAsk, at_ms: int, view: GrantingView
    ) -> tuple[dict[GrantKey, int], tuple[Persist, ...]]:
        fences: dict[GrantKey, int] = {}
        persist: list[Persist] = []
        if at_ms < self.quiet_until_ms or ask.roster_version != view.electorate.roster_version:
            return fences, ()
        if holder not in view.electorate.members or ask.lease_ms > view.lease_ms:
            return fences, ()
        for key, fence in sorted(ask.keys.items()):
            if self.promised_to(key, at_ms) not in (None, holder):
                continue
            self._promises[key] = _Promise(holder=holder, until_ms=at_ms + promise_ms(ask.lease_ms))
            if fence > self.fences.get(key, 0):
                self.fences[key] = fence
                persist.append(Put(key=FENCE_PREFIX + key, value=encode(fence)))
            fences[key] = self.fences.get(key, 0)
        return fences, tuple(persist)

    # --- holder ---------------------------------------------------------------------------------------------------

    def _on_give(self, peer: NodeId, give: GrantGive, view: GrantingView) -> None:
        if give.roster_version != view.electorate.roster_version:
            return
        for key, fence in give.fences.items():
            wish = self._wishes.get(key)
            if wish is not None and wish.asked_ms is not None and wish.number == give.number:
                wish.gave[peer] = fence

    def _hold(self, given: Input[GrantingEvent], view: GrantingView) -> Effects:
        at_ms = given.at_ms
        self._deadline_ms = None
        done = self._let_go(at_ms, view)
        for key, fence in view.wanted.items():
            self._wishes.setdefault(key, _Wish(fence=fence, next_ms=at_ms))
        asked: dict[GrantKey, int] = {}
        for key, wish in sorted(self._wishes.items()):
            if key not in view.wanted:
                continue
            done = done + self._count(key, wish, given, view)
            if wish.asked_ms is None and at_ms >= wish.next_ms:
                asked[key] = wish.fence
        if asked:
            done = done + self._ask(asked, given, view)
        self._note_ends(at_ms, view)
        return done

    def _ask(self, asked: dict[GrantKey, int], given: Input[GrantingEvent], view: GrantingView) -> Effects:
        """Ask everybody for all that is due, and myself at once: my own promise counts like anybody's."""
        self._number += 1
        ask = GrantAsk(
            number=self._number,
            roster_version=view.electorate.roster_version,
            lease_ms=view.lease_ms,
            keys=asked,
        )
        own, persist = self._grant(self.me, ask, given.at_ms, view)
        for key in asked:
            wish = self._wishes[key]
            wish.asked_ms, wish.number = given.at_ms, self._number
            wish.gave = {self.me: own[key]} if key in own else {}
        done = Effects(persist=persist, send=(Send(to=None, message=ask),))
        for key in asked:
            done = done + self._count(key, self._wishes[key], given, view)
        return done

    def _count(self, key: GrantKey, wish: _Wish, given: Input[GrantingEvent], view: GrantingView) -> Effects:
        """Has a quorum answered? If the round is over without one, give back what was got and wait a random time."""
        at_ms = given.at_ms
        if wish.asked_ms is None:
            self._wake(wish.next_ms)
            return Effects()
        if view.electorate.is_quorum(frozenset(wish.gave)):
            highest = max(wish.gave.values())
            if wish.fence == 0 or highest > wish.fence:
                # The fence has to be kept by a quorum before it may be used: ask again, with it.
                wish.fence, wish.asked_ms, wish.next_ms = highest + 1, None, at_ms
                return Effects()
            wish.until_ms, wish.next_ms = (
                wish.asked_ms + view.lease_ms,
                wish.asked_ms + view.lease_ms // RENEWAL_DIVISOR,
            )
            wish.asked_ms = None
            return self._set_held(Held(key=key, fence=wish.fence, until_ms=wish.until_ms))
        if at_ms < wish.asked_ms + ROUND_MS:
            self._wake(wish.asked_ms + ROUND_MS)
            return Effects()
        wish.asked_ms = None
        wish.next_ms = at_ms + RETRY_MIN_MS + given.draw % (RETRY_SPAN_MS + 1)
        self._wake(wish.next_ms)
        if wish.until_ms > at_ms or key in view.in_use:
            return Effects()  # still held: ask again, give nothing back
        return self._release((key,), at_ms)

    def _set_held(self, held: Held) -> Effects:
        news = held.key not in self.held or self.held[held.key].fence != held.fence
        self.held = {**self.held, held.key: held}
        self.version += 1
        note = Note(what="grant.held", about=held.key, data={"fence": held.fence})
        return Effects(note=(note,)) if news else Effects()

    def _let_go(self, at_ms: int, view: GrantingView) -> Effects:
        """What has run out is not held; what is not wanted any more is released once nothing runs under it (X7)."""
        done = Effects()
        for key, held in list(self.held.items()):
            if held.until_ms <= at_ms:
                self.held = {k: h for k, h in self.held.items() if k != key}
                self.version += 1
                self._wishes[key].fence = 0
                done = done + Effects(note=(Note(what="grant.lost", about=key, data={"fence": held.fence}),))
        gone = tuple(k for k in self._wishes if k not in view.wanted and k not in view.in_use)
        for key in gone:
            del self._wishes[key]
            if key in self.held:
                self.held = {k: h for k, h in self.held.items() if k != key}
                self.version += 1
        return done + self._release(gone, at_ms) if gone else done

    def _release(self, keys: tuple[GrantKey, ...], at_ms: int) -> Effects:
        self._number += 1
        for key in keys:
            if self.promised_to(key, at_ms) == self.me:
                del self._promises[key]
        return Effects(send=(Send(to=None, message=GrantRelease(number=self._number, keys=keys)),))

    def _note_ends(self, at_ms: int, view: GrantingView) -> None:
        for held in self.held.values():
            self._wake(held.until_ms)
        for key, wish in self._wishes.items():
            if key in view.wanted and wish.asked_ms is None:
                self._wake(max(wish.next_ms, at_ms))

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)
