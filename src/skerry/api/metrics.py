"""A manager's figures, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from skerry.api.exposition import Sample, exposition
from skerry.api.office import Office
from skerry.core.stages.negotiation.model import SITE
from skerry.shell.clock import wall_ms

_MEANING = {
    "skerry_site_nodes": "Nodes in a site's roster.",
    "skerry_site_heard_age_seconds": "Time since a site last asked; absent if it never did.",
    "skerry_site_journal_entries": "Journal entries that are kept of a site.",
    "skerry_site_chains_distrusted": "Chains of a site's journal that do not verify.",
    "skerry_intent_generation": "The generation of an intent that its site is to have.",
    "skerry_intent_unfilled_slots": "Slots of an intent that its site's plan leaves unfilled.",
    "skerry_verdicts_total": "Verdicts given on a site's plans, by word.",
    "skerry_manager_messages_lost_total": "Messages that could not be sent or taken, or came while too many waited.",
}


def text(office: Office) -> str:
    """All of them now."""
    return exposition(_MEANING, _samples(office))


def _samples(office: Office) -> Iterable[Sample]:
    yield "skerry_manager_messages_lost_total", {}, office.correspondence.lost
    for name, site in sorted(office.sites.items()):
        here = {"site": name}
        yield "skerry_site_nodes", here, len(site.roster().members)
        if site.heard_wall_ms is not None:
            yield "skerry_site_heard_age_seconds", here, (wall_ms() - site.heard_wall_ms) / 1000
        yield "skerry_site_journal_entries", here, sum(site.journal.heads.values())
        yield "skerry_site_chains_distrusted", here, len(site.distrusted)
        for ir in site.irs():
            if not ir.withdrawn:
                yield "skerry_intent_generation", {**here, "intent": ir.intent}, ir.generation
        plan = site.plan()
        for intent, section in sorted(plan.sections.items()) if plan is not None else ():
            if intent != SITE:
                yield "skerry_intent_unfilled_slots", {**here, "intent": intent}, len(section.unfilled)
        for word in ("final", "replaced", "refused"):
            yield "skerry_verdicts_total", {**here, "word": word}, sum(v.word == word for v in site.verdicts)
