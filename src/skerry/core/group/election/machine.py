"""Who leads (L1-L6). The same everywhere, in code; no role and no plan hangs on it being single.

A leader leads exactly the nodes whose follow of its term it holds: its part, which is its certificate and binds nobody
else. A node follows at most one leader a term, only in a term above every term it followed before, and has its follow
on disk before anybody hears of it. Two leaders at once are harmless; when they meet, one of them calls a higher term.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from skerry.core.group.election.apart import Apart
from skerry.core.group.election.model import (
    ASK_AGAIN_MS,
    CALLING_FOR_MS,
    INELIGIBLE,
    INELIGIBLE_FOR_MS,
    RANK_WAIT_MS,
    REFUSED_MAX,
    ROUND_MS,
    START_WAIT_MS,
    WANTED_FOR_MS,
    ElectionView,
    Leadership,
    Standing,
)
from skerry.core.group.election.rules import NotNamed, named, preferred, risen, still_leads
from skerry.core.group.election.wire import (
    AskHandOver,
    ElectionMessage,
    Follow,
    FollowMe,
    HandOver,
    HandOverAsked,
    IWould,
    WouldYou,
)
from skerry.core.kernel.effects import NOTHING, Effects, Note, Put, Record, Reply, Send
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.evidence import evidence
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import decode, encode

FOLLOWED_KEY = "election/followed"
VOID_KEY = "election/void"
"""Up to which term what this node followed counts for nothing, since it wrote two journals in one life (J1)."""

ElectionEvent = Verified[ElectionMessage] | HandOverAsked | DeadlinePassed | Reconsider

_HIGHEST, _TERM = attrgetter("highest"), attrgetter("term")


@dataclass
class _Asking:
    """A round of "would you?" that is on its way."""

    round: int
    until_ms: int
    electorate: int
    yes: set[NodeId] = field(default_factory=set)


@dataclass
class Election:
    """One node's part in who leads."""

    me: NodeId
    started_ms: int
    followed: Follow | None = None
    highest: int = 0
    void_term: int = 0
    """What I followed up to this term counts for nothing (J1)."""
    certificate: dict[NodeId, Verified[Follow]] = field(default_factory=dict)
    leadership: Leadership = field(default_factory=Leadership)
    version: int = 0
    """Grows whenever `leadership` or what `standing()` says changes."""
    _asked_in: str | None = None
    """My leader's life when it asked me; None: it was in an earlier run of mine."""
    _alone_since_ms: int | None = None
    """When I lost my leader, or was there long enough to stand at all; the wait by rank runs from it."""
    _stand_at_ms: int | None = None
    """Not before this, whatever my rank is."""
    _asking: _Asking | None = None
    _round: int = 0
    _called_ms: int = -(10**9)
    _misjudged: bool = False
    """Once a life I left a term for a word on other sections: a manager of another version may never name the same."""
    _asked_follow_ms: int = -(10**9)
    _handed_to: NodeId | None = None
    _handed_ms: int = -(10**9)
    _wanted: tuple[NodeId, int] | None = None
    """Whom an operator wants to lead, and until when it is offered."""
    _ineligible_since_ms: int | None = None
    _apart: Apart = field(default_factory=Apart)
    _refused: int = 0
    _favoured: NodeId | None = None
    """Whom I said that I would follow, until when: not on disk, since it binds to nothing."""
    _favoured_until_ms: int = -(10**9)
    _standing: Standing = field(default_factory=Standing)
    _deadline_ms: int | None = None

    @classmethod
    def recover(cls, me: NodeId, kept: bytes | None, at_ms: int) -> Election:
        """After a start: the follow on disk stands, every wait begins anew (T2)."""
        followed = decode(kept, Follow) if kept is not None else None
        return cls(me=me, started_ms=at_ms, followed=followed, highest=followed.term if followed else 0)

    def standing(self) -> Standing:
        """What my beats carry."""
        return self._standing

    def step(self, given: Input[ElectionEvent], view: ElectionView) -> Effects:
        """Take a message or the passing of time."""
        if view.woke_ms > self.started_ms:
            self._begin_anew(view.woke_ms)
        done = NOTHING
        match given.event:
            case Verified() as said:
                done = self._on_message(NodeId(said.statement.signer), said.body, said, given, view)
            case HandOverAsked() as asked:
                done = self._on_operator(asked, given.at_ms, view)
            case DeadlinePassed() | Reconsider():
                pass
        done = done + self._review(given, view)
        self._publish(view)
        return done

    def next_deadline_ms(self) -> int | None:
        """When I stand, ask again, hand over or repeat a request."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """I1: I lead nobody whose follow of my term I do not hold."""
        if self.leadership.leads(self.me):
            assert self.followed is not None and self.followed.leader == self.me, (
                "I1: a leader that does not follow itself"
            )
            assert self.leadership.part <= {self.me, *self.certificate}, "I1: a part without the follows of it"
        assert self.followed is None or self.highest >= self.followed.term, "I10: the highest known term went back"

    def _begin_anew(self, at_ms: int) -> None:
        """Whoever stood still for so long is led by nobody as after a start, and leads nobody: the others have not
        waited, and it hears of them before it stands (T2)."""
        self.started_ms = at_ms
        self._asking = self._stand_at_ms = self._alone_since_ms = None

    # --- what peers say -------------------------------------------------------------------------------------------

    def _on_message(
        self, peer: NodeId, body: ElectionMessage, said: Verified[Any], given: Input[ElectionEvent], view: ElectionView
    ) -> Effects:
        if peer not in view.contacts and not isinstance(body, Follow):
            return NOTHING
        match body:
            case WouldYou(round=number):
                yes = self._would(peer, given.at_ms, view)
                if yes and self._leader(view) is None:
                    # One candidate a round: whoever would follow two of them makes two leaders.
                    self._favoured, self._favoured_until_ms = peer, given.at_ms + ROUND_MS
                    self._asking, self._stand_at_ms = None, given.at_ms + ROUND_MS
                return Effects(send=(Send(to=peer, message=IWould(round=number, yes=yes, highest=self.highest)),))
            case IWould(round=number, yes=yes, highest=highest):
                self.highest = risen(self.highest, highest)
                if yes and self._asking is not None and number == self._asking.round:
                    self._asking.yes.add(peer)
                return NOTHING
            case FollowMe(term=term):
                return self._on_follow_me(peer, term, said.statement.life, view)
            case Follow(term=term, leader=leader):
                if leader == self.me and self.followed == Follow(term=term, leader=leader):
                    self.certificate[peer] = said
                return NOTHING
            case HandOver(term=term, to=to):
                return self._on_hand_over(peer, term, to, given.at_ms, view)
            case AskHandOver():
                return self._on_ask_hand_over(peer, body, given.at_ms, view)

    def _would(self, peer: NodeId, at_ms: int, view: ElectionView) -> bool:
        """L3, L4; and of two that ask at once the better one goes first, so that they do not both take the term."""
        if view.contacts[peer].fit_permille == INELIGIBLE and self._anyone_eligible(view):
            return False
        leader = self._leader(view)
        if leader is not None and leader != peer:
            return leader != self.me and view.contacts[leader].leader == peer
        if at_ms < self._favoured_until_ms and self._favoured != peer:
            return False
        mine, theirs = (-view.fit_permille, self.me), (-view.contacts[peer].fit_permille, peer)
        return self._asking is None or theirs < mine

    def _on_follow_me(self, peer: NodeId, term: int, life: str, view: ElectionView) -> Effects:
        self.highest = risen(self.highest, term)
        if not self._term() < term <= self.highest:  # also a first one that is none: terms begin with 1
            if self.followed == Follow(term=term, leader=peer) and term > self.void_term:
                return Effects(send=(Send(to=peer, message=self.followed),))
            return NOTHING
        if not self._may_follow(peer, term, view):
            return NOTHING
        told: tuple[Send, ...] = ()
        if self._leads() and self.followed is not None:
            tell = HandOver(term=self.followed.term, to=peer)
            told = tuple(Send(to=node, message=tell) for node in sorted(self.leadership.part - {self.me, peer}))
        follow, self._asked_in = Follow(term=term, leader=peer), life
        return self._persist_follow(follow) + Effects(send=(Send(to=peer, message=follow), *told))

    def _may_follow(self, peer: NodeId, term: int, view: ElectionView) -> bool:
        """L4: who hears its leader follows nobody else, unless that leader has followed the asker or hands over."""
        if view.contacts[peer].term > term:
            return False  # it has followed somebody in a later term since it asked
        leader = self._leader(view)
        if leader is None or leader == peer or self._handed_to == peer:
            return True
        if leader == self.me:
            theirs = view.contacts[peer]
            return preferred(theirs.leads, max(theirs.term, term), peer, self._part_size(), self._term(), self.me)
        return view.contacts[leader].leader == peer

    def _on_hand_over(self, peer: NodeId, term: int, to: NodeId, at_ms: int, view: ElectionView) -> Effects:
        if self.followed != Follow(term=term, leader=peer):
            return NOTHING
        self._handed_to = to
        return self._call(at_ms, view) if to == self.me else NOTHING

    def _on_ask_hand_over(self, peer: NodeId, ask: AskHandOver, at_ms: int, view: ElectionView) -> Effects:
        if not self._leads() or ask.term != self._term():
            return NOTHING
        if ask.to is None:
            # One at a time, and only to more: a part that is still gathering, or has ill nodes in its reach, grows by
            # no leader who reaches as many.
            taking = self._handed_to is not None and at_ms < self._handed_ms + CALLING_FOR_MS
            if taking or ask.reaches <= len(view.contacts) + 1:
                return NOTHING
            return self._hand_over(peer, at_ms, "a member reaches more nodes")
        self._wanted = (ask.to, at_ms + WANTED_FOR_MS)
        return NOTHING

    def _on_operator(self, asked: HandOverAsked, at_ms: int, view: ElectionView) -> Effects:
        """L6: an operator's word goes on to the leader, with a name; it leads until that one has taken over."""
        leader, term, sealed = self._leader(view), self._term(), asked.said.sealed
        fits = {self.me: view.fit_permille, **{n: c.fit_permille for n, c in view.contacts.items()}}
        try:
            to = named(asked.said.body, leader, term, fits)
        except NotNamed as error:
            return Effects(reply=(Reply(request=asked.request, ok=False, body={"error": str(error)}),))
        if leader == self.me:
            self._wanted = (to, at_ms + WANTED_FOR_MS)
        data = {"operator": asked.said.statement.signer, "term": term}
        return Effects(
            send=(Send(to=leader, message=AskHandOver(term=term, to=to)),) if leader != self.me else (),
            record=(Record(kind="operator", what="leader.hand_over", about=to, data={**data, **evidence(sealed)}),),
            reply=(Reply(request=asked.request, ok=True, body={"leader": leader, "term": term, "to": to}),),
        )

    # --- what the state of things asks for ------------------------------------------------------------------------

    def _review(self, given: Input[ElectionEvent], view: ElectionView) -> Effects:
        standings = view.contacts.values()
        known = max((*map(_HIGHEST, standings), *map(_TERM, standings)), default=0)
        self.highest = max(risen(self.highest, known), view.plan[0], view.forgotten_term)
        self._deadline_ms = None
        if self._leader(view) is None:
            return self._stand(given, view)
        self._stand_at_ms = self._alone_since_ms = self._asking = None
        self._refused = 0
        if self._leads():
            return self._lead(given, view)
        return self._ask_for_hand_over(given, view)

    def _stand(self, given: Input[ElectionEvent], view: ElectionView) -> Effects:
        """L3: wait by rank, ask without persisting, then take the term above the highest known."""
        at_ms = given.at_ms
        if self._asking is not None:
            if 2 * (len(self._asking.yes) + 1) > self._asking.electorate:
                return self._call(at_ms, view)
            if at_ms < self._asking.until_ms:
                self._wake(self._asking.until_ms)
                return NOTHING
            self._asking = None
            self._refused += 1
            self._stand_at_ms = at_ms + ASK_AGAIN_MS + given.draw % (ASK_AGAIN_MS + 1)
        if self._alone_since_ms is None:
            self._alone_since_ms = max(at_ms, self.started_ms + START_WAIT_MS)
        due_ms = max(self._stand_at_ms or 0, self._alone_since_ms) + RANK_WAIT_MS * self._rank(view)
        if at_ms < due_ms:
            self._wake(due_ms)
            return NOTHING
        if view.fit_permille == INELIGIBLE and self._anyone_eligible(view) and self._refused < REFUSED_MAX:
            # Whoever may lead may follow somebody that I do not hear, and then nobody comes for me (I11).
            self._refused += 1
            self._stand_at_ms = at_ms + ROUND_MS
            self._wake(self._stand_at_ms)
            return NOTHING
        if not view.contacts or self._refused >= REFUSED_MAX:
            return self._call(at_ms, view)  # I11: itself, if need be
        self._round += 1
        self._asking = _Asking(round=self._round, until_ms=at_ms + ROUND_MS, electorate=len(view.contacts) + 1)
        self._wake(self._asking.until_ms)
        return Effects(send=tuple(Send(to=n, message=WouldYou(round=self._round)) for n in sorted(view.contacts)))

    def _lead(self, given: Input[ElectionEvent], view: ElectionView) -> Effects:
        at_ms = given.at_ms
        must_call_again = not self._is_taken_over(at_ms, view) and self._must_call_again(view)
        if must_call_again and at_ms >= self._called_ms + ROUND_MS:
            self._misjudged |= view.misjudged
            return self._call(at_ms, view)
        done = self._offer_to_wanted(at_ms) + self._maybe_hand_over(at_ms, view)
        missing = self._not_yet_following(at_ms, view)
        if missing:
            if at_ms >= self._asked_follow_ms + ROUND_MS:
                self._asked_follow_ms = at_ms
                done = done + Effects(send=tuple(Send(to=n, message=FollowMe(term=self._term())) for n in missing))
            self._wake(self._asked_follow_ms + ROUND_MS)
        if must_call_again:
            self._wake(self._called_ms + ROUND_MS)
        return done

    def _is_taken_over(self, at_ms: int, view: ElectionView) -> bool:
        """Whether whoever I hand over to leads already: it is about to ask me, too (L6)."""
        theirs = view.contacts.get(self._handed_to) if self._handed_to is not None else None
        leads = theirs is not None and theirs.leader == self._handed_to and theirs.term > self._term()
        return leads and at_ms < self._handed_ms + CALLING_FOR_MS

    def _must_call_again(self, view: ElectionView) -> bool:
        """L5: I meet a leader that should yield to me, or a node without a leader in a term that is not below mine. P4,
        P1: nothing that I commit in this term could follow the plan that I took over, or one that I made and forgot."""
        term, forgot = self._term(), view.misjudged and not self._misjudged
        used_up = forgot or view.forgotten_term >= term or view.plan > (term, self.me)
        if used_up and not self._meets_better(view):
            return True
        for node, theirs in view.contacts.items():
            if not term <= theirs.term <= self.highest:
                continue
            if theirs.leads and theirs.leader == node:
                if preferred(self._part_size(), term, self.me, theirs.leads, theirs.term, node):
                    return True
            elif theirs.leader is None and node != self.me:
                return True
        return False

    def _meets_better(self, view: ElectionView) -> bool:
        """L5: whether I am in contact with a leader that I am to yield to: it calls a term above both, and I do not."""
        return any(
            theirs.leader == node
            and preferred(theirs.leads, theirs.term, node, self._part_size(), self._term(), self.me)
            for node, theirs in view.contacts.items()
            if theirs.leads
        )

    def _not_yet_following(self, at_ms: int, view: ElectionView) -> list[NodeId]:
        """Whom to ask: nodes without a leader, leaders that should yield, and for a while after a call everybody."""
        term, calling = self._term(), at_ms < self._called_ms + CALLING_FOR_MS
        return [
            node
            for node, theirs in sorted(view.contacts.items())
            if theirs.term < term
            and node not in self.leadership.part
            and (
                calling
                or theirs.leader in (None, self.me)  # also who follows me in a term that I have left
                or (
                    theirs.leader == node
                    and preferred(self._part_size(), term, self.me, theirs.leads, theirs.term, node)
                )
            )
        ] + [
            node  # it says that it follows me, but its follow never reached me
            for node, theirs in sorted(view.contacts.items())
            if theirs.term == term and theirs.leader == self.me and node not in self.certificate
        ]

    def _offer_to_wanted(self, at_ms: int) -> Effects:
        """Once a round, so that nothing hangs on one message, until somebody leads in a later term."""
        if self._wanted is None:
            return NOTHING
        to, until_ms = self._wanted
        if at_ms >= until_ms:
            self._wanted = None
            return NOTHING
        self._wake(max(at_ms, self._handed_ms) + ROUND_MS)
        return self._hand_over(to, at_ms, "an operator asks for it")

    def _maybe_hand_over(self, at_ms: int, view: ElectionView) -> Effects:
        """L6: a leader that was not eligible for 5 s without a break hands over, and leads until it is taken over; to
        nobody who reaches less, or the rest would have it back: it is the only one whom they all hear."""
        if view.fit_permille != INELIGIBLE:
            self._ineligible_since_ms = None
            return NOTHING
        if self._ineligible_since_ms is None:
            self._ineligible_since_ms = at_ms
        due_ms = max(self._ineligible_since_ms + INELIGIBLE_FOR_MS, self._handed_ms + ROUND_MS)
        if at_ms < due_ms:
            self._wake(due_ms)
            return NOTHING
        fit = (n for n, c in view.contacts.items() if c.fit_permille != INELIGIBLE and n in self.leadership.part)
        able = [n for n in fit if view.contacts.keys() <= {n, *view.hears.get(n, ())}]
        self._wake(at_ms + ROUND_MS)
        if not able:
            return NOTHING
        best = min(able, key=lambda n: (-view.contacts[n].fit_permille, n))
        return self._hand_over(best, at_ms, "not eligible for 5 s")

    def _hand_over(self, to: NodeId, at_ms: int, why: str) -> Effects:
        if to not in self.leadership.part or at_ms < self._handed_ms + ROUND_MS:
            return NOTHING
        self._handed_to, self._handed_ms = to, at_ms
        tell = HandOver(term=self._term(), to=to)
        return Effects(
            send=tuple(Send(to=n, message=tell) for n in sorted(self.leadership.part - {self.me})),
            note=(Note(what="leader.hands_over", about=to, data={"why": why, "term": self._term()}),),
        )

    def _ask_for_hand_over(self, given: Input[ElectionEvent], view: ElectionView) -> Effects:
        leader = self._leader(view)
        assert leader is not None
        due = self._apart.is_due(given.at_ms, given.draw, leader, view.contacts)
        if self._apart.ask_at_ms is not None:
            self._wake(self._apart.ask_at_ms)
        if not due:
            return NOTHING
        ask = AskHandOver(term=self._term(), reaches=len(view.contacts) + 1)
        return Effects(send=(Send(to=leader, message=ask),))

    # --- small words ----------------------------------------------------------------------------------------------

    def _call(self, at_ms: int, view: ElectionView) -> Effects:
        """Take the term above the highest known: follow myself first, then ask all."""
        self._asking = self._stand_at_ms = None
        self._refused = 0
        self._called_ms = self._asked_follow_ms = at_ms
        follow = Follow(term=self.highest + 1, leader=self.me)
        self._wake(at_ms + ROUND_MS)
        return self._persist_follow(follow) + Effects(
            send=tuple(Send(to=n, message=FollowMe(term=follow.term)) for n in sorted(view.contacts)),
        )

    def _persist_follow(self, follow: Follow) -> Effects:
        assert self.followed is None or follow.term > self.followed.term, "L1: a second follow in a term"
        self.followed = follow
        self.highest = max(self.highest, follow.term)
        self.certificate = {}
        self._handed_to = self._ineligible_since_ms = self._wanted = None
        self._apart = Apart()  # a new leader's part is not whole at once
        return Effects(
            persist=(Put(key=FOLLOWED_KEY, value=encode(follow)),),
            note=(Note(what="leader.followed", about=follow.leader, data={"term": follow.term}),),
        )

    def _publish(self, view: ElectionView) -> None:
        leader = self._leader(view)
        part = frozenset({self.me, *self._part(view)}) if self._leads() else frozenset()
        leadership = Leadership(term=self._term(), leader=leader, part=part)
        standing = Standing(
            term=self._term(), leader=leader, highest=self.highest, leads=len(part), fit_permille=view.fit_permille
        )
        if leadership != self.leadership or standing != self._standing:
            self.leadership, self._standing = leadership, standing
            self.version += 1

    def _part(self, view: ElectionView) -> list[NodeId]:
        """Those whose follow I hold, who are in contact, and who have not followed anybody since. In a later life one
        may not know any more what it followed: its disk has gone back (interleaving 9), and it is asked again."""
        term, theirs = self._term(), view.contacts
        held = [n for n in self.certificate if n in theirs and theirs[n].term <= term]
        lives = {n: self.certificate[n].statement.life for n in held}
        held = [n for n in held if f"{n}/{lives[n]}" not in view.void]
        return [n for n in held if theirs[n].term == term or view.lives.get(n) in (None, lives[n])]

    def _leader(self, view: ElectionView) -> NodeId | None:
        if self.followed is None or self.followed.term <= self.void_term:
            return None
        if self.followed.leader == self.me:
            # A follow of myself from an earlier run is no leadership: nobody's follow of it is at hand.
            return self.me if self._called_ms >= self.started_ms else None
        leader = self.followed.leader
        theirs, same_life = view.contacts.get(leader), view.lives.get(leader) in (None, self._asked_in)
        return leader if theirs is not None and still_leads(theirs, self.followed, same_life) else None

    def _leads(self) -> bool:
        return self.followed is not None and self.followed.leader == self.me and self._called_ms >= self.started_ms

    def _term(self) -> int:
        return self.followed.term if self.followed is not None else 0

    def _part_size(self) -> int:
        return len(self.leadership.part)

    def _rank(self, view: ElectionView) -> int:
        """How many of those in contact would lead better; equal ones by the lesser name."""
        mine = (-view.fit_permille, self.me)
        return sum(1 for n, c in view.contacts.items() if (-c.fit_permille, n) < mine)

    def _anyone_eligible(self, view: ElectionView) -> bool:
        return any(c.fit_permille != INELIGIBLE for c in view.contacts.values())

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)
