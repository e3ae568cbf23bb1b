"""Contact by beats (C1, C2).

I am in contact with a node when its latest beat is fresh and says that it hears me, in this life of mine. A missing
liveliness token is believed at once; a present one proves nothing, since a hung agent keeps its token. Beats of a life
that another life of the same node has followed, and beats numbered no higher than one already heard, are replays and
are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

from skerry.core.group.membership.model import (
    BEAT_PERIOD_MS,
    FRESH_MS,
    HUNG_MS,
    SILENT_MS,
    STOOD_STILL_MS,
    Contact,
    beat_gap_ms,
)
from skerry.core.group.membership.wire import Beat
from skerry.core.kernel.effects import NOTHING, Effects, Note, Send
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import LifeId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import Value

NO_BEAT = Beat(number=0, hears={}, carried=b"")
PAST_LIVES_MAX = 32
"""Per peer. A replay of a life that is older than so many restarts is caught by `Beat.hears` alone."""


class PresenceChanged(Value, frozen=True, kw_only=True, tag=True):
    """A member's liveliness token appeared or disappeared."""

    node: NodeId
    present: bool


class MembershipView(Value, frozen=True, kw_only=True):
    """What membership may know of the rest."""

    members: frozenset[NodeId]
    """The roster's, without me."""
    carry: Callable[[], bytes]
    """Makes what my next beat is to carry."""
    holdings: Callable[[], bytes]
    """Likewise."""
    stamp: Callable[[], tuple[Any, ...]]
    """Changes when what I carry has changed in a way that should not wait for the next beat. Whatever changes it lets
    this machine reconsider."""
    silent: bool = False
    """I was taken out of the roster, and know it: nobody waits for my beats any more."""


MembershipEvent = Verified[Beat] | PresenceChanged | DeadlinePassed | Reconsider


@dataclass
class _Peer:
    life: LifeId
    past_lives: tuple[LifeId, ...] = ()
    number: int = -1
    heard_ms: int = -(10**9)
    hears_me: bool = False
    proven: bool = False
    """A beat of this life named mine: it is no replay from before my start. Only what is proven takes the place of what
    is, and only what was proven is a past life."""
    token_gone: bool = False
    in_contact_since_ms: int | None = None
    beat: Beat = NO_BEAT


@dataclass
class Membership:
    """One node's view of the others.

    A beat is looked at by itself. All are looked at when one of them may have got old, and with each beat of mine."""

    me: NodeId
    life: LifeId
    contacts: dict[NodeId, Contact] = field(default_factory=dict)
    """By name, in order."""
    changed: list[NodeId] = field(default_factory=list)
    """Whose contact the last step has made, renewed or lost."""
    departed: dict[NodeId, bytes] = field(default_factory=dict)
    """Members whose token went while they were in contact, until they are again, with what their last beat carried."""
    hung: frozenset[NodeId] = frozenset()
    woke_ms: int = -(10**9)
    """When this agent last went on after it had stood still for so long that the others take it for lost."""
    _peers: dict[NodeId, _Peer] = field(default_factory=dict)
    _hearing: dict[NodeId, LifeId] = field(default_factory=dict)
    """Whose beats are fresh, and whose token is there."""
    _old_ms: int | None = None
    """None of the beats that are fresh gets old before this."""
    _steady: dict[NodeId, int] = field(default_factory=dict)
    """Of those whose beats were fresh when they were last looked at, and of whom nothing has been heard since, when
    those beats arrived: unless one of them gets old, or the roster changes, looking again finds nothing."""
    _members: frozenset[NodeId] = frozenset()
    """Of the roster, at the last look."""
    _number: int = 0
    _sent_ms: int = -(10**9)
    _sent_stamp: tuple[Any, ...] = ()
    _beat_wanted: bool = True
    _deadline_ms: int | None = None

    def step(self, given: Input[MembershipEvent], view: MembershipView) -> Effects:
        """Take a beat, a token or the passing of time."""
        at_ms = given.at_ms
        self._forgive(at_ms)
        concerned: NodeId | None = None
        match given.event:
            case Verified(statement=statement, body=Beat()) as heard:
                self._hear(heard, at_ms, view)
                concerned = NodeId(statement.signer)
            case PresenceChanged(node=node, present=present):
                self._token(node, present)
                concerned = node
            case DeadlinePassed() | Reconsider():
                self._beat_wanted = self._beat_wanted or view.stamp() != self._sent_stamp
        notes = self._review(concerned, at_ms, view)
        due = self._due(at_ms, view)
        return Effects(send=self._beat(at_ms, view) if due else (), note=notes) if notes or due else NOTHING

    def strangers(self) -> frozenset[NodeId]:
        """Whom I hear, and am not in contact with."""
        return frozenset(self._hearing.keys() - self.contacts.keys())

    def silent(self, at_ms: int) -> frozenset[NodeId]:
        """Members of whom no beat has come for long, or none at all."""
        heard = {node for node, peer in self._peers.items() if peer.number >= 0 and at_ms - peer.heard_ms < SILENT_MS}
        return self._members - heard

    def next_deadline_ms(self) -> int | None:
        """The next beat, or the moment at which a beat of somebody gets old."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """C1: a contact has a token and a beat that names my life."""
        for node in self.changed:
            if node in self.contacts:
                assert self._peers[node].hears_me, f"C1: {node} does not hear me"
                assert not self._peers[node].token_gone, f"C1: the token of {node} is gone"

    def _forgive(self, at_ms: int) -> None:
        """Time in which this agent stood still itself, frozen or starved, is no silence of the others: what they said
        meanwhile waits to be read."""
        if self._deadline_ms is not None and at_ms - self._deadline_ms > STOOD_STILL_MS:
            for peer in self._peers.values():
                peer.heard_ms += at_ms - self._deadline_ms
            self._steady.clear()
            if at_ms - self._deadline_ms >= FRESH_MS:
                self.woke_ms = at_ms
            self._deadline_ms = self._old_ms = at_ms

    def _hear(self, heard: Verified[Beat], at_ms: int, view: MembershipView) -> None:
        node, life = NodeId(heard.statement.signer), LifeId(heard.statement.life)
        if node not in view.members:
            return
        self._steady.pop(node, None)
        hears_me = heard.body.hears.get(self.me) == self.life
        peer = self._peers.get(node)
        if peer is None:
            peer = self._peers[node] = _Peer(life=life)
            self._beat_wanted = True
        if life != peer.life:
            if life in peer.past_lives:
                return
            self._beat_wanted = True  # so that whoever lives there can name my life in turn
            if peer.proven and not hears_me:
                return
            past = (*peer.past_lives, peer.life)[-PAST_LIVES_MAX:] if peer.proven else peer.past_lives
            peer = self._peers[node] = _Peer(life=life, past_lives=past, token_gone=peer.token_gone)
        if heard.body.number <= peer.number:
            return
        peer.number, peer.heard_ms = heard.body.number, at_ms
        peer.hears_me, peer.proven = hears_me, peer.proven or hears_me
        if not peer.hears_me:
            self._beat_wanted = True
        peer.beat = heard.body

    def _token(self, node: NodeId, present: bool) -> None:
        peer = self._peers.get(node)
        self._steady.pop(node, None)
        if peer is not None:
            peer.token_gone = not present
        if present:
            self._beat_wanted = True

    def _review(self, concerned: NodeId | None, at_ms: int, view: MembershipView) -> tuple[Note, ...]:
        """Find who is in contact now, and say what has changed: of one peer if nothing else can have, or of all."""
        self.changed = []
        if view.members is not self._members:
            self._members = view.members
            self._steady.clear()
        if concerned is not None and (self._old_ms is None or at_ms < self._old_ms):
            peer = self._peers.get(concerned)
            return self._look_at(concerned, peer, at_ms, view) if peer is not None else ()
        self._old_ms = None
        others = sorted(self._peers.keys() - self._steadily_heard(at_ms))
        return tuple(note for node in others for note in self._look_at(node, self._peers[node], at_ms, view))

    def _steadily_heard(self, at_ms: int) -> Set[NodeId]:
        """Those of all who need not be looked at."""
        oldest_ms = min(self._steady.values(), default=at_ms)
        if at_ms - oldest_ms >= FRESH_MS:
            self._steady.clear()
        elif self._steady:
            self._old_ms = oldest_ms + FRESH_MS
        return self._steady.keys()

    def _look_at(self, node: NodeId, peer: _Peer, at_ms: int, view: MembershipView) -> tuple[Note, ...]:
        age_ms = at_ms - peer.heard_ms
        fresh = age_ms < FRESH_MS
        if fresh:
            old_ms = peer.heard_ms + FRESH_MS
            self._old_ms = old_ms if self._old_ms is None else min(self._old_ms, old_ms)
            self._steady[node] = peer.heard_ms
        self._hears(node, peer.life if fresh and not peer.token_gone else None)
        if (age_ms >= HUNG_MS and not peer.token_gone and peer.number >= 0) != (node in self.hung):
            self.hung ^= {node}
        if node not in view.members or peer.token_gone or not peer.hears_me or not fresh:
            return self._lost(node, peer, fresh=fresh)
        notes: tuple[Note, ...] = ()
        if peer.in_contact_since_ms is None:
            peer.in_contact_since_ms = at_ms
            notes = (Note(what="contact.made", about=node),)
        since_ms, known = peer.in_contact_since_ms, self.contacts.get(node)
        if known is not None and known.heard_ms == peer.heard_ms and known.since_ms == since_ms:
            return notes
        contact = Contact(node=node, life=peer.life, since_ms=since_ms, heard_ms=peer.heard_ms, beat=peer.beat)
        self.changed.append(node)
        if known is not None:
            self.contacts[node] = contact
        else:
            self.contacts = dict(sorted({**self.contacts, node: contact}.items()))
            self.departed.pop(node, None)
        return notes

    def _lost(self, node: NodeId, peer: _Peer, *, fresh: bool) -> tuple[Note, ...]:
        if self.contacts.pop(node, None) is not None:
            self.changed.append(node)
        if peer.in_contact_since_ms is None:
            return ()
        peer.in_contact_since_ms = None
        if peer.token_gone:
            self.departed[node] = peer.beat.carried
        why = "token gone" if peer.token_gone else "it does not hear me" if fresh else "no beat"
        return (Note(what="contact.lost", about=node, data={"why": why}),)

    def _hears(self, node: NodeId, life: LifeId | None) -> None:
        """What my beats say of whom I hear; a change of that does not wait."""
        if self._hearing.get(node) == life:
            return
        self._beat_wanted = True
        if life is None:
            del self._hearing[node]
        else:
            self._hearing[node] = life

    def _due(self, at_ms: int, view: MembershipView) -> bool:
        """Whether a beat is to be sent now; sets the next deadline."""
        if view.silent:
            self._deadline_ms = self._old_ms
            return False
        due_ms = self._sent_ms + (beat_gap_ms(len(view.members)) if self._beat_wanted else BEAT_PERIOD_MS)
        self._deadline_ms = due_ms if self._old_ms is None else min(due_ms, self._old_ms)
        return at_ms >= due_ms

    def _beat(self, at_ms: int, view: MembershipView) -> tuple[Send, ...]:
        self._number += 1
        self._sent_ms, self._sent_stamp, self._beat_wanted = at_ms, view.stamp(), False
        due_ms = at_ms + BEAT_PERIOD_MS
        self._deadline_ms = due_ms if self._old_ms is None else min(due_ms, self._old_ms)
        beat = Beat(
            number=self._number,
            hears=dict(self._hearing),
            carried=view.carry(),
            holdings=view.holdings(),
            said_ms=at_ms,
        )
        return (Send(to=None, message=beat),)
