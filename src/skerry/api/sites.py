"""What a manager's API shows of a site, as plain data with the age of what was heard."""

from __future__ import annotations

from typing import Any

from skerry.core.actors.manager import ManagerSite
from skerry.core.actors.report import all_holds, fit_table
from skerry.core.stages.negotiation.model import SITE
from skerry.shell.clock import wall_ms


def line(site: ManagerSite) -> dict[str, Any]:
    """One site in a line."""
    plan = site.plan()
    return {
        "site": site.site,
        "home": site.roster().manager,
        "managers": list(site.roster().managers),
        "nodes": len(site.roster().members),
        "heard_age_ms": None if site.heard_wall_ms is None else wall_ms() - site.heard_wall_ms,
        "heard_from": site.heard_from,
        "plan": str(plan.id) if plan is not None else None,
        "intents": [ir.name for ir in site.irs() if not ir.withdrawn],
        "distrusted": site.distrusted,
        "holds": [row for row in all_holds(site.custody.kept) if not row["lifted"]],
        "notices": notices(site),
    }


def notices(site: ManagerSite) -> list[str]:
    """What a person has to know of this site: what was found there after the manager was put back to a backup (J4),
    what of its journal is missing or lost (J3), whose was written twice (J1), and who told more when it was taken
    out."""
    said = [] if site.may_speak else ["not heard since this manager started: until then nothing new is said to it"]
    if site.manager not in site.roster().managers:
        said = [f"{site.roster().manager} has dismissed this manager: what it wants here counts as withdrawn"]
    for name in sorted(site.restored.found):
        settled = "it stands" if name.startswith("roster/") else "apply or delete it anew"
        said.append(f"{name}: found at the site, this manager did not know that it had said so; {settled}")
    for chain, number in sorted(site.journal.forks.chains.items()):
        said.append(f"journal {chain}: written twice, from entry {number} on: somebody else has this node's key")
    for chain, have in sorted(site.restored.behind(site.journal).items()):
        said.append(f"journal {chain}: entries {have + 1} to {site.restored.owing[chain]} are asked for again")
    for chain, stretches in sorted(site.journal.lost().items()):
        said += [f"journal {chain}: entries {a} to {b} are lost, nobody has them any more" for a, b in stretches]
    for chain, first in sorted(site.claims.chains.items()):
        said.append(f"journal {chain}: told after its node was taken out, from entry {first} on: its claims, unvouched")
    return said


def whole(site: ManagerSite) -> dict[str, Any]:
    """One site, whole: who belongs, what it decided, what this manager said to that."""
    plan = site.plan()
    verdicts = {v.intent: v for v in site.verdicts}
    return {
        **line(site),
        "roster_version": site.roster().version,
        "members": sorted(site.roster().members),
        "parts": [
            {
                "plan": str(p.id),
                "leader": p.id.leader,
                "members": list(p.members),
                "temporary": site.manager in p.isolated_from,
            }
            for p in site.plans()
        ],
        "documents": {name: list(version) for name, version in site.versions().items()},
        "journal": site.journal.heads,
        "plan_digests": {i: s.digest for i, s in plan.sections.items() if i != SITE} if plan is not None else {},
        "plan_temporary": plan is not None and site.manager in plan.isolated_from,
        "verdicts": {
            intent: {
                "word": v.word,
                "plan": str(v.plan),
                "digest": v.digest,
                "generation": v.generation,
                "reason": v.reason,
                "temporary": v.temporary,
            }
            for intent, v in verdicts.items()
        },
        "assignments": {
            intent: {
                name: {
                    a.instance: a.holder
                    for a in section.of("connected" if name == "connected" else "isolated").values()
                }
                for name in ("connected", "isolated")
            }
            for intent, section in (plan.sections.items() if plan is not None else ())
        },
    }


def fits(site: ManagerSite) -> dict[str, Any]:
    """Of every role and node what was measured, as the nodes reported it."""
    return fit_table(site.values("fit/"), site.irs())
