"""What each machine of an agent may know of the others: its view, cut from the picture; what makes it look again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.core.actors.forgotten import is_misjudged
from skerry.core.actors.picture import Picture
from skerry.core.group.custody.machine import KINDS
from skerry.core.group.election.model import INELIGIBLE, ElectionView
from skerry.core.group.election.wire import AskHandOver, Follow, FollowMe, HandOver, IWould, WouldYou
from skerry.core.group.granting.machine import GrantingView
from skerry.core.group.granting.wire import GrantAsk, GrantGive, GrantRelease
from skerry.core.group.membership.machine import MembershipView, PresenceChanged
from skerry.core.group.membership.model import Contact
from skerry.core.group.membership.wire import Beat
from skerry.core.group.succession.machine import SuccessionView
from skerry.core.group.uplink.machine import SessionChanged, UplinkView
from skerry.core.kernel.expressions import ExpressionError, holds
from skerry.core.kernel.ids import GrantKey, IntentId, NodeId
from skerry.core.stages.capability.model import NodeFacts, Resources
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.fit.machine import FittingView
from skerry.core.stages.intent.model import node_facts, site_facts
from skerry.core.stages.ir.model import AssentClause, ElementSpec, Governance, ManagementRole, SetName
from skerry.core.stages.ir.rules import assent_clauses, management_roles
from skerry.core.stages.monitoring.events import InstanceChecked, InstanceMeasured, UnattendedAnswered
from skerry.core.stages.monitoring.machine import MonitoringView
from skerry.core.stages.monitoring.model import EXPERIENCE_NEEDED
from skerry.core.stages.monitoring.unattended import UnattendedView
from skerry.core.stages.negotiation.machine import ChairView
from skerry.core.stages.negotiation.model import SITE
from skerry.core.stages.negotiation.survey import Survey
from skerry.core.stages.negotiation.voter import VoterView
from skerry.core.stages.negotiation.wire import Ballot, Proposal
from skerry.core.stages.proposal.model import Member
from skerry.core.stages.subscription.events import (
    WorkloadDrained,
    WorkloadExited,
    WorkloadFailed,
    WorkloadReady,
    WorkloadStopped,
)
from skerry.core.stages.subscription.machine import KeeperView

HOLD_MS = 10_000
"""How long an assent holds, beside the longest time that a program of the site may take to get ready (P2)."""

MACHINE_OF: Mapping[type, str] = {
    Beat: "membership",
    WouldYou: "election",
    IWould: "election",
    FollowMe: "election",
    Follow: "election",
    HandOver: "election",
    AskHandOver: "election",
    GrantAsk: "granting",
    GrantGive: "granting",
    GrantRelease: "granting",
    Proposal: "voter",
    Ballot: "chair",
}
"""Which machine understands what a peer says."""

MACHINE_OF_EVENT: Mapping[type, str] = {
    PresenceChanged: "membership",
    SessionChanged: "uplink",
    TrialFinished: "fitting",
    WorkloadReady: "keeper",
    WorkloadFailed: "keeper",
    WorkloadExited: "keeper",
    WorkloadStopped: "keeper",
    WorkloadDrained: "keeper",
    InstanceChecked: "monitoring",
    InstanceMeasured: "monitoring",
    UnattendedAnswered: "unattended",
}
"""Which machine understands what happens to this node."""

ENDS: frozenset[type] = frozenset({WorkloadExited, WorkloadFailed})
"""With these an instance may be over. Its last reading is written before its end (H1): a copy of the journal that has
the end has the seconds, too, or nothing would show that they are missing (H3)."""

WATCHES: Mapping[str, tuple[str, ...]] = {
    "unattended": ("lives", "intent", "roster"),
    "membership": (
        "lives", "election", "uplink", "keeper", "monitoring",
        *(kind for kind in KINDS if kind != "fit"),
    ),
    "election": ("standings", "roster", "site", "plan", "leave", "hold", "picture", "forks", "verdict"),
    "uplink": ("uplinks", "election", "roster", "site", "intent"),
    "fitting": ("intent", "roster", "own", "hold", "picture"),
    "voter": ("election", "plan", "hold"),
    "chair": ("work", "unattended", "election", "uplink", "custody", "keeper", "monitoring", "picture"),
    "succession": ("roster", "site", "closing", "dead", "granting"),
    "granting": ("lives", "roster", "site", "intent", "dead", "closing", "keeper", "succession"),
    "keeper": ("running", "unattended", "election", "uplink", "granting", "plan", "intent", "roster", "leave", "hold"),
    "monitoring": ("running", "unattended", "uplink", "keeper", "plan", "site", "intent", "roster"),
}  # fmt: skip
"""Whose changes make a machine reconsider: machines, documents (all, of one kind, or this node's own), one side of what
members say (`facets`), or what was written twice."""

WATCHES_AT_REST: Mapping[str, tuple[str, ...]] = {"chair": ("election", "roster")}
"""The same of a machine that says that it is `at_rest`."""


def membership_view(picture: Picture) -> MembershipView:
    """The roster, and what to carry."""
    return MembershipView(
        members=picture.others(),
        carry=picture.beat_content,
        holdings=picture.beat_holdings,
        stamp=picture.beat_stamp,
        silent=picture.me not in picture.roster().members,
    )


def election_view(picture: Picture) -> ElectionView:
    """Who is there, and how well each would lead."""
    plan, judged = picture.plan(), (kept.value for kept in picture.custody.shelves["verdict"].kept.values())
    return ElectionView(
        contacts=picture.facets.sides["standings"].said,
        lives=picture.facets.sides["lives"].said,
        hears=_Hearing(picture.contacts()),
        void=frozenset(picture.agent.journal.forks.chains),
        fit_permille=_leader_fit(picture),
        woke_ms=picture.agent.membership.woke_ms,
        plan=(plan.id.term, plan.id.leader) if plan is not None else (0, NodeId("")),
        forgotten_term=picture.forgotten_term(),
        misjudged=is_misjudged(picture.me, plan, judged, picture.verdicts()),
    )


@dataclass(frozen=True)
class _Hearing(Mapping[NodeId, Collection[NodeId]]):
    """Whom each of those in contact hears; looked up when asked for, which is hardly ever."""

    contacts: dict[NodeId, Contact]

    def __getitem__(self, node: NodeId) -> Collection[NodeId]:
        return self.contacts[node].beat.hears

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self.contacts)

    def __len__(self) -> int:
        return len(self.contacts)


def _leader_fit(picture: Picture) -> int:
    """L7: eligibility and rank come from the criteria of the site's governance. Neither who goes nor who is drained
    leads (R4)."""
    if picture.goes(picture.me) or picture.me in picture.drained():
        return INELIGIBLE
    governance = _site_governance(picture)
    if governance is None:
        return 0
    roles = _roles(picture, governance, len(picture.contacts()) + 1)
    role = next((r for r in roles.values() if "leader" in r.does), None)
    if role is None:
        return 0
    return _office_fit(picture, role, picture.me, picture.facts, picture.reach_permille(), picture.idle_permille())


def _site_governance(picture: Picture) -> Governance | None:
    site = picture.site()
    return site.governance if site is not None else None


def _roles(picture: Picture, governance: Governance, nodes: int) -> dict[str, ManagementRole]:
    mode = picture.agent.uplink.mode(picture.roster().manager)

    def find() -> dict[str, ManagementRole]:
        try:
            return management_roles(governance, site_facts(nodes, mode), picture.expressions)
        except ExpressionError:
            return {}  # a rule that cannot be evaluated here gives nobody an office; it was tried when it was applied

    return picture.once("management", (governance, nodes, mode), find)


def _office_fit(
    picture: Picture, role: ManagementRole, node: NodeId, facts: NodeFacts | None, reach: int, idle: int
) -> int:
    """How well a node would fill a management role (D4)."""
    seen = (role, facts, reach, idle)
    return picture.once(f"{role.name} {node}", seen, lambda: _weigh(picture, role, node, facts, reach, idle))


def _weigh(picture: Picture, role: ManagementRole, node: NodeId, facts: NodeFacts | None, reach: int, idle: int) -> int:
    """The weighted mean of what the role's weights name."""
    known = facts if facts is not None else NodeFacts(caps=Resources())
    vocabulary = node_facts(known, name=node, reach_permille=reach, idle_permille=idle)
    try:
        if not holds(picture.expressions, role.criteria, vocabulary):
            return INELIGIBLE
    except ExpressionError:
        return INELIGIBLE
    terms = {"reach": reach, "idle": idle, "assurance": known.assurance_permille}
    whole = sum(role.weights.values())
    return sum(terms.get(term, 0) * weight for term, weight in role.weights.items()) // whole if whole else 0


def succession_view(picture: Picture) -> SuccessionView:
    """The rosters, who has closed which, and what I have promised under the one that counts."""
    agent = picture.agent
    return SuccessionView(
        editions=picture.editions(),
        closings=picture.closings(),
        promises=agent.granting.promised_under(agent.succession.counting, picture.at_ms),
        fences=_fences(picture),
        known_from_ms=agent.granting.quiet_until_ms,
        dead=agent.granting.surrender.dead,
    )


def _fences(picture: Picture) -> dict[GrantKey, int]:
    """The highest that I have seen, or heard of from those who closed earlier rosters."""
    closed, mine = picture.closed_fences(), picture.agent.granting.fences
    return {key: max(closed.get(key, 0), mine.get(key, 0)) for key in {**closed, **mine}}


def granting_view(picture: Picture) -> GrantingView:
    """The roster that counts, with its weights, and what the plan names me for."""
    keeper, succession, editions = picture.agent.keeper, picture.agent.succession, picture.editions()
    return GrantingView(
        electorate=editions[succession.counting or min(editions)].electorate,
        longest_lease_ms=succession.longest_lease_ms(editions, max(editions)),
        lives=picture.facets.sides["lives"].said,
        wanted=keeper.wanted_keys(),
        in_use=keeper.keys_in_use(),
        closed=succession.closed,
        only_agreed_until_ms=succession.waits_until_ms,
        agreed=succession.agreed,
        fences=picture.closed_fences(),
        declared=picture.declared_dead(),
        runs_alone=_runs_alone(picture),
        roster_surrendered=succession.surrendered,
    )


def _runs_alone(picture: Picture) -> frozenset[GrantKey]:
    """Keys of roles that give exclusiveness up where there is no majority (X8)."""
    return picture.once(
        "alone",
        picture.irs_version(),
        lambda: frozenset(s.key for s in _specs(picture) if s.key is not None and s.when_no_quorum == "run"),
    )


def _specs(picture: Picture) -> list[ElementSpec]:
    """All that any intent's sets name."""
    return [spec for ir in picture.irs().values() for roles in ir.sets.values() for spec in roles.elements.values()]


def uplink_view(picture: Picture) -> UplinkView:
    """Who leads, which managers there are, and what the others see of them."""
    leadership = picture.agent.election.leadership
    leader = leadership.leader
    standings, contacts = picture.facets.sides["standings"].said, picture.contacts()
    return UplinkView(
        leader=leader,
        term=leadership.term,
        part=leadership.part,
        managers=frozenset(picture.managers()),
        settings=picture.uplink_settings(),
        # What another part is answered is no answer to this one (M3); who has just lost its leader, or found one, is of
        # no other part yet.
        reports={
            n: ((contact := contacts[n]).heard_ms - contact.beat.said_ms, uplinks)
            for n, uplinks in picture.facets.answered.items()
            if leader is None or (theirs := standings[n].leader) is None or theirs == leader
        },
        declared=picture.carried(leader).modes if leader is not None and leader in picture.contacts() else None,
        carry=picture.question,
    )


def fitting_view(picture: Picture) -> FittingView:
    """What this node has, and what there is to measure."""
    facts = picture.facts
    return FittingView(
        facts=facts,
        expression_facts=node_facts(facts, name=picture.me) if facts is not None else {},
        free=facts.caps - picture.usage.owner if facts is not None else Resources(),
        irs=picture.irs(),
        report=picture.fit(picture.me),
        drained=picture.me in picture.drained(),
    )


def voter_view(picture: Picture) -> VoterView:
    """My leader, my plan, my ledger, my experience."""
    leadership = picture.agent.election.leadership
    return VoterView(
        leader=leadership.leader,
        term=leadership.term,
        plan=picture.plan(),
        caps=picture.facts.caps if picture.facts is not None else Resources(),
        usage=picture.usage,
        experience=picture.noes(),
        able=picture.agent.fitting.able(fitting_view(picture)),
        drained=picture.drained().get(picture.me),
    )


def chair_view(picture: Picture) -> ChairView:
    """All that a leader plans with; nothing of it is made while this node does not lead."""
    leadership = picture.agent.election.leadership
    leads = leadership.leads(picture.me) and picture.me in picture.roster().members
    members = tuple(sorted(leadership.part))
    roster = len(picture.roster().members)
    if not leads:
        return ChairView(
            leads=False, term=leadership.term, members=(), roster=roster, held={}, plan=None, survey=None, clauses={},
            insists=frozenset(), isolated_from=(), hold_ms=HOLD_MS, stamp=(),
        )  # fmt: skip
    others = [n for n in members if n in picture.contacts()]
    survey = _survey(picture, members, others)
    modes = picture.agent.uplink.modes
    return ChairView(
        leads=True,
        term=leadership.term,
        members=members,
        roster=roster,
        held={
            n: plan
            for n in others
            if picture.carried(n).standing.term == leadership.term and (plan := picture.carried(n).plan) is not None
        },
        heard=frozenset(n for n in others if picture.carried(n).standing.term == leadership.term),
        expected=frozenset(picture.contacts()),
        plan=picture.plan(),
        survey=survey,
        clauses=_clauses(picture, len(members)),
        review=_to_review(picture),
        insists=frozenset(i for i, ir in survey.irs.items() if ir.governance.last == "unfilled"),
        isolated_from=tuple(sorted(m for m in picture.managers() if picture.agent.uplink.mode(m) == "isolated")),
        forgotten=(forgotten := 0 < picture.forgotten_term() < leadership.term),
        hold_ms=HOLD_MS + _longest_start_ms(picture),
        stamp=(
            members,
            picture.custody.version,
            tuple(survey.running.items()),
            survey.offices,
            survey.failing,
            survey.refused,
            survey.present,
            survey.silent,
            modes,
            forgotten,
        ),
    )


def _to_review(picture: Picture) -> dict[IntentId, int]:
    """D18: intents that are connected again under a plan that was made while they were not."""
    plan = picture.plan()
    return {
        intent: ir.replace_if_gain_permille
        for intent, ir in picture.irs().items()
        if plan is not None and ir.owner in plan.isolated_from and picture.agent.uplink.mode(ir.owner) == "connected"
    }


def _survey(picture: Picture, members: tuple[NodeId, ...], others: list[NodeId]) -> Survey:
    fits, unattended = picture.fits(), picture.agent.unattended.nodes
    # A member that was lost in this very step is in the part until the election has looked; nothing is known of it.
    # Who goes gets nothing more.
    known = [n for n in (picture.me, *others) if n in fits and not picture.goes(n)]
    governance = _site_governance(picture)
    management = _roles(picture, governance, len(members)) if governance is not None else {}
    reach = {n: (picture.carried(n).reach_permille, picture.carried(n).idle_permille) for n in others}
    reach[picture.me] = (picture.reach_permille(), picture.idle_permille())
    drained = picture.drained()
    offices: dict[str, dict[NodeId, int]] = {}
    for name, role in management.items():
        found = {n: _office_fit(picture, role, n, fits[n].facts, *reach[n]) for n in known}
        offices[name] = {n: fit for n, fit in found.items() if fit != INELIGIBLE and n not in drained}
    return Survey(
        leader=picture.me,
        members={n: Member(fit=fits[n], free=fits[n].free) for n in known},
        irs=picture.irs(),
        precedence=picture.managers(),
        present=frozenset({*picture.contacts(), *unattended}),
        silent=picture.agent.unattended.silent,
        running={
            **unattended,
            **{n: picture.carried(n).running for n in others},
            picture.me: picture.agent.keeper.instances(),
        },
        management=management,
        offices=offices,
        in_force=picture.modes(),
        only={} if picture.contingency else picture.modes(),
        inherited=(plan := picture.plan()) is not None and plan.id.term != picture.agent.election.leadership.term,
        drained=drained,
        newcomers=frozenset(members).difference(plan.members) if plan is not None else frozenset(),
        refused=frozenset(i for i, v in picture.verdicts().items() if v.word == "refused"),
        failing={
            i: v.holder
            for i, v in picture.verifications().items()
            if not v.ok and v.count >= EXPERIENCE_NEEDED and v.holder in members
        },
    )


def _clauses(picture: Picture, members: int) -> dict[str, tuple[AssentClause, ...]]:
    """For each set the clauses of its intent's governance. A set is voted under the rules of the mode that it is for;
    while isolated, that of isolation holds for both (D13)."""
    found: dict[str, tuple[AssentClause, ...]] = {}
    site = _site_governance(picture)
    for intent, ir in picture.irs().items():
        for name in ("connected", "isolated"):
            mode: SetName = "isolated" if picture.agent.uplink.mode(ir.owner) == "isolated" else _set_name(name)
            found[f"{intent}/{name}"] = _clauses_of(picture, ir.governance, members, mode)
    if site is not None:
        found[f"{SITE}/connected"] = _clauses_of(
            picture, site, members, picture.agent.uplink.mode(picture.roster().manager)
        )
    return found


def _set_name(name: str) -> SetName:
    return "connected" if name == "connected" else "isolated"


def _clauses_of(picture: Picture, governance: Governance, members: int, mode: SetName) -> tuple[AssentClause, ...]:
    try:
        return assent_clauses(governance, site_facts(members, mode), picture.expressions)
    except ExpressionError:
        return ()


def _longest_start_ms(picture: Picture) -> int:
    configurations = [one for spec in _specs(picture) for one in spec.configurations.values()]
    return max((one.ready.within_ms for one in configurations), default=0)


def keeper_view(picture: Picture) -> KeeperView:
    """The plan, the modes, the grants, and what the neighbours run."""
    plan, leadership = picture.plan(), picture.agent.election.leadership
    return KeeperView(
        plan=plan,
        my_leaders=(
            plan is not None
            and (plan.id.term, plan.id.leader) == (leadership.term, leadership.leader)
            and picture.me in plan.members
        ),
        modes=picture.modes(),
        irs=picture.irs(),
        held=picture.agent.granting.held,
        running=picture.running(),
        room=picture.facts.caps - picture.usage.owner if picture.facts is not None else Resources(),
        leaving=picture.goes(picture.me),
        paused=picture.paused(),
        drained=picture.me in picture.drained(),
        reading_every_ms=picture.reading_every_ms(),
    )


def monitoring_view(picture: Picture) -> MonitoringView:
    """What runs where, and who is to measure it."""
    plan, journal = picture.plan(), picture.agent.journal
    return MonitoringView(
        irs=picture.irs(),
        modes=picture.modes(),
        mine=picture.agent.keeper.instances(),
        running=picture.everywhere(),
        validators=plan.holder_of("validator") if plan is not None else (),
        reporters=plan.holder_of("reporter") if plan is not None else (),
        reading_every_ms=picture.reading_every_ms(),
        chain=journal.own_chain,
        head=journal.heads.get(journal.own_chain, 0),
    )


def unattended_view(picture: Picture) -> UnattendedView:
    """Who has gone, and what ran there."""
    return UnattendedView(gone=picture.departed(), irs=picture.irs())


VIEW_OF: Mapping[str, Callable[[Picture], Any]] = {
    "unattended": unattended_view,
    "membership": membership_view,
    "election": election_view,
    "uplink": uplink_view,
    "fitting": fitting_view,
    "voter": voter_view,
    "chair": chair_view,
    "succession": succession_view,
    "granting": granting_view,
    "keeper": keeper_view,
    "monitoring": monitoring_view,
}
