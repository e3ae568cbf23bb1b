"""What a manager's API shows across sites: intents, performance history, use."""

from __future__ import annotations

from typing import Any

from skerry.api.office import Office
from skerry.core.actors.manager import ManagerSite
from skerry.core.actors.remembered import lives
from skerry.core.actors.report import agreed
from skerry.core.stages.history.model import Lives, Reading
from skerry.core.stages.history.rules import client_use, compliance
from skerry.core.stages.history.standing import standing
from skerry.core.stages.ir.model import SiteDocument
from skerry.shell.clock import wall_ms


def intents(office: Office) -> list[dict[str, Any]]:
    """Every intent at every site: generation, verdict, what is assigned, confirmed, and what is not (D19)."""
    rows: list[dict[str, Any]] = []
    for name, site in sorted(office.sites.items()):
        plan, readings = site.plan(), site.readings()
        fits = {fit.node: fit for fit in site.values("fit/")}
        for ir in site.irs():
            section = plan.sections.get(ir.intent) if plan is not None else None
            verdict = next((v for v in reversed(site.verdicts) if v.intent == ir.intent), None)
            rows.append(
                {
                    "site": name,
                    "intent": ir.intent,
                    "name": ir.name,
                    "functionality": ir.functionality,
                    "generation": ir.generation,
                    "plan_generation": section.generation if section is not None else None,
                    "local": ir.local,
                    "withdrawn": ir.withdrawn,
                    "unfilled": section.unfilled if section is not None else {},
                    "verdict": verdict.word if verdict is not None else None,
                    **standing(ir, section, len(site.roster().members), readings, fits),
                }
            )
    return rows


def assignments(office: Office, instance: str) -> list[dict[str, Any]]:
    """Every place that the sites' plans give an instance."""
    sites = sorted(office.sites.items())
    return [{"site": name, **row} for name, site in sites for row in agreed(site.plan(), instance)]


def _account(site: ManagerSite) -> tuple[list[Reading], Lives, int]:
    """What a site's accounts are made from; last, how often its nodes write readings, in seconds."""
    settings: SiteDocument | None = next(iter(site.values("site")), None)
    every_s = -(-settings.reading_every_ms // 1000) if settings is not None else 0
    return site.readings(), lives(site.journal, site.values("roster/"), wall_ms()), every_s


def history(office: Office) -> list[dict[str, Any]]:
    """Per site and instance: seconds provided and compliant, and what the validator measured beside it."""
    return [{"site": name, **row} for name, site in sorted(office.sites.items()) for row in compliance(*_account(site))]


def use(office: Office) -> list[dict[str, Any]]:
    """Per site and client: seconds of use, isolated and connected apart, unknown ones as a sum of their own."""
    return [{"site": name, **row} for name, site in sorted(office.sites.items()) for row in client_use(*_account(site))]
