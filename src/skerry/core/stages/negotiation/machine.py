"""The leader's side of negotiation: propose, count, go on to the next, commit (P1, P2, P4, G1, G2, D12-D14).

A proposal asks for all open slots at once, under one plan id; an assent counts for that id only. At the end of a round
what has won is committed, and what has not goes into the next proposal: with the next candidate after a no, with the
next clause after its silent rounds. So neither a slow nor a stubborn member holds up more than its own slots, and those
for a known number of rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from skerry.core.group.voting.rules import Outcome, count, needed
from skerry.core.kernel.effects import NOTHING, Effects, Note, Publish, Record, Send
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import IntentId, NodeId, PlanId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Verified
from skerry.core.kernel.values import Value, digest
from skerry.core.stages.ir.model import AssentClause
from skerry.core.stages.negotiation.drafting import (
    Draft,
    Wanted,
    assignment_of,
    begin,
    candidates_for,
    office,
    out_of_question,
    still_measuring,
    why_unfilled,
)
from skerry.core.stages.negotiation.model import (
    MEASURING,
    NEGOTIATED,
    NO_ANSWER,
    NO_PLAN,
    ROUND_MS,
    SITE,
    Assignment,
    Plan,
    Slot,
)
from skerry.core.stages.negotiation.rounds import (
    PATIENCE_MS,
    REFUSED_HOLDS_MS,
    Memory,
    Round,
    agreed,
    is_news,
    once_filled,
    refusal,
    who_refused,
)
from skerry.core.stages.negotiation.survey import Survey
from skerry.core.stages.negotiation.wire import Ballot, Proposal, Proposed
from skerry.core.stages.proposal.model import Ranking
from skerry.core.stages.proposal.rules import rank, worth_moving

ChairEvent = Verified[Ballot] | DeadlinePassed | Reconsider


class ChairView(Value, frozen=True, kw_only=True):
    """What the chair may know of the rest."""

    leads: bool
    term: int
    members: tuple[NodeId, ...]
    """The part, sorted."""
    roster: int
    held: dict[NodeId, PlanId]
    """The plan that each member of the part says it holds, of those whose beats already know this term."""
    heard: frozenset[NodeId] = frozenset()
    """Those members."""
    expected: frozenset[NodeId] = frozenset()
    """Everybody in contact: a new leader gives them a round to follow before it takes anybody for lost."""
    plan: Plan | None
    """The one that I hold."""
    survey: Survey | None
    """None while this node does not lead."""
    clauses: dict[str, tuple[AssentClause, ...]]
    """By `<intent>/<set>`: the clause in force and those that follow it (G2)."""
    review: dict[IntentId, int] = {}
    """Of intents that are connected again, under a plan made while they were not: the permille that move work (D18)."""
    insists: frozenset[IntentId]
    """Intents whose governance ends in `unfilled` rather than `assignee`."""
    isolated_from: tuple[str, ...]
    forgotten: bool = False
    """A manager holds a plan of mine of an earlier term that I do not know any more, and takes it for later."""
    hold_ms: int
    stamp: tuple[Any, ...]
    """Changes when anything of the survey that matters has."""


@dataclass
class Chair:
    """One node as the leader of its part; idle while it is not."""

    me: NodeId
    rankings: dict[Slot, Ranking] = field(default_factory=dict)
    """The last ranking of each slot, for `explain`."""
    _term: int = -1
    _since_ms: int = 0
    _surveyed: bool = False
    _number: int = 0
    _round: Round | None = None
    _memory: dict[Slot, Memory] = field(default_factory=dict)
    _reviewed: set[tuple[IntentId, PlanId]] = field(default_factory=set)
    """Each reconnection is looked at once."""
    _agreed_anew_ms: dict[IntentId, int] = field(default_factory=dict)
    _drafted: tuple[Any, ...] | None = None
    _again_ms: int | None = None
    _deadline_ms: int | None = None

    def step(self, given: Input[ChairEvent], view: ChairView) -> Effects:
        """Take a ballot or the passing of time."""
        self._deadline_ms = None
        if not view.leads or view.survey is None:
            self._term, self._round = -1, None
            return NOTHING
        if view.term != self._term:
            self._begin_term(given.at_ms, view)
        match given.event:
            case Verified(statement=statement, body=Ballot() as ballot):
                self._on_ballot(NodeId(statement.signer), ballot)
            case DeadlinePassed() | Reconsider():
                pass
        if view.plan is not None and (view.plan.id.term, view.plan.id.leader) > (view.term, self.me):
            self._round = None  # P4: it goes on from this one, in the term that the election is about to call
            return NOTHING
        if not self._is_surveyed(given.at_ms, view):
            return NOTHING
        done = self._close(given, view, view.survey)
        if self._round is None and not done.publish:  # what was committed comes back as the plan that I hold
            done = done + self._open(given, view, view.survey)
        return done

    @property
    def at_rest(self) -> bool:
        """Whether it does not lead: only an election can give it something to do."""
        return self._term == -1

    def next_deadline_ms(self) -> int | None:
        """The end of a survey, of a round, or of a refusal."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """P1: what is proposed bears my name and term."""
        if self._round is not None:
            assert self._round.plan.leader == self.me and self._round.plan.term == self._term, "P1: another's plan"

    # --- beginning ------------------------------------------------------------------------------------------------

    def _begin_term(self, at_ms: int, view: ChairView) -> None:
        self._term, self._since_ms, self._surveyed = view.term, at_ms, False
        self._number, self._round, self._drafted, self._memory = 0, None, None, {}

    def _is_surveyed(self, at_ms: int, view: ChairView) -> bool:
        """P4: go on from the highest plan that anyone who answers within a round holds."""
        if self._surveyed:
            return True
        mine = view.plan.id if view.plan is not None else NO_PLAN
        heard_all = {*view.members, *view.expected} <= {*view.heard, self.me}
        nothing_higher = all(held <= mine for held in view.held.values())
        until_ms = self._since_ms + ROUND_MS * (1 if nothing_higher else 2)
        if (heard_all and nothing_higher) or at_ms >= until_ms:
            self._surveyed = True
            return True
        self._wake(until_ms)
        return False

    # --- one round ------------------------------------------------------------------------------------------------

    def _open(self, given: Input[ChairEvent], view: ChairView, survey: Survey) -> Effects:
        """Draft; if slots are open and somebody can be asked, ask; else commit what changed without a question."""
        at_ms = given.at_ms
        if view.stamp == self._drafted and (self._again_ms is None or at_ms < self._again_ms):
            if self._again_ms is not None:
                self._wake(self._again_ms)
            return NOTHING
        self._drafted, self._again_ms = view.stamp, None
        draft = begin(self._with_due_refusals(survey, at_ms), view.plan, self._to_review(view))
        asked = self._ask_for(draft, at_ms, view)
        if self._again_ms is not None:
            self._wake(self._again_ms)
        if not asked or draft.made_room:
            for slot, (intent, _) in asked.items():
                draft.leave_open(slot, intent, NEGOTIATED)
            return self._commit(draft, {}, given, view)
        self._number += 1
        plan = PlanId(term=view.term, leader=self.me, number=self._number)
        self._round = Round(
            plan=plan,
            members=view.members,
            until_ms=at_ms + ROUND_MS,
            draft=draft,
            asked=asked,
            yes={s: set() for s in asked},
            no={s: {} for s in asked},
        )
        self._wake(self._round.until_ms)
        proposal = Proposal(
            plan=plan,
            members=view.members,
            asked=tuple(Proposed(slot=slot, assignment=a) for slot, (_, a) in asked.items()),
            hold_ms=view.hold_ms,
            base=view.plan.id if view.plan is not None else NO_PLAN,
        )
        note = Note(what="plan.proposed", about=str(plan), data={str(s): a.holder for s, (_, a) in asked.items()})
        return Effects(send=tuple(Send(to=n, message=proposal) for n in view.members), note=(note,))

    def _ask_for(self, draft: Draft, at_ms: int, view: ChairView) -> dict[Slot, tuple[IntentId, Assignment]]:
        asked: dict[Slot, tuple[IntentId, Assignment]] = {}
        for slot, role, role_name in draft.offices_open:
            refused = self._refusals(self._memory.setdefault(slot, Memory(since_ms=at_ms)), at_ms)
            able = [n for n in candidates_for(draft, slot, role_name, role) if n not in refused]
            if able:
                chosen = office(slot.instance, slot.instance.split("/")[1].split("#")[0], able[0])
                draft.put(slot, SITE, chosen)
                asked[slot] = (SITE, chosen)
        for wanted in draft.open:
            chosen_for = self._choose(draft, wanted, at_ms, view)
            if chosen_for is not None:
                draft.put(wanted.slot, wanted.intent, chosen_for)
                asked[wanted.slot] = (wanted.intent, chosen_for)
        for slot, (wanted, present) in draft.to_review().items():
            moved = asked.get(Slot(set="connected", instance=slot.instance))
            ahead = moved[1].holder if moved is not None else draft.behind.get(slot)
            if ahead == present.holder or (ahead is None and slot.set == "isolated"):
                continue
            better = self._better(draft, wanted, present, at_ms, view, ahead)
            if better is not None:
                draft.put(slot, wanted.intent, better)
                asked[slot] = (wanted.intent, better)
        return asked

    def _with_due_refusals(self, survey: Survey, at_ms: int) -> Survey:
        """D18: what was refused is agreed on anew, then left for a while: the same cause may have that refused too."""
        due = {i for i in survey.refused if at_ms >= self._agreed_anew_ms.get(i, -REFUSED_HOLDS_MS) + REFUSED_HOLDS_MS}
        self._agreed_anew_ms.update(dict.fromkeys(due, at_ms))
        for intent in survey.refused:
            self._again(self._agreed_anew_ms[intent] + REFUSED_HOLDS_MS)
        return msgspec.structs.replace(survey, refused=frozenset(due))

    def _to_review(self, view: ChairView) -> frozenset[IntentId]:
        if view.plan is None:
            return frozenset()
        due = frozenset(i for i in view.review if (i, view.plan.id) not in self._reviewed)
        self._reviewed = {(i, view.plan.id) for i in view.review}
        return due

    def _better(
        self, draft: Draft, wanted: Wanted, present: Assignment, at_ms: int, view: ChairView, ahead: NodeId | None
    ) -> Assignment | None:
        """D18: somebody who would be so much better that the move is worth it; for the set that is not in force whoever
        has the place in the other, so that the next switch moves nothing (U3)."""
        memory = self._memory.setdefault(wanted.slot, Memory(since_ms=at_ms))
        draft.remove(wanted.slot, wanted.intent)
        ranking = self._rank(draft, wanted, memory, at_ms, lowered=False)
        draft.put(wanted.slot, wanted.intent, present)
        if ahead is not None:
            found = next((c for c in ranking.candidates if c.node == ahead), None)
        else:
            found = worth_moving(ranking, present.holder, view.review[wanted.intent])
        if found is None:
            return None
        self.rankings[wanted.slot] = ranking
        return assignment_of(wanted, found)

    def _choose(self, draft: Draft, wanted: Wanted, at_ms: int, view: ChairView) -> Assignment | None:
        """The best candidate that has not refused; with lowered standards if there is none (D14)."""
        memory = self._memory.setdefault(wanted.slot, Memory(since_ms=at_ms))
        unfilled = draft.unfilled.setdefault(wanted.intent, {})
        clauses = view.clauses.get(f"{wanted.intent}/{wanted.slot.set}", ())
        if clauses and len(view.members) < min(c.at_least for c in clauses):
            unfilled[str(wanted.slot)] = f"a part of {len(view.members)} is too small to decide this"
            return None
        memory.urgent = memory.urgent or wanted.urgent
        measuring = still_measuring(wanted, draft.survey)
        if measuring and not memory.urgent and at_ms < memory.since_ms + PATIENCE_MS:
            self._again(memory.since_ms + PATIENCE_MS)
            unfilled[str(wanted.slot)] = f"{MEASURING}: {', '.join(measuring)}"
            return None
        while True:
            for lowered in (False, True) if "lower" in wanted.spec.remediation else (False,):
                ranking = self._rank(draft, wanted, memory, at_ms, lowered=lowered)
                self.rankings[wanted.slot] = ranking
                if ranking.candidates:
                    return assignment_of(wanted, ranking.candidates[0])
            if not self._goes_on(wanted.slot, wanted.intent, memory, view):
                break
        if wanted.failing is not None:
            draft.put(wanted.slot, wanted.intent, wanted.failing)  # nobody does better: what runs goes on
            return None
        made = self._make_room(draft, wanted, memory, at_ms)
        unfilled[str(wanted.slot)] = NEGOTIATED if made else why_unfilled(ranking)
        return None

    def _make_room(self, draft: Draft, wanted: Wanted, memory: Memory, at_ms: int) -> bool:
        """What has a weaker claim yields, where that helps: it leaves the plan before anything else is asked for, since
        its holder counts it until then (P3); the next proposal asks for the room."""
        for holder, weakest_first in draft.yielding(wanted).items():
            for number, places in enumerate(weakest_first, 1):
                draft.take_out(places, f"makes room for {wanted.slot.instance}")
                ranking = self._rank(draft, wanted, memory, at_ms, lowered="lower" in wanted.spec.remediation)
                if any(candidate.node == holder for candidate in ranking.candidates):
                    draft.made_room = True
                    return True
                if number == len(weakest_first):
                    draft.put_back(weakest_first)
        return False

    def _goes_on(self, slot: Slot, intent: IntentId, memory: Memory, view: ChairView) -> bool:
        """G2: when everybody that is left was voted down, the clause that follows is used on them; so voters who say no
        to all delay a slot, and never for ever. What a node refused for itself stays refused."""
        voted_down = {node for node, one in memory.refused.items() if one.by_vote}
        if not voted_down or not self._next_clause(slot, intent, memory, view):
            return False
        memory.refused = {node: one for node, one in memory.refused.items() if node not in voted_down}
        return True

    def _next_clause(self, slot: Slot, intent: IntentId, memory: Memory, view: ChairView) -> bool:
        """Use the clause that follows; whether there is one."""
        clauses = view.clauses.get(f"{intent}/{slot.set}", ())
        if memory.clause + 1 >= len(clauses) and (
            self._clause(slot, intent, view).by == "assignee" or intent in view.insists
        ):
            return False
        memory.clause += 1
        return True

    def _rank(self, draft: Draft, wanted: Wanted, memory: Memory, at_ms: int, *, lowered: bool) -> Ranking:
        members = {
            node: member.at(draft.free_for(node, wanted.intent, wanted.slot.set))
            for node, member in draft.survey.members.items()
        }
        return rank(
            f"{wanted.intent}/{wanted.spec.name}",
            wanted.spec,
            members,
            occupied={n: draft.occupied(n, wanted.intent, wanted.slot.set) for n in members},
            siblings=draft.siblings(wanted),
            at_home=draft.at_home(wanted),
            at_work=draft.survey.at_work(wanted.slot.instance),
            refused={**self._refusals(memory, at_ms), **out_of_question(wanted, draft.survey)},
            lowered=lowered,
        )

    def _refusals(self, memory: Memory, at_ms: int) -> dict[NodeId, str]:
        for one in memory.still_refused(at_ms).values():
            self._again(one.until_ms)
        return {n: one.why for n, one in memory.refused.items()}

    def _on_ballot(self, peer: NodeId, ballot: Ballot) -> None:
        current = self._round
        if current is None or ballot.plan != current.plan or ballot.members != digest(current.members):
            return  # P2: of another plan, or of other members
        if peer not in current.members:
            return
        for slot in ballot.yes:
            if slot in current.yes and peer not in current.no[slot]:
                current.yes[slot].add(peer)
        for slot in current.asked:
            no = ballot.no.get(str(slot))
            if no is not None and peer not in current.yes[slot]:
                current.no[slot][peer] = no

    # --- counting and committing ----------------------------------------------------------------------------------

    def _close(self, given: Input[ChairEvent], view: ChairView, survey: Survey) -> Effects:
        """If every slot is decided, or the round is over: commit what has won, remember what has not."""
        current = self._round
        if current is None:
            return NOTHING
        if current.members != view.members:
            # L6: an open proposal goes on without whoever is gone, under the digest of those that are left.
            self._round, self._drafted = None, None
            return NOTHING
        outcomes = {slot: self._outcome(slot, current, view) for slot in current.asked}
        if given.at_ms < current.until_ms and Outcome.PENDING in outcomes.values():
            self._wake(current.until_ms)
            return NOTHING
        self._round, self._drafted = None, None
        notes: list[Note] = []
        won: dict[Slot, str] = {}
        for slot, outcome in outcomes.items():
            intent, assignment = current.asked[slot]
            if outcome is Outcome.WON:
                won[slot] = self._in_words(slot, current, view)
                self._memory.pop(slot, None)
                self._memory.update(once_filled(slot, survey, given.at_ms))
                continue
            current.draft.leave_open(slot, intent, NEGOTIATED)
            notes.extend(self._remember(slot, intent, assignment, outcome, current, given.at_ms, view))
        return Effects(note=tuple(notes)) + self._commit(current.draft, won, given, view, current.plan)

    def _outcome(self, slot: Slot, current: Round, view: ChairView) -> Outcome:
        intent, assignment = current.asked[slot]
        clause = self._clause(slot, intent, view)
        against = {n for n, no in current.no[slot].items() if n == assignment.holder or no.evidence}
        return count(
            clause,
            assignee=assignment.holder,
            members=current.members,
            roster=view.roster,
            yes=current.yes[slot],
            no=against,  # G2: a no against somebody else that names no evidence counts as silence
        )

    def _clause(self, slot: Slot, intent: IntentId, view: ChairView) -> AssentClause:
        clauses = view.clauses.get(f"{intent}/{slot.set}", ())
        index = self._memory.setdefault(slot, Memory()).clause
        return clauses[index] if index < len(clauses) else AssentClause(by="assignee")

    def _remember(
        self,
        slot: Slot,
        intent: IntentId,
        assignment: Assignment,
        outcome: Outcome,
        current: Round,
        at_ms: int,
        view: ChairView,
    ) -> list[Note]:
        memory = self._memory.setdefault(slot, Memory(since_ms=at_ms))
        if outcome is Outcome.LOST:
            who, why = who_refused(assignment.holder, current.no[slot])
            by_vote = assignment.holder not in current.no[slot]
            memory.refused[assignment.holder] = refusal(why, at_ms, by_vote=by_vote)
            memory.silent_rounds = 0
            data = {"slot": str(slot), "holder": assignment.holder, "by": who, "why": why}
            return [Note(what="assignment.refused", about=slot.instance, data=data)]
        memory.silent_rounds += 1
        clause = self._clause(slot, intent, view)
        silent = sorted(set(current.members) - current.yes[slot] - set(current.no[slot]))
        if memory.silent_rounds >= clause.silent_rounds:
            memory.silent_rounds = 0
            if not self._next_clause(slot, intent, memory, view):
                memory.refused[assignment.holder] = refusal(f"{NO_ANSWER} {', '.join(silent)}", at_ms)
        return [Note(what="assignment.open", about=slot.instance, data={"slot": str(slot), "silent": silent})]

    def _in_words(self, slot: Slot, current: Round, view: ChairView) -> str:
        """How it was agreed, for people: `unanimous of 3 out of 5`."""
        clause = self._clause(slot, current.asked[slot][0], view)
        part, roster = len(current.members), view.roster
        match clause.by:
            case "assignee":
                return "assent of the assignee"
            case "unanimous":
                return f"unanimous of {part} out of {roster}"
            case _:
                want = needed(clause, part, roster)
                return f"{len(current.yes[slot])} of {part} said yes, out of {roster} ({want} needed)"

    def _commit(
        self,
        draft: Draft,
        won: Mapping[Slot, str],
        given: Input[ChairEvent],
        view: ChairView,
        plan_id: PlanId | None = None,
    ) -> Effects:
        """Publish the plan if it says something new."""
        plan_id = plan_id or PlanId(term=view.term, leader=self.me, number=self._number + 1)
        sections = agreed(draft.finished(), won, plan_id)
        if not view.forgotten and not is_news(sections, view.plan, draft.survey):
            return NOTHING
        self._number, self._drafted = plan_id.number, None
        plan = Plan(
            id=plan_id,
            members=view.members,
            sections=sections,
            isolated_from=view.isolated_from,
            wall_ms=given.wall_ms,
        )
        filled = {slot: draft.given(slot) for slot in won}
        data = {
            "plan": str(plan_id),
            "members": list(view.members),
            "assigned": {str(s): {"holder": filled[s].holder, "agreed": how} for s, how in won.items()},
            "lowered": [str(s) for s, assignment in filled.items() if assignment.lowered],
            "temporary": bool(view.isolated_from),
        }
        version = (plan_id.term, str(plan_id.leader), plan_id.number)
        return Effects(
            record=(Record(kind="decision", what="plan.committed", about=str(plan_id), data=data),),
            publish=(Publish(name="plan", version=version, value=plan),),
            note=(Note(what="plan.committed", about=str(plan_id), data=data),),
        )

    def _again(self, at_ms: int) -> None:
        self._again_ms = at_ms if self._again_ms is None else min(self._again_ms, at_ms)

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)
