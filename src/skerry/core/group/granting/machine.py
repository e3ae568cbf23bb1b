"""May I be active under this key, now? (X2-X5, X8, X9)

Every node is a granter, and a holder of what the plan names it for. As a granter it has at most one promise open for a
key, counts it from its answer for the lease and the drift bound, and after a start grants nothing for the longest
promise; so promises need no disk. Fences do: a granter keeps the highest fence it has seen, and a holder is active only
after a quorum has kept the one that it took.

As a holder it counts the lease from the moment its request *left*. The two clocks never meet in one sum. All grants of
a quorum are under one version of the roster: the one that counts (`group.succession`), for as long as it is not closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.core.group.granting.model import (
    DEAD_PREFIX,
    RENEWAL_DIVISOR,
    RETRY_MIN_MS,
    RETRY_SPAN_MS,
    ROUND_MS,
    Electorate,
    Held,
    Living,
    promise_ms,
)
from skerry.core.group.granting.surrender import Surrender
from skerry.core.group.granting.wire import GrantAsk, GrantGive, GrantMessage, GrantRelease
from skerry.core.kernel.effects import NOTHING, Effects, Note, Persist, Publish, Put, Record, Send
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
    """Of the version of the roster that counts."""
    longest_lease_ms: int
    """Of all versions under which somebody may still hold something."""
    lives: dict[NodeId, LifeId]
    """The present life of each node in contact; what an earlier life says is not listened to."""
    wanted: dict[GrantKey, int]
    """The keys that the latest commit of my leader names me for; with the fence of a process that I took over from an
    earlier life of mine, else 0."""
    in_use: frozenset[GrantKey]
    """Keys under which a process of mine still runs: they are not given back before it is gone (X7)."""
    closed: bool = False
    """I have closed the version that counts, and grant nothing more under it (X5)."""
    only_agreed_until_ms: int = 0
    """Before, the version that counts is so new that only these holders are granted anything under it (X5)."""
    agreed: Mapping[GrantKey, NodeId] = {}
    fences: Mapping[GrantKey, int] = {}
    """The highest that those had seen who closed the rosters before (X9)."""
    declared: Mapping[NodeId, int] = {}
    """Whom an operator has declared dead, each with the generation of that word (X8)."""
    runs_alone: frozenset[GrantKey] = frozenset()
    """Keys of roles that run where there is no quorum (X8)."""
    roster_surrendered: bool = False
    """The version that counts does so only because somebody was declared dead (X8)."""


@dataclass
class _Promise:
    holder: NodeId
    until_ms: int
    roster_version: int


@dataclass
class _Wish:
    """A key that I am named for."""

    fence: int = 0
    told_ms: int | None = None
    """When the question left whose answers this fence is above; None: no quorum has to keep it any more before it is
    used."""
    until_ms: int = 0
    """I hold it till then; 0: I never did."""
    asked_ms: int | None = None
    """When the request that is being answered left; None: none is."""
    number: int = 0
    gave: dict[NodeId, int] = field(default_factory=dict)
    next_ms: int = 0
    """When to ask next."""
    stops_first: bool = False
    """I had it by X8, or was declared dead: what runs under it is gone before I ask again."""

    def lasts_from(self, at_ms: int, lease_ms: int) -> None:
        """I hold it for one lease from then on, and renew it early."""
        self.until_ms, self.next_ms = at_ms + lease_ms, at_ms + lease_ms // RENEWAL_DIVISOR


@dataclass
class Granting:
    """One node as granter and as holder."""

    me: NodeId
    quiet_until_ms: int
    """X4: nothing is granted before."""
    fences: dict[GrantKey, int] = field(default_factory=dict)
    held: dict[GrantKey, Held] = field(default_factory=dict)
    version: int = 0
    """Grows whenever `held` or `surrender.dead` changes."""
    surrender: Surrender = field(default_factory=Surrender)
    _promises: dict[GrantKey, _Promise] = field(default_factory=dict)
    _newest: dict[NodeId, tuple[LifeId, int]] = field(default_factory=dict)
    _wishes: dict[GrantKey, _Wish] = field(default_factory=dict)
    _number: int = 0
    _roster_version: int = 0
    """Under which the requests that are on their way were made."""
    _deadline_ms: int | None = None

    @classmethod
    def recover(cls, me: NodeId, kept: dict[str, bytes], at_ms: int, longest_lease_ms: int) -> Granting:
        """After a start every promise of mine is unknown, so I wait until all of them are over (X4)."""
        fences = {
            GrantKey(key.removeprefix(FENCE_PREFIX)): decode(raw, int)
            for key, raw in kept.items()
            if key.startswith(FENCE_PREFIX)
        }
        return cls(me=me, quiet_until_ms=at_ms + promise_ms(longest_lease_ms), fences=fences)

    def step(self, given: Input[GrantingEvent], view: GrantingView) -> Effects:
        """Take a request, an answer, a release or the passing of time."""
        done = NOTHING
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

    def promised_under(self, roster_version: int, at_ms: int) -> dict[GrantKey, NodeId]:
        """What this granter has promised under one version of the roster, as far as it is not over."""
        return {
            key: promise.holder
            for key, promise in self._promises.items()
            if promise.roster_version == roster_version and promise.until_ms > at_ms
        }

    def check_invariants(self) -> None:
        """X2: what is held has a fence of its own and an end within one lease. The one that is asked for next may be
        higher: somebody had a higher one by X8."""
        for key, held in self.held.items():
            wish = self._wishes.get(key)
            assert wish is not None and wish.fence >= held.fence > 0, f"X9: {key} is held without a fence"

    # --- granter --------------------------------------------------------------------------------------------------

    def _on_message(self, peer: NodeId, life: LifeId, body: GrantMessage, at_ms: int, view: GrantingView) -> Effects:
        if view.lives.get(peer) != life:
            return NOTHING
        match body:
            case GrantAsk():
                return self._on_ask(peer, body, at_ms, view) if self._is_news(peer, life, body.number) else NOTHING
            case GrantRelease(number=number, keys=keys):
                if self._is_news(peer, life, number):
                    for key in keys:
                        if self.promised_to(key, at_ms) == peer:
                            del self._promises[key]
                return NOTHING
            case GrantGive():
                self._on_give(peer, body, view)
                return NOTHING

    def _is_news(self, peer: NodeId, life: LifeId, number: int) -> bool:
        known = self._newest.get(peer)
        if known is not None and known[0] == life and number <= known[1]:
            return False
        self._newest[peer] = (life, number)
        return True

    def _on_ask(self, peer: NodeId, ask: GrantAsk, at_ms: int, view: GrantingView) -> Effects:
        fences, persist = self._grant(peer, ask, at_ms, view)
        give = GrantGive(number=ask.number, roster_version=ask.roster_version, fences=fences)
        return Effects(persist=persist, send=(Send(to=peer, message=give),)) if fences else NOTHING

    def _grant(
        self, holder: NodeId, ask: GrantAsk, at_ms: int, view: GrantingView
    ) -> tuple[dict[GrantKey, int], tuple[Persist, ...]]:
        fences: dict[GrantKey, int] = {}
        persist: list[Persist] = []
        if at_ms < self.quiet_until_ms or not self._may_grant(holder, ask, view):
            return fences, ()
        for key, fence in sorted(ask.keys.items()):
            if self.promised_to(key, at_ms) not in (None, holder):
                continue
            if at_ms < view.only_agreed_until_ms and view.agreed.get(key) != holder:
                continue
            self._promises[key] = _Promise(
                holder=holder,
                until_ms=at_ms + promise_ms(view.electorate.lease_ms),
                roster_version=ask.roster_version,
            )
            if fence > self.fences.get(key, 0):
                self.fences[key] = fence
                persist.append(Put(key=FENCE_PREFIX + key, value=encode(fence)))
            fences[key] = self._highest(key, view)
        return fences, tuple(persist)

    def _may_grant(self, holder: NodeId, ask: GrantAsk, view: GrantingView) -> bool:
        """Both are of the version that counts, the request is under it, and it is not closed here (X2, X5)."""
        electorate = view.electorate
        return (
            ask.roster_version == electorate.roster_version
            and not view.closed
            and {self.me, holder} <= electorate.members
        )

    def _highest(self, key: GrantKey, view: GrantingView) -> int:
        return max(self.fences.get(key, 0), view.fences.get(key, 0))

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
        self._look_round(at_ms, view)
        done = self._give_up(at_ms, view) + self._let_go(at_ms, view)
        for key, fence in view.wanted.items():
            self._wishes.setdefault(key, _Wish(fence=fence, next_ms=at_ms))
        asked: dict[GrantKey, int] = {}
        for key, wish in sorted(self._wishes.items()):
            if key not in view.wanted or wish.stops_first:
                continue
            done = done + self._count(key, wish, given, view)
            if wish.asked_ms is None and at_ms >= wish.next_ms:
                asked[key] = wish.fence
        if asked:
            done = done + self._ask(asked, given, view)
        self._note_ends(at_ms, view)
        return done

    def _look_round(self, at_ms: int, view: GrantingView) -> None:
        """Who is there and who is not; and whether what was asked for was asked for under another roster (X2, X5)."""
        dead, present = self.surrender.dead, frozenset(view.lives) | {self.me}
        due_ms = self.surrender.look(view.electorate, present, view.declared, at_ms, view.longest_lease_ms)
        if due_ms is not None:
            self._wake(due_ms)
        if self.surrender.dead != dead:
            self.version += 1
        if self._roster_version != view.electorate.roster_version:
            self._roster_version = view.electorate.roster_version
            for key, wish in self._wishes.items():
                self._forgo(key, wish)
                wish.asked_ms, wish.gave, wish.next_ms = None, {}, at_ms

    def _give_up(self, at_ms: int, view: GrantingView) -> Effects:
        """X8: who had a key without a quorum, or was declared dead, stops it on contact before asking for it."""
        done = NOTHING
        for key, held in list(self.held.items()):
            if self.me in view.declared or (held.surrendered and self._met_again(held, view)):
                self._wishes[key].stops_first = True
                done = done + self._lose(key, "grant.given_up")
        for key, wish in self._wishes.items():
            if wish.stops_first and key not in view.in_use and self.me not in view.declared:
                wish.stops_first, wish.until_ms, wish.asked_ms, wish.next_ms = False, 0, None, at_ms
        if self.me in view.declared and not view.in_use:
            living = Living(node=self.me, generation=view.declared[self.me] + 1)
            said = Publish(name=DEAD_PREFIX + self.me, version=living.version, value=living)
            done = done + Effects(publish=(said,))
        return done

    def _met_again(self, held: Held, view: GrantingView) -> bool:
        if held.without or not view.roster_surrendered:
            return self.surrender.in_touch or not held.without.isdisjoint(view.lives)
        return False

    def _lose(self, key: GrantKey, what: str) -> Effects:
        held = self.held[key]
        self.held = {k: h for k, h in self.held.items() if k != key}
        self.version += 1
        self._wishes[key].fence, self._wishes[key].told_ms = 0, None
        return Effects(note=(Note(what=what, about=key, data={"fence": held.fence}),))

    def _ask(self, asked: dict[GrantKey, int], given: Input[GrantingEvent], view: GrantingView) -> Effects:
        """Ask everybody for all that is due, and myself at once: my own promise counts like anybody's."""
        self._number += 1
        ask = GrantAsk(
            number=self._number,
            roster_version=view.electorate.roster_version,
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
            return NOTHING
        without = self._left_out(wish, view)
        if without is not None:
            highest = max(wish.gave.values())
            if wish.told_ms is not None and at_ms >= wish.told_ms + view.electorate.lease_ms:
                # Those who told the highest are bound no longer: somebody else may have taken this one, too.
                self._forgo(key, wish)
                wish.asked_ms, wish.next_ms = None, at_ms
                return NOTHING
            if wish.fence == 0 or highest > wish.fence:
                # The fence has to be kept by a quorum before it may be used: ask again, with it.
                wish.fence, wish.told_ms, wish.asked_ms, wish.next_ms = highest + 1, wish.asked_ms, None, at_ms
                return NOTHING
            wish.told_ms = None
            wish.lasts_from(wish.asked_ms, view.electorate.lease_ms)
            wish.asked_ms = None
            why = f"without {', '.join(sorted(without))}, declared dead" if without else ""
            if view.roster_surrendered:
                why = why or "under a roster that followed without a majority of the one before"
            return self._set_held(key, wish, why, given, without)
        if at_ms < wish.asked_ms + ROUND_MS:
            self._wake(wish.asked_ms + ROUND_MS)
            return NOTHING
        wish.asked_ms = None
        self._forgo(key, wish)
        holds = key in self.held
        if key in view.runs_alone and self.surrender.may_run_alone(at_ms, view.longest_lease_ms, holds=holds):
            return self._run_alone(key, wish, given, view)
        wish.next_ms = at_ms + RETRY_MIN_MS + given.draw % (RETRY_SPAN_MS + 1)
        self._wake(wish.next_ms)
        if wish.until_ms > at_ms or key in view.in_use:
            return NOTHING  # still held: ask again, give nothing back
        return self._release((key,), at_ms)

    def _forgo(self, key: GrantKey, wish: _Wish) -> None:
        """Take no fence that no quorum has kept: whoever asks next may be told the same highest, and take it."""
        if wish.told_ms is not None:
            wish.fence, wish.told_ms = self.held[key].fence if key in self.held else 0, None

    def _left_out(self, wish: _Wish, view: GrantingView) -> frozenset[NodeId] | None:
        """Whose weight has to be left out for a quorum to have answered; None: there is none even so. Where one of the
        whole roster is in contact, its answers are waited for: what is had without them ends at once (X8)."""
        gave = frozenset(wish.gave)
        if view.electorate.is_quorum(gave):
            return frozenset()
        dead = self.surrender.dead & view.electorate.members
        may_leave_out = bool(dead) and not self.surrender.in_touch
        return dead if may_leave_out and view.electorate.is_quorum(gave, dead) else None

    def _run_alone(self, key: GrantKey, wish: _Wish, given: Input[GrantingEvent], view: GrantingView) -> Effects:
        """X8: nobody is asked; the agent renews it as it would a lease, so that a guard ends what a dead agent left."""
        persist: tuple[Persist, ...] = ()
        if key not in self.held:
            wish.fence, wish.told_ms = self._highest(key, view) + 1, None
            self.fences[key] = wish.fence
            persist = (Put(key=FENCE_PREFIX + key, value=encode(wish.fence)),)
        wish.lasts_from(given.at_ms, view.electorate.lease_ms)
        return Effects(persist=persist) + self._set_held(key, wish, "no majority of the roster is in contact", given)

    def _set_held(
        self,
        key: GrantKey,
        wish: _Wish,
        why: str,
        given: Input[GrantingEvent],
        without: frozenset[NodeId] = frozenset(),
    ) -> Effects:
        before = self.held.get(key)
        since_ms = given.wall_ms if why else None
        if before is not None and before.surrendered and why:
            since_ms = before.surrendered_wall_ms
        held = Held(
            key=key,
            fence=wish.fence,
            until_ms=wish.until_ms,
            surrendered=why,
            surrendered_wall_ms=since_ms,
            without=without,
        )
        self.held = {**self.held, key: held}
        self.version += 1
        done = NOTHING
        if before is None or before.fence != held.fence:
            done = Effects(note=(Note(what="grant.held", about=key, data={"fence": held.fence}),))
        if why and (before is None or not before.surrendered):
            data = {"fence": held.fence, "why": why}
            done = done + Effects(
                record=(Record(kind="decision", what="grant.surrendered", about=key, data=data),),
                note=(Note(what="grant.surrendered", about=key, data=data),),
            )
        return done

    def _let_go(self, at_ms: int, view: GrantingView) -> Effects:
        """What has run out is not held; what is not wanted any more is released once nothing runs under it (X7)."""
        done = NOTHING
        for key, held in list(self.held.items()):
            if held.until_ms <= at_ms:
                done = done + self._lose(key, "grant.lost")
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
            if key in view.wanted and wish.asked_ms is None and not wish.stops_first:
                self._wake(max(wish.next_ms, at_ms))

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)
