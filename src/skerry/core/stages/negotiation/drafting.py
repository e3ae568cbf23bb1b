"""Making a plan: what of the old one still holds, which slots are open, and whom to ask for each.

An assignment stands while its holder is in the part, its configuration is the one that was agreed on, and the measured
fit still meets the standards (without the headroom that a newcomer would need): healthy work is not moved. Everything
here is arithmetic over one `Survey`; nothing is asked of anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import msgspec

from skerry.core.kernel.ids import ElementName, InstanceId, IntentId, NodeId, instance_id
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.fit.model import fit_permille
from skerry.core.stages.ir.model import (
    Configuration,
    ElementSpec,
    IntermediateRepresentation,
    ManagementRole,
    SetName,
)
from skerry.core.stages.negotiation.model import SITE, Assignment, Plan, Section, Slot
from skerry.core.stages.negotiation.survey import RUNNING, Survey
from skerry.core.stages.proposal.model import Candidate, Member, Ranking
from skerry.core.stages.subscription.model import Instance

Places = list[tuple[Slot, IntentId, Assignment]]
"""Places in a plan that are filled."""
SETS: tuple[SetName, ...] = ("connected", "isolated")
FAILING = "measured under the floor while it held this role"


@dataclass
class Wanted:
    """One slot, and the role that it is a place in."""

    slot: Slot
    intent: IntentId
    spec: ElementSpec
    urgent: bool = False
    """The plan in force has it filled, by somebody who cannot go on."""
    failing: Assignment | None = None
    """It is filled, by somebody who was measured under the floor, where it fails, or who is drained: better than
    nobody."""
    why: str | None = None
    """Which of these."""


@dataclass
class Draft:
    """A plan in the making."""

    survey: Survey
    sections: dict[IntentId, dict[SetName, dict[InstanceId, Assignment]]] = field(default_factory=dict)
    open: list[Wanted] = field(default_factory=list)
    offices_open: list[tuple[Slot, ManagementRole, str]] = field(default_factory=list)
    unfilled: dict[IntentId, dict[str, str]] = field(default_factory=dict)
    reviewed: dict[Slot, tuple[Wanted, Assignment]] = field(default_factory=dict)
    """Slots that are well filled, where somebody else might be so much better that a move is worth it (D18), or where
    the other set's holder does the work."""
    behind: dict[Slot, NodeId] = field(default_factory=dict)
    """Of these, the ones of the set that is not in force, with who does the work: a switch would move it (U3)."""
    made_room: bool = False
    """Something has yielded: nothing is asked for before the plan says so."""

    def put(self, slot: Slot, intent: IntentId, assignment: Assignment) -> None:
        """Give a slot to somebody."""
        self.sections[intent][slot.set][slot.instance] = assignment

    def remove(self, slot: Slot, intent: IntentId) -> None:
        """Take a slot back."""
        self.sections[intent][slot.set].pop(slot.instance, None)

    def given(self, slot: Slot) -> Assignment:
        """Who has a place that is filled."""
        return next(sets[slot.set][slot.instance] for sets in self.sections.values() if slot.instance in sets[slot.set])

    def leave_open(self, slot: Slot, intent: IntentId, why: str) -> None:
        """Nobody has agreed to fill a slot; whoever fills it now, and was to be relieved, goes on."""
        present = self.present(slot)
        if present is not None:
            self.put(slot, intent, present)
        else:
            self.remove(slot, intent)
            self.unfilled.setdefault(intent, {})[str(slot)] = why

    def present(self, slot: Slot) -> Assignment | None:
        """Whoever has a slot that another is asked to take over, and goes on until that one has agreed."""
        if slot in self.reviewed:
            return self.reviewed[slot][1]
        return next((wanted.failing for wanted in self.open if wanted.slot == slot), None)

    def free_for(self, node: NodeId, intent: IntentId, name: SetName) -> Resources:
        """What a node could still give to a role of this set (P3: each intent reserves the larger of its sets)."""
        free = self.survey.members[node].free
        for other, sets in self.sections.items():
            if other == intent:
                free = free - _sum(sets[name], node)
            else:
                free = free - _sum(sets["connected"], node).larger(_sum(sets["isolated"], node))
        return free

    def occupied(self, node: NodeId, intent: IntentId, name: SetName) -> list[Configuration]:
        """The configurations that may run on a node at the same time as one of this set."""
        found: list[Configuration] = []
        for other, sets in self.sections.items():
            ir = self.survey.irs.get(other)
            if ir is None:
                continue
            for set_name in SETS if other != intent else (name,):
                for assignment in sets[set_name].values():
                    spec = ir.sets[set_name].elements.get(assignment.element)
                    if assignment.holder == node and spec and assignment.configuration in spec.configurations:
                        found.append(spec.configurations[assignment.configuration])
        return found

    def siblings(self, wanted: Wanted) -> set[NodeId]:
        """Nodes that hold another instance of the same role in the same set, well or badly: who fails at one does not
        change places with who fails at another."""
        held = [*self.sections[wanted.intent][wanted.slot.set].values()]
        held += [
            w.failing for w in self.open if w.failing and (w.intent, w.slot.set) == (wanted.intent, wanted.slot.set)
        ]
        return {a.holder for a in held if a.element == wanted.spec.name and a.instance != wanted.slot.instance}

    def yielding(self, wanted: Wanted) -> dict[NodeId, list[Places]]:
        """By holder, the weakest first, what yields if this is essential: the places that go together. Of the same
        intent one place, since its sets need not fit at once; of another all that an instance has there (P3)."""
        found: dict[tuple[Any, ...], Places] = {}
        for intent, sets in self.sections.items() if wanted.spec.essential else ():
            for name in SETS:
                for instance, given in sorted(sets[name].items()) if intent != SITE else ():
                    claim = self._claim_of(intent, name, given)
                    same = intent == wanted.intent
                    if claim > self.survey.claim(wanted.intent, wanted.spec) and not (same and name != wanted.slot.set):
                        places = found.setdefault((claim, intent, instance, given.holder), [])
                        places.append((Slot(set=name, instance=instance), intent, given))
        weakest_first = sorted(found.items(), key=lambda item: item[0], reverse=True)
        return {
            holder: [places for (*_, at), places in weakest_first if at == holder]
            for holder in sorted({at for *_, at in found})
        }

    def take_out(self, places: Places, why: str) -> None:
        """These yield, and it is said for whom."""
        for slot, intent, _ in places:
            self.remove(slot, intent)
            self.unfilled.setdefault(intent, {})[str(slot)] = why

    def put_back(self, every: list[Places]) -> None:
        """It did not help."""
        for slot, intent, given in (place for places in every for place in places):
            self.put(slot, intent, given)
            del self.unfilled[intent][str(slot)]

    def to_review(self) -> dict[Slot, tuple[Wanted, Assignment]]:
        """Of `reviewed` those that have not yielded."""
        return {
            slot: (wanted, given)
            for slot, (wanted, given) in self.reviewed.items()
            if slot.instance in self.sections[wanted.intent][slot.set]
        }

    def _claim_of(self, intent: IntentId, name: SetName, given: Assignment) -> tuple[bool, int, int]:
        return self.survey.claim(intent, self.survey.irs[intent].sets[name].elements[given.element])

    def at_home(self, wanted: Wanted) -> dict[NodeId, str]:
        """Where the instance runs now, or will in the other set."""
        instance = wanted.slot.instance
        found = dict(self.survey.at_work(instance))
        for name in SETS:
            other = self.sections[wanted.intent][name].get(instance)
            if other is not None:
                found = {other.holder: other.digest}
        return found

    def finished(self) -> dict[IntentId, Section]:
        """The sections as they stand."""
        return {
            intent: Section(
                intent=intent,
                generation=self._generation(intent),
                connected=dict(sorted(sets["connected"].items())),
                isolated=dict(sorted(sets["isolated"].items())),
                unfilled=dict(sorted(self.unfilled.get(intent, {}).items())),
                only=self.survey.only.get(intent),
            )
            for intent, sets in sorted(self.sections.items())
        }

    def _generation(self, intent: IntentId) -> int:
        ir = self.survey.irs.get(intent)
        return ir.generation if ir is not None else 0


def begin(survey: Survey, plan: Plan | None, review: frozenset[IntentId] = frozenset()) -> Draft:
    """Keep what still holds of the plan in force, and list what is open: most important first. Of the intents to
    `review` what holds is listed as well, where it could be moved without a gap."""
    draft = Draft(survey=survey)
    draft.sections[SITE] = {"connected": {}, "isolated": {}}
    live = [ir for ir in survey.irs.values() if not ir.withdrawn]
    for ir in sorted(live, key=lambda ir: (-ir.priority, ir.intent)):
        draft.sections[ir.intent] = {"connected": {}, "isolated": {}}
        old = plan.sections.get(ir.intent) if plan is not None else None
        only = survey.only.get(ir.intent)
        for name in (only,) if only is not None else SETS:
            assigned = _called_as_it_runs(old.of(name), ir.sets[name].elements, survey) if old is not None else {}
            for wanted in _wanted(ir, name, len(survey.members)):
                assignment = assigned.get(wanted.slot.instance)
                refused = ir.intent in survey.refused and assignment is not None
                if assignment is not None and not refused and stands(assignment, wanted, survey):
                    draft.put(wanted.slot, ir.intent, assignment)
                    if ir.intent in review and _may_move(wanted):
                        draft.reviewed[wanted.slot] = (wanted, assignment)
                else:
                    wanted.urgent = assignment is not None
                    if assignment is not None:
                        wanted.why = trouble(assignment, survey)
                        goes_on = wanted.why is not None and is_agreed_on(assignment, wanted)
                        wanted.failing = assignment if goes_on else None
                    draft.open.append(wanted)
    draft.open.sort(key=lambda wanted: _importance(wanted, survey))
    _find_behind(draft)
    _keep_offices(draft, plan)
    return draft


def _called_as_it_runs(
    assigned: Mapping[InstanceId, Assignment], elements: Mapping[str, ElementSpec], survey: Survey
) -> dict[InstanceId, Assignment]:
    """Places of one role in one set are alike, but for what is exclusive and for data: each is called as what its
    holder runs already, or the next switch would swap healthy work (U3). Nobody is asked: each holder has agreed to the
    same role with the same configuration, under another number (P2)."""
    at_work = {
        (i.instance, node): i.digest for node, running in survey.running.items() for i in running if i.phase in RUNNING
    }
    found = dict(assigned)
    for one, other in permutations(sorted(found), 2):
        here, there = found[one], found[other]
        spec = elements.get(here.element)
        if (
            here.element == there.element
            and spec is not None
            and spec.key is None
            and spec.data != "pinned"
            and at_work.get((one, there.holder)) == there.digest
            and (one, here.holder) not in at_work
            and (other, there.holder) not in at_work
            and survey.failing.get(one) != there.holder
        ):
            found[one] = msgspec.structs.replace(there, instance=one)
            found[other] = msgspec.structs.replace(here, instance=other)
    return found


def _find_behind(draft: Draft) -> None:
    """Where the set in force gives a place to who does the work, and the other to somebody else, that one has to follow
    (U3)."""
    for intent, name in draft.survey.in_force.items():
        other: SetName = "isolated" if name == "connected" else "connected"
        sets = draft.sections.get(intent, {name: {}, other: {}})
        for instance in sorted(sets[name].keys() & sets[other].keys()):
            ahead, present = sets[name][instance], sets[other][instance]
            if ahead.holder != present.holder and _runs_on(ahead.holder, ahead, draft.survey):
                slot = Slot(set=other, instance=instance)
                spec = draft.survey.irs[intent].sets[other].elements[present.element]
                draft.reviewed[slot] = (Wanted(slot=slot, intent=intent, spec=spec), present)
                draft.behind[slot] = ahead.holder


def _may_move(wanted: Wanted) -> bool:
    """What is exclusive would have to stop before it starts elsewhere (X7), and pinned data stay where they are."""
    return wanted.spec.key is None and wanted.spec.data != "pinned"


def _importance(wanted: Wanted, survey: Survey) -> tuple[Any, ...]:
    """The strongest claim first, so that nothing yields that was asked for in the same proposal; connected before
    isolated (which follows it where it can), exclusive ones before the others."""
    claim = survey.claim(wanted.intent, wanted.spec)
    return (claim, wanted.slot.set == "isolated", wanted.spec.on_split != "run_once")


def _wanted(ir: IntermediateRepresentation, name: SetName, nodes: int) -> list[Wanted]:
    return [
        Wanted(
            slot=Slot(set=name, instance=instance_id(ir.intent, spec.name, number)),
            intent=ir.intent,
            spec=spec,
        )
        for spec in ir.sets[name].elements.values()
        for number in range(1, spec.scaled(nodes) + 1)
    ]


def stands(assignment: Assignment, wanted: Wanted, survey: Survey) -> bool:
    """Whether an assignment of the plan in force still holds."""
    member = survey.members.get(assignment.holder)
    if not is_agreed_on(assignment, wanted):
        return False
    if _runs_elsewhere(assignment, survey):
        return False
    if member is None:
        # In contact, but not in this part: two leaders are about to join; or its agent is away, and is expected back
        # (U12). What it runs is healthy.
        return assignment.holder in survey.present and assignment.instance not in survey.silent.get(
            assignment.holder, ()
        )
    if trouble(assignment, survey) is not None or assignment.holder in survey.drained:
        return False
    element = f"{wanted.intent}/{wanted.spec.name}"
    measured = member.fit.measured.get(element, {}).get(assignment.configuration)
    if measured is None or measured.digest != assignment.digest or measured.failure is not None:
        return True  # being measured anew: what ran goes on
    return fit_permille(wanted.spec.standards, measured.figures_milli, lowered=assignment.lowered) >= 1_000


def is_agreed_on(assignment: Assignment, wanted: Wanted) -> bool:
    """Whether the intent still has the configuration that was agreed on."""
    configuration = wanted.spec.configurations.get(assignment.configuration)
    return configuration is not None and configuration.digest == assignment.digest


def trouble(assignment: Assignment, survey: Survey) -> str | None:
    """Why a holder that is there should not go on with what it was given: as others measured it, as it says itself, or
    as an operator says of its node."""
    if survey.failing.get(assignment.instance) == assignment.holder:
        return FAILING
    if any(
        i.instance == assignment.instance and i.phase == "failed" for i in survey.running.get(assignment.holder, ())
    ):
        return "it failed there again and again"
    if assignment.holder in survey.drained and _runs_on(assignment.holder, assignment, survey):
        return survey.drained[assignment.holder]
    return _outdone(assignment, survey)


def _outdone(assignment: Assignment, survey: Survey) -> str | None:
    """X8: a holder that goes on without a quorum yields to a member that does the same work with one."""
    if not any(i.surrendered for i in _at_work(assignment, survey.running.get(assignment.holder, ()))):
        return None
    for node in sorted(survey.members):
        if any(not i.surrendered for i in _at_work(assignment, survey.running.get(node, ()))):
            return f"it goes on without a quorum, and {node} with one"
    return None


def _at_work(assignment: Assignment, running: Iterable[Instance]) -> Iterator[Instance]:
    """What is active of just that."""
    return (
        i
        for i in running
        if i.instance == assignment.instance and i.digest == assignment.digest and i.phase == "active"
    )


def _runs_on(node: NodeId, assignment: Assignment, survey: Survey) -> bool:
    return node in {at for at, _ in survey.at_work(assignment.instance)}


def _runs_elsewhere(assignment: Assignment, survey: Survey) -> bool:
    """P4: after two parts have joined, what runs counts for more than the word of the part whose plan is the higher: a
    holder that has nothing to show yields to a member that does the work. For members that the plan was made with, and
    in its own term, the leader's word counts, or nothing could ever be moved."""
    at_work = {node for node, of in survey.at_work(assignment.instance) if of == assignment.digest}
    return assignment.holder not in at_work and bool(at_work if survey.inherited else at_work & survey.newcomers)


def out_of_question(wanted: Wanted, survey: Survey) -> dict[NodeId, str]:
    """Who is not asked, and why: a holder that did not do what it was given is not asked for the same again
    (interleaving 51), nor is a drained node (R4)."""
    found = {wanted.failing.holder: wanted.why} if wanted.failing is not None and wanted.why is not None else {}
    return {**found, **survey.drained}


def still_measuring(wanted: Wanted, survey: Survey) -> list[NodeId]:
    """Members that may be asked, and have not reported on every configuration of the role."""
    return [n for n, m in sorted(survey.members.items()) if n not in survey.drained and not is_measured(wanted, m)]


def is_measured(wanted: Wanted, member: Member) -> bool:
    """Whether a member has reported on every configuration of the role."""
    element = f"{wanted.intent}/{wanted.spec.name}"
    measured, limits = member.fit.measured.get(element, {}), member.fit.limitations.get(element, {})
    return all(
        name in limits or (name in measured and measured[name].digest == configuration.digest)
        for name, configuration in wanted.spec.configurations.items()
    )


def assignment_of(wanted: Wanted, candidate: Candidate) -> Assignment:
    """What is asked of a candidate."""
    return Assignment(
        instance=wanted.slot.instance,
        element=wanted.spec.name,
        holder=candidate.node,
        configuration=candidate.configuration,
        digest=candidate.digest,
        resources=wanted.spec.resources,
        key=wanted.spec.key,
        fit_permille=candidate.fit_permille,
        lowered=candidate.lowered,
    )


def why_unfilled(ranking: Ranking) -> str:
    """The reasons of all, in one line."""
    return "; ".join(f"{node}: {why}" for node, why in sorted(ranking.unable.items())) or "nobody is left to ask"


# --- management roles ---------------------------------------------------------------------------------------------


def _keep_offices(draft: Draft, plan: Plan | None) -> None:
    """Validator, reporter and the like are voted and committed like service roles, in the site's own section (L6)."""
    survey = draft.survey
    old = plan.sections[SITE].connected if plan is not None and SITE in plan.sections else {}
    for role_name, role in sorted(survey.management.items()):
        for duty in role.does:
            if duty == "leader":
                continue
            for number in range(1, role.scaled(len(survey.members)) + 1):
                instance = instance_id(SITE, ElementName(duty), number)
                slot = Slot(set="connected", instance=instance)
                kept = old.get(instance)
                if "leader" in role.does:
                    draft.put(slot, SITE, office(instance, duty, survey.leader))
                elif kept is not None and kept.holder in candidates_for(draft, slot, role_name, role):
                    draft.put(slot, SITE, kept)
                else:
                    draft.offices_open.append((slot, role, role_name))


def candidates_for(draft: Draft, slot: Slot, role_name: str, role: ManagementRole) -> list[NodeId]:
    """Who meets the criteria and holds nothing that this role must be apart from; best first."""
    survey = draft.survey
    taken = {survey.leader} if "leader" in role.apart_from else set()
    for instance, assignment in draft.sections[SITE]["connected"].items():
        other = next((r for r in survey.management.values() if assignment.element in r.does), None)
        apart = assignment.element in role.apart_from or (other is not None and role_name in other.apart_from)
        if instance != slot.instance and (apart or assignment.element in role.does):
            taken.add(assignment.holder)
    able = survey.offices.get(role_name, {})
    return sorted((n for n in able if n not in taken and n in survey.members), key=lambda n: (-able[n], n))


def office(instance: InstanceId, duty: str, holder: NodeId) -> Assignment:
    """The assignment of a management role: no software, no resources of its own."""
    return Assignment(instance=instance, element=ElementName(duty), holder=holder)


def _sum(assignments: Mapping[InstanceId, Assignment], node: NodeId) -> Resources:
    total = Resources()
    for assignment in assignments.values():
        if assignment.holder == node:
            total = total + assignment.resources
    return total


def reserved(plan: Plan, node: NodeId) -> Resources:
    """What a plan reserves on a node: for each intent the larger of the needs of its sets (P3)."""
    total = Resources()
    for section in plan.sections.values():
        total = total + _sum(section.connected, node).larger(_sum(section.isolated, node))
    return total
