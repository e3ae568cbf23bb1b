"""The uplink: one session a site, questions that are answered or not, and the mode that follows (M1-M4).

The leader holds the session itself. When its questions go unanswered for half of the grace, every other member tries,
with a session of its own, and now and then again; whoever is answered keeps asking, and the others stop. Intents of a
manager are isolated when no member has been answered within the grace, which runs from the *asking* of the last
question that was answered; they are connected again after answers have come for the settling time. Both times double
with each flap. A manager that is slow to answer is asked less (decision 0031).

Messages from and to the manager go through whoever holds the session, and are acted upon by the leader (M3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from skerry.core.group.uplink.model import (
    BEAT_PERIOD_MS,
    FLAP_MAX,
    GRACE_DIVISOR,
    NEW_LEADER_WAIT_MS,
    QUIET_SETTLINGS,
    SESSION_TRY_MS,
    STOOD_STILL_MS,
    ModeId,
    ModeName,
    ModeState,
    UplinkReport,
    UplinkSettings,
)
from skerry.core.group.uplink.wire import Answer, Question
from skerry.core.kernel.effects import NOTHING, Act, Effects, Note, Put, Report
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import Value, decode, encode

MODES_KEY = "uplink/modes"


class OpenSession(Act, frozen=True, kw_only=True, tag=True):
    """Open a session to a manager and keep trying. Completed by `SessionChanged`, perhaps never."""

    manager: ManagerId


class CloseSession(Act, frozen=True, kw_only=True, tag=True):
    """End the session and the trying. Completed by `SessionChanged` if it was open."""

    manager: ManagerId


class SessionChanged(Value, frozen=True, kw_only=True, tag=True):
    """The fabric opened or lost this node's session. A loss starts nothing by itself (M2)."""

    manager: ManagerId
    up: bool


class Answered(Value, frozen=True, kw_only=True, tag=True):
    """The manager answered, and its signature was good."""

    manager: ManagerId
    answer: Answer
    lacks: bool = False
    """By this answer the manager still lacks something of what is here."""


UplinkEvent = SessionChanged | Answered | DeadlinePassed | Reconsider


class UplinkView(Value, frozen=True, kw_only=True):
    """What the uplink may know of the rest."""

    leader: NodeId | None
    term: int
    part: frozenset[NodeId]
    managers: frozenset[ManagerId]
    """The home manager and its guests."""
    settings: UplinkSettings
    reports: dict[NodeId, tuple[int, dict[ManagerId, UplinkReport]]]
    """Of each member in contact that my leader leads, or any while I have none, and that was ever answered: how much my
    boot-time is ahead of its, and a beat's way; and what it says."""
    declared: dict[ManagerId, ModeState] | None
    """What my leader's beats say; None: nothing was heard of it."""
    carry: Callable[[ManagerId, bool], bytes]
    """Makes what my next question to a manager is to carry: what is held here and, if asked for, what the manager
    lacks of it."""


@dataclass
class _Line:
    """My own dealings with one manager."""

    wanted: bool = False
    session: bool = False
    number: int = 0
    """Of the last question."""
    heard_ms: int | None = None
    """When the last answer came."""
    asked_ms: dict[int, int] = field(default_factory=dict)
    """Open questions: number to when it left. Bounded by forgetting what is older than a grace."""
    next_ms: int = 0
    waits_until_ms: int = 0
    """For so long the last question's answer is waited for before another is asked."""
    answered_ms: int | None = None
    """When the last answered question was asked."""
    up_since_ms: int | None = None
    tried_ms: int | None = None
    """A standby's last try began."""


@dataclass
class _Flap:
    """How nervous a manager's link has been (leader only; a new leader starts afresh)."""

    factor: int = 1
    changed_ms: int = -(10**9)
    calm: bool = True
    """It was answered ten settlings after that."""


@dataclass
class Uplink:
    """One node's uplinks, and as a leader the modes of its part."""

    me: NodeId
    started_ms: int
    modes: dict[ManagerId, ModeState] = field(default_factory=dict)
    version: int = 0
    """Grows whenever `modes` changes."""
    _lines: dict[ManagerId, _Line] = field(default_factory=dict)
    _flaps: dict[ManagerId, _Flap] = field(default_factory=dict)
    _known_ms: dict[ManagerId, int] = field(default_factory=dict)
    """When the last question was asked of whose answer anybody of my part has told, whoever leads since."""
    _grace_ms: int = 0
    """As the site's settings had it when last looked at."""
    _leading_since_ms: int | None = None
    _number: int = 0
    _deadline_ms: int | None = None

    @classmethod
    def recover(cls, me: NodeId, kept: bytes | None, at_ms: int) -> Uplink:
        """After a start the last mode stands; whether it is still true is found out anew."""
        modes = decode(kept, dict[ManagerId, ModeState]) if kept is not None else {}
        return cls(me=me, started_ms=at_ms, modes=modes)

    def mode(self, manager: ManagerId) -> ModeName:
        """The mode of this manager's intents; a site that never heard a declaration is connected."""
        state = self.modes.get(manager)
        return state.mode if state is not None else "connected"

    def reports(self) -> dict[ManagerId, UplinkReport]:
        """What my beats carry."""
        return {
            manager: UplinkReport(answered_ms=line.answered_ms, up_since_ms=line.up_since_ms, session=line.session)
            for manager, line in sorted(self._lines.items())
            if line.wanted or line.answered_ms is not None
        }

    def has_session(self, manager: ManagerId) -> bool:
        """Whether I can say something to this manager now."""
        line = self._lines.get(manager)
        return line is not None and line.session

    def step(self, given: Input[UplinkEvent], view: UplinkView) -> Effects:
        """Take an answer, a change of session or the passing of time."""
        self._forgive(given.at_ms)
        self._deadline_ms = None
        match given.event:
            case SessionChanged(manager=manager, up=up):
                line = self._lines.setdefault(manager, _Line())
                line.session = up
                line.next_ms, line.waits_until_ms = given.at_ms, 0
            case Answered(manager=manager, answer=answer, lacks=lacks):
                self._on_answer(manager, answer, given.at_ms, lacks=lacks)
            case DeadlinePassed() | Reconsider():
                pass
        told = {manager: _asked(manager, view) for manager in view.managers}
        self._remember(told, view)
        self._hurry(given.at_ms, view.settings.lost_after_ms)
        done = self._let_go(view.managers)
        for manager in sorted(view.managers):
            done = done + self._duty(manager, told[manager], given.at_ms, view)
            done = done + self._question(manager, given.at_ms, view)
        return done + self._declare(given, view)

    def next_deadline_ms(self) -> int | None:
        """The next question, or the end of a grace or of a settling time."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """M2: only a leader's own number follows its own."""
        for state in self.modes.values():
            assert state.id.leader, "M2: a mode that nobody declared"

    def _forgive(self, at_ms: int) -> None:
        """Time in which this agent stood still itself is no silence of the manager, and no proof that it was there: who
        has stood still is answered anew before it counts as up (M2)."""
        if self._deadline_ms is None or at_ms - self._deadline_ms <= STOOD_STILL_MS:
            return
        stood_ms = at_ms - self._deadline_ms
        for line in self._lines.values():
            if line.answered_ms is not None:
                line.answered_ms += stood_ms
                line.up_since_ms = None
        self._known_ms = {manager: known_ms + stood_ms for manager, known_ms in self._known_ms.items()}

    def _let_go(self, managers: frozenset[ManagerId]) -> Effects:
        """Whoever is no manager here any more is not asked any more."""
        gone = [manager for manager, line in self._lines.items() if line.wanted and manager not in managers]
        for manager in gone:
            self._lines[manager].wanted = False
        return Effects(act=tuple(CloseSession(manager=manager) for manager in gone))

    # --- my own line ----------------------------------------------------------------------------------------------

    def _on_answer(self, manager: ManagerId, answer: Answer, at_ms: int, *, lacks: bool) -> None:
        """What is lacked leaves at once, unless a later question is on its way: that one carries it already."""
        line = self._lines.setdefault(manager, _Line())
        if answer.number > line.number:
            return
        line.heard_ms = at_ms
        asked_ms = line.asked_ms.pop(answer.number, None)
        if asked_ms is None or (line.answered_ms is not None and asked_ms <= line.answered_ms):
            return
        line.answered_ms = asked_ms
        if answer.number == line.number:
            line.waits_until_ms = 0
            line.next_ms = 0 if lacks else line.next_ms
        if line.up_since_ms is None:
            line.up_since_ms = asked_ms

    def _duty(self, manager: ManagerId, told: dict[NodeId, int], at_ms: int, view: UplinkView) -> Effects:
        """Who holds the session: whoever is answered; without one the leader, and others for one try each."""
        line = self._lines.setdefault(manager, _Line())
        grace_ms = view.settings.lost_after_ms
        self._let_go_by(line, at_ms, grace_ms)
        half = grace_ms // 2
        # Whoever is answered says so once a beat: that much silence between two of its beats means nothing.
        since_ms = at_ms - half - BEAT_PERIOD_MS
        answered = {n for n, asked_ms in told.items() if asked_ms >= since_ms}
        if answered:
            self._wake(min(min(told[n] for n in answered) + BEAT_PERIOD_MS, at_ms) + half + 1)
        if line.answered_ms is not None and at_ms - line.answered_ms <= half:
            answered.add(self.me)
        leading = view.leader in (self.me, None)
        if answered:
            line.tried_ms = None  # the next outage is another one
            # One session a site is enough: the leader's, if it is answered, else the one with the least name.
            want = self.me == (view.leader if view.leader in answered else min(answered))
        else:
            want = leading or self._standby_tries(line, at_ms - self._known_ms[manager], at_ms, half)
        if want == line.wanted:
            return NOTHING
        line.wanted = want
        line.next_ms, line.waits_until_ms = at_ms, 0
        if not want:
            return Effects(act=(CloseSession(manager=manager),))
        return Effects(act=(OpenSession(manager=manager),))

    def _let_go_by(self, line: _Line, at_ms: int, grace_ms: int) -> None:
        """What was answered is good for a grace, and no news any more after the longest that a grace can be."""
        if line.answered_ms is None:
            return
        silent_ms = at_ms - line.answered_ms
        if silent_ms > grace_ms:
            line.up_since_ms = None
        elif line.up_since_ms is not None:
            self._wake(line.answered_ms + grace_ms + 1)
        if silent_ms > grace_ms * FLAP_MAX and not line.wanted:
            line.answered_ms = None

    def _standby_tries(self, line: _Line, silent_ms: int, at_ms: int, half_ms: int) -> bool:
        """From half the grace on a standby tries, for as long as a try takes (interleaving 54: our gateway may be ill),
        and again after the longest that a grace can be: the manager may be back, and still none of it by the gateway of
        whoever leads."""
        if silent_ms <= half_ms:
            line.tried_ms = None
            self._wake(at_ms + half_ms - silent_ms + 1)
            return False
        again_ms = SESSION_TRY_MS + 2 * half_ms * FLAP_MAX
        if line.tried_ms is None or at_ms >= line.tried_ms + again_ms:
            line.tried_ms = at_ms
        trying = at_ms < line.tried_ms + SESSION_TRY_MS + half_ms
        self._wake(line.tried_ms + (SESSION_TRY_MS + half_ms if trying else again_ms))
        return trying

    def _question(self, manager: ManagerId, at_ms: int, view: UplinkView) -> Effects:
        line = self._lines[manager]
        if not line.wanted or not line.session:
            return NOTHING
        grace_ms = view.settings.lost_after_ms
        due_ms = max(line.next_ms, line.waits_until_ms)
        if at_ms < due_ms:
            self._wake(due_ms)
            return NOTHING
        line.number += 1
        loads = line.heard_ms is not None and at_ms - line.heard_ms <= grace_ms
        question = Question(number=line.number, carried=view.carry(manager, loads))
        line.asked_ms = {n: t for n, t in line.asked_ms.items() if at_ms - t <= grace_ms}
        line.asked_ms[line.number] = at_ms
        line.next_ms, line.waits_until_ms = at_ms + grace_ms // GRACE_DIVISOR, at_ms + grace_ms // 2
        self._wake(line.waits_until_ms)
        return Effects(report=(Report(manager=manager, message=question),))

    # --- what the leader declares ---------------------------------------------------------------------------------

    def _declare(self, given: Input[UplinkEvent], view: UplinkView) -> Effects:
        at_ms = given.at_ms
        if view.leader is not None and view.leader != self.me:
            self._leading_since_ms = None
            return self._adopt(view)
        if view.leader is None:
            return NOTHING
        if self._leading_since_ms is None:
            self._leading_since_ms = at_ms
        changed: dict[ManagerId, ModeState] = {}
        notes: list[Note] = []
        for manager in sorted(view.managers):
            mode = self._due_mode(manager, at_ms, view)
            state = self.modes.get(manager)
            if state is not None and state.mode == mode:
                continue
            if state is None and mode == "connected":
                continue
            self._number += 1
            id_ = ModeId(term=view.term, leader=self.me, number=self._number)
            changed[manager] = ModeState(id=id_, mode=mode, wall_ms=given.wall_ms)
            self._flapped(manager, at_ms, view)
            notes.append(Note(what=f"mode.{mode}", about=manager, data={"term": view.term, "number": self._number}))
        return self._keep({**self.modes, **changed}, tuple(notes)) if changed else NOTHING

    def _remember(self, told: dict[ManagerId, dict[NodeId, int]], view: UplinkView) -> None:
        """A leader may be lost, or new to its part: what it and its part were answered is not forgotten with it."""
        for manager, asked in told.items():
            # Only a leader knows who is in its part; a member goes by all whom it hears.
            leads = view.leader == self.me
            known_ms = [asked[n] for n in view.part if n in asked] if leads else list(asked.values())
            line = self._lines.get(manager)
            if line is not None and line.answered_ms is not None:
                known_ms.append(line.answered_ms)
            self._known_ms[manager] = max([self._known_ms.get(manager, self.started_ms), *known_ms])

    def _hurry(self, at_ms: int, grace_ms: int) -> None:
        """A grace that was made shorter begins anew: nobody has asked as often as it wants."""
        if grace_ms < self._grace_ms:
            self._known_ms = dict.fromkeys(self._known_ms, at_ms)
            for line in self._lines.values():
                line.next_ms, line.waits_until_ms = at_ms, 0
        self._grace_ms = grace_ms

    def _due_mode(self, manager: ManagerId, at_ms: int, view: UplinkView) -> ModeName:
        flap = self._flaps.setdefault(manager, _Flap())
        if self.mode(manager) == "connected":
            self._calm_down(manager, flap, view)
        grace_ms = view.settings.lost_after_ms * flap.factor
        settle_ms = view.settings.back_after_ms * flap.factor
        # Never answered at all: the grace runs from the start of this node.
        silent_ms = at_ms - self._known_ms[manager]
        if self.mode(manager) == "connected":
            assert self._leading_since_ms is not None, "only a leader declares"
            wait_ms = max(grace_ms - silent_ms + 1, self._leading_since_ms + NEW_LEADER_WAIT_MS - at_ms)
            if wait_ms <= 0:
                return "isolated"
            self._wake(at_ms + wait_ms)
            return "connected"
        up_ms = self._up_for_ms(manager, at_ms, view)
        if silent_ms <= view.settings.lost_after_ms and up_ms >= settle_ms:
            return "connected"
        if up_ms > 0:
            self._wake(at_ms + max(settle_ms - up_ms, 1))
        return "isolated"

    def _up_for_ms(self, manager: ManagerId, at_ms: int, view: UplinkView) -> int:
        line = self._lines.get(manager)
        mine = at_ms - line.up_since_ms if line is not None and line.up_since_ms is not None else 0
        theirs = [
            at_ms - ahead_ms - report.up_since_ms
            for n, (ahead_ms, reports) in view.reports.items()
            if n in view.part and (report := reports.get(manager)) is not None and report.up_since_ms is not None
        ]
        return max([mine, *theirs])

    def _flapped(self, manager: ManagerId, at_ms: int, view: UplinkView) -> None:
        """M2: both times double with each flap, up to a limit, and go back after ten quiet settlings."""
        flap = self._flaps[manager]
        if self.mode(manager) == "isolated":
            self._calm_down(manager, flap, view)
        elif not flap.calm:  # it goes, soon after it came
            flap.factor = min(flap.factor * 2, FLAP_MAX)
        flap.changed_ms, flap.calm = at_ms, False

    def _calm_down(self, manager: ManagerId, flap: _Flap, view: UplinkView) -> None:
        """Up to the last question that was answered: silence is no quiet."""
        if self._known_ms[manager] - flap.changed_ms > QUIET_SETTLINGS * view.settings.back_after_ms:
            flap.factor, flap.calm = 1, True

    def _adopt(self, view: UplinkView) -> Effects:
        """C2: my leader's beats carry its modes, and they are mine, also where it never had to declare any."""
        if view.declared is None or view.declared == self.modes:
            return NOTHING
        return self._keep(view.declared, ())

    def _keep(self, modes: dict[ManagerId, ModeState], notes: tuple[Note, ...]) -> Effects:
        self.modes = modes
        self.version += 1
        return Effects(persist=(Put(key=MODES_KEY, value=encode(modes)),), note=notes)

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)


def _asked(manager: ManagerId, view: UplinkView) -> dict[NodeId, int]:
    """When each member asked the last of its questions that was answered, by my boot-time."""
    return {
        n: ahead_ms + report.answered_ms
        for n, (ahead_ms, reports) in view.reports.items()
        if (report := reports.get(manager)) is not None and report.answered_ms is not None
    }
