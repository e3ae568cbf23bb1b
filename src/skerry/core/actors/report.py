"""What an agent says of itself: plain data for its API, with the age of every fact. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from skerry.core.actors.agent import Agent
from skerry.core.group.custody.model import Kept
from skerry.core.group.granting.model import DEAD_PREFIX
from skerry.core.group.journal.chain import body_of
from skerry.core.group.journal.machine import Journal
from skerry.core.group.journal.model import Fold
from skerry.core.group.uplink.model import ModeState, UplinkReport
from skerry.core.kernel.ids import GrantKey, InstanceId, IntentId, NodeId
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.fit.model import Measured, RoleFit, fit_permille, summary
from skerry.core.stages.history.standing import state_of
from skerry.core.stages.intent.holds import HOLD_PREFIX
from skerry.core.stages.ir.model import ElementSpec, IntermediateRepresentation
from skerry.core.stages.negotiation.model import Plan, Section, Slot
from skerry.core.stages.subscription.model import Instance
from skerry.core.stages.subscription.rules import paused_by, spec_of

JOURNAL_PAGE_MAX = 500


def status(agent: Agent, at_ms: int, cannot_write: str = "", lost: int = 0) -> dict[str, Any]:
    """One screen: who is there, who leads, which mode since when, what runs, what is given up. `cannot_write` is why
    the disk takes nothing, if it does not (N5); `lost` how many messages were lost at this end (C2)."""
    picture, leadership = agent.picture, agent.election.leadership
    plan, roster = picture.plan(), picture.roster()
    contacts = picture.contacts()
    running = picture.everywhere()
    return {
        "site": agent.identity.site,
        "node": picture.me,
        "life": agent.identity.life,
        "at_ms": at_ms,
        "leader": leadership.leader,
        "term": leadership.term,
        "part": sorted(leadership.part),
        "plan": str(plan.id) if plan is not None else None,
        "plan_temporary": bool(plan.isolated_from) if plan is not None else False,
        "roster_version": roster.version,
        "roster_counting": agent.succession.counting,
        "belongs": picture.me in roster.members,
        "dead": _dead(agent),
        "managers": _managers(agent, at_ms),
        "modes": {manager: _mode(agent, state) for manager, state in agent.uplink.modes.items()},
        "uplink": {
            manager: {
                "answered_age_ms": _age_ms(report, at_ms),
                "session": report.session,
            }
            for manager, report in agent.uplink.reports().items()
        },
        "members": [_member(agent, NodeId(name), at_ms) for name in sorted(roster.members)],
        "management": {
            duty: list(plan.holder_of(duty)) if plan is not None else [] for duty in ("validator", "reporter")
        },
        "functionalities": [
            _functionality(agent, ir, plan, running) for ir in sorted(picture.irs().values(), key=lambda ir: ir.intent)
        ],
        "documents": {name: list(version) for name, version in picture.custody.versions().items()},
        "journal": agent.journal.heads,
        "journal_bytes": agent.journal.size_bytes,
        "forks": agent.journal.forks.chains,
        "refused": agent.refused,
        "lost": lost,
        "holds": hold_rows(picture.holds()),
        "given_up": [
            *([f"this node decides nothing, and hears nobody: {cannot_write}"] if cannot_write else []),
            *_given_up(agent, plan, len(roster.members), len(contacts) + 1),
        ],
    }


def _dead(agent: Agent) -> dict[str, dict[str, Any]]:
    """What was ever said of a node's being off, and whether that stands (X8)."""
    standing = agent.picture.declared_dead()
    return {
        name.removeprefix(DEAD_PREFIX): {
            "generation": kept.value.generation,
            "stands": kept.value.node in standing,
            "left_out": kept.value.node in agent.granting.surrender.dead,
        }
        for name, kept in sorted(agent.picture.custody.kept.items())
        if name.startswith(DEAD_PREFIX)
    }


def all_holds(kept: Mapping[str, Kept]) -> list[dict[str, Any]]:
    """Every hold in custody, lifted ones too."""
    return hold_rows(document for name, document in sorted(kept.items()) if name.startswith(HOLD_PREFIX))


def hold_rows(documents: Iterable[Kept]) -> list[dict[str, Any]]:
    """Holds: of what, by whom, where, why, since when by their own clock (R4)."""
    return [
        {
            "hold": document.value.name,
            "what": document.value.what,
            "subject": document.value.subject,
            "place": document.value.place,
            "number": document.value.number,
            "lifted": document.value.lifted,
            "by": document.author,
            "why": document.value.why,
            "wall_ms": document.value.wall_ms,
        }
        for document in documents
    ]


def _managers(agent: Agent, at_ms: int) -> list[dict[str, Any]]:
    """Whose intents count here, in order of precedence, with each one's own connection (D25)."""
    reports = agent.uplink.reports()
    found: list[dict[str, Any]] = []
    for manager in agent.picture.managers():
        mine = reports.get(manager)
        found.append(
            {
                "manager": manager,
                "home": manager == agent.picture.roster().manager,
                "mode": agent.uplink.mode(manager),
                "answered_age_ms": _age_ms(mine, at_ms) if mine is not None else None,
                "session": mine is not None and mine.session,
            }
        )
    return found


def _age_ms(report: UplinkReport, at_ms: int) -> int | None:
    return at_ms - report.answered_ms if report.answered_ms is not None else None


def _mode(agent: Agent, state: ModeState) -> dict[str, Any]:
    return {
        "mode": state.mode,
        "since_wall_ms": state.wall_ms,
        "declared": [state.id.term, state.id.leader, state.id.number],
    }


def _member(agent: Agent, node: NodeId, at_ms: int) -> dict[str, Any]:
    picture = agent.picture
    if node == picture.me:
        return {"node": node, "contact": "self", "age_ms": 0, "instances": _instances(agent.keeper.instances())}
    contact = picture.contacts().get(node)
    if contact is None:
        left = agent.unattended.nodes.get(node)
        state = "unattended" if left is not None else "hung" if node in agent.membership.hung else "lost"
        return {"node": node, "contact": state, "age_ms": None, "instances": _instances(left or ())}
    carried = picture.carried(node)
    return {
        "node": node,
        "contact": "yes",
        "age_ms": at_ms - contact.heard_ms,
        "leader": carried.standing.leader,
        "term": carried.standing.term,
        "plan": str(carried.plan) if carried.plan is not None else None,
        "modes": {manager: state.mode for manager, state in carried.modes.items()},
        "instances": _instances(carried.running),
    }


def _instances(instances: tuple[Instance, ...]) -> list[dict[str, Any]]:
    return [
        {
            "instance": i.instance,
            "phase": i.phase,
            "configuration": i.configuration,
            "endpoint": i.endpoint,
            "fence": i.fence,
            "since_wall_ms": i.since_wall_ms,
            "reason": i.reason,
        }
        for i in instances
    ]


def _functionality(
    agent: Agent, ir: IntermediateRepresentation, plan: Plan | None, running: dict[NodeId, tuple[Instance, ...]]
) -> dict[str, Any]:
    mode = agent.uplink.mode(ir.owner)
    section = plan.sections.get(ir.intent) if plan is not None else None
    verified, paused = agent.picture.verifications(), agent.picture.paused()
    roles: list[dict[str, Any]] = []
    for name, spec in ir.sets[mode].elements.items():
        assigned = [a for a in section.of(mode).values() if a.element == name] if section is not None else []
        active = [
            a.instance
            for a in assigned
            if any(i.instance == a.instance and i.phase == "active" for i in running.get(a.holder, ()))
        ]
        roles.append(
            {
                "element": name,
                "essential": spec.essential,
                "wanted": spec.scaled(len(plan.members) if plan is not None else 1),
                "assigned": {a.instance: a.holder for a in assigned},
                "active": active,
                "verified": [i for i in active if (v := verified.get(i)) is not None and v.ok],
                "contradicted": [i for i in active if (v := verified.get(i)) is not None and not v.ok],
                "agreed": {a.instance: a.agreed for a in assigned},
                "lowered": [a.instance for a in assigned if a.lowered],
            }
        )
    return {
        "intent": ir.intent,
        "functionality": ir.functionality,
        "owner": ir.owner,
        "priority": ir.priority,
        "generation": ir.generation,
        "mode": mode,
        "state": "paused" if ir.intent in paused and not ir.withdrawn else state_of(ir, roles, "verified"),
        "local": ir.local,
        "withdrawn": ir.withdrawn,
        "verdict": _verdict(agent, ir, plan),
        "paused": {s: why for s, why in paused.items() if s == ir.intent or s.startswith(f"{ir.intent}/")},
        "digest": section.digest if section is not None else None,
        "roles": roles,
        "unfilled": section.unfilled if section is not None else {},
    }


def _verdict(agent: Agent, ir: IntermediateRepresentation, plan: Plan | None) -> str | None:
    """`temporary` until a manager's word on this very section is here."""
    if plan is None or ir.intent not in plan.sections:
        return None
    verdict = agent.picture.verdicts().get(ir.intent)
    return verdict.word if verdict is not None else "temporary"


def _given_up(agent: Agent, plan: Plan | None, roster: int, here: int) -> list[str]:
    """What safety is given up now, in plain words."""
    found: list[str] = []
    if here < roster:
        found.append(f"{here} of {roster} nodes are in contact with this one")
    if plan is not None and plan.isolated_from:
        agreed = sorted({a.agreed for s in plan.sections.values() for a in _all(s) if " out of " in a.agreed})
        found.append(
            f"decided without {', '.join(plan.isolated_from)}: {'; '.join(agreed) or 'by the assignees alone'}"
        )
    if agent.picture.me not in agent.picture.roster().members:
        found.append(f"{agent.picture.me} was taken out of the roster: it runs nothing, and what it says is a claim")
    found += [f"{node} was declared dead, and has not answered" for node in sorted(agent.picture.declared_dead())]
    if agent.succession.counting != agent.picture.roster().version:
        newest, counting = agent.picture.roster().version, agent.succession.counting
        found.append(f"roster {newest} does not count for grants yet: no majority has closed {counting}")
    return found + [line for key in sorted(agent.keeper.wanted_keys()) for line in _exclusiveness(agent, key)]


def _exclusiveness(agent: Agent, key: GrantKey) -> Iterable[str]:
    held = agent.granting.held.get(key)
    if held is None:
        yield f"{key}: no majority of the roster grants it, so it does not run here"
    elif held.surrendered:
        yield f"{key} may be active twice since {held.surrendered_wall_ms} (wall ms): {held.surrendered}"


def _all(section: Section) -> list[Any]:
    return [*section.connected.values(), *section.isolated.values()]


def fits(agent: Agent) -> dict[str, Any]:
    """The table of role and node, as this node knows it."""
    picture = agent.picture
    return fit_table(picture.fits().values(), picture.irs().values())


def fit_table(reports: Iterable[RoleFit], irs: Iterable[IntermediateRepresentation]) -> dict[str, Any]:
    """Of every role and node what was measured, how, when, and why not."""
    wanted = sorted(irs, key=lambda ir: ir.intent)
    rows: list[dict[str, Any]] = []
    for fit in sorted(reports, key=lambda fit: fit.node):
        for ir in wanted:
            for element, spec in {**ir.sets["isolated"].elements, **ir.sets["connected"].elements}.items():
                name = f"{ir.intent}/{element}"
                measured = fit.measured.get(name, {})
                best, mean = summary(spec, measured)
                rows.append(
                    {
                        "node": fit.node,
                        "intent": ir.intent,
                        "element": element,
                        "best_permille": best,
                        "mean_permille": mean,
                        "configurations": {n: _measured(spec, m) for n, m in measured.items()},
                        "limitations": fit.limitations.get(name, {}),
                    }
                )
    return {"rows": rows}


def _measured(spec: ElementSpec, measured: Measured) -> dict[str, Any]:
    return {
        "fit_permille": fit_permille(spec.standards, measured.figures_milli),
        "figures_milli": measured.figures_milli,
        "operations": measured.operations,
        "seconds_milli": measured.seconds_milli,
        "digest": measured.digest,
        "wall_ms": measured.wall_ms,
        "disturbed": measured.disturbed,
        "failure": measured.failure,
    }


def explain(agent: Agent, instance: str) -> dict[str, Any]:
    """Why an instance is where it is: the last ranking of its slots that this node made, and how it was agreed."""
    rankings = [
        {"set": slot.set, "candidates": ranking.candidates, "unable": ranking.unable}
        for slot, ranking in sorted(agent.chair.rankings.items(), key=lambda item: _order(item[0]))
        if slot.instance == instance
    ]
    leader = agent.election.leadership.leader
    return {
        "instance": instance,
        "paused": paused_by(InstanceId(instance), agent.picture.paused()),
        "drained": agent.picture.drained(),
        "assignments": agreed(agent.picture.plan(), instance),
        "open": _open(agent.picture.plan(), instance),
        "claim": _claim(agent, instance),
        "rankings": rankings,
        "ranked_by": agent.identity.node,
        "leader": leader,
    }


def _open(plan: Plan | None, instance: str) -> dict[str, str]:
    """Set by set, why nobody has an instance: for whom it makes room, or what is lacking."""
    sections = plan.sections.values() if plan is not None else ()
    return {slot: why for s in sections for slot, why in s.unfilled.items() if slot.partition(" ")[0] == instance}


def _claim(agent: Agent, instance: str) -> str | None:
    """How strong its claim is where the site cannot hold everything, in words (U18, D25)."""
    picture = agent.picture
    ir = picture.irs().get(IntentId(instance.rpartition("/")[0]))
    spec = spec_of(InstanceId(instance), ir, "connected")
    if ir is None or spec is None or ir.owner not in picture.managers():
        return None
    place = f"manager {picture.managers().index(ir.owner) + 1} of {len(picture.managers())} ({ir.owner})"
    return f"{'essential' if spec.essential else 'not essential'}, {place}, priority {ir.priority}"


def agreed(plan: Plan | None, instance: str) -> list[dict[str, Any]]:
    """What a plan says of an instance, set by set."""
    sections = plan.sections.values() if plan is not None else ()
    sets = [pair for s in sections for pair in (("connected", s.connected), ("isolated", s.isolated))]
    return [
        {
            "set": name,
            "holder": a.holder,
            "configuration": a.configuration,
            "fit_permille": a.fit_permille,
            "lowered": a.lowered,
            "agreed": a.agreed,
            "since": str(a.since) if a.since is not None else None,
        }
        for name, assigned in sets
        for a in assigned.values()
        if a.instance == instance
    ]


def _order(slot: Slot) -> tuple[str, str]:
    return (slot.set, slot.instance)


def journal_page(journal: Journal, after: int) -> dict[str, Any]:
    """Entries of every chain held, chains in order, counted through from 0; at most a page. `next` is where the page
    after this one begins, or None."""
    rows: list[dict[str, Any]] = []
    position = place = 0
    for chain in sorted(journal.heads):
        head = journal.heads[chain]
        for sealed in journal.entries(chain, max(after - position, 0)) if position + head > after else ():
            if len(rows) == JOURNAL_PAGE_MAX:
                return {"entries": rows, "next": place}
            rows.append(_entry(chain, sealed))
            place = position + rows[-1]["number"]
        position += head
    return {"entries": rows, "next": None}


def _entry(chain: str, sealed: Sealed) -> dict[str, Any]:
    statement = decode(sealed.statement, Statement)
    entry = body_of(statement)
    if isinstance(entry, Fold):
        said = [msgspec.structs.asdict(reading) for reading in entry.readings]
        data = {"first": entry.first, "readings": said, "dropped": entry.dropped}
        wall_ms = max((reading.wall_ms for reading in entry.readings), default=0)
        row = {"kind": "reading", "what": "folded", "about": "", "data": data, "wall_ms": wall_ms}
        return {"chain": chain, "number": statement.number, **row}
    return {
        "chain": chain,
        "number": statement.number,
        "kind": entry.kind,
        "what": entry.what,
        "about": entry.about,
        "data": {name: value for name, value in entry.data.items() if not isinstance(value, bytes)},
        "wall_ms": entry.wall_ms,
    }
