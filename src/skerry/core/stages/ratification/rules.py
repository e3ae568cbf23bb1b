"""Judging a section of a plan (R1, R2): the higher generation wins, then the verdict, then the plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from skerry.core.kernel.ids import NodeId
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.negotiation.model import Section
from skerry.core.stages.ratification.model import Word


def judge(
    section: Section,
    ir: IntermediateRepresentation | None,
    members: Collection[NodeId],
    distrusted: Mapping[str, str],
) -> tuple[Word, str]:
    """The word on one section, with its reason.

    `distrusted` are chains of the site's journal that do not verify, with what is wrong: decisions whose evidence was
    changed are not ratified.
    """
    if distrusted:
        chain, why = sorted(distrusted.items())[0]
        return "refused", f"the journal does not verify: {chain}: {why}"
    if ir is None:
        return "refused", "this manager has no such intent"
    if ir.generation != section.generation:
        return "replaced", f"generation {ir.generation} is in force, the plan was made for {section.generation}"
    for assignments, roles in ((section.connected, ir.sets["connected"]), (section.isolated, ir.sets["isolated"])):
        for assignment in assignments.values():
            if assignment.holder not in members:
                return "refused", f"{assignment.instance} is given to {assignment.holder}, who is not in the roster"
            spec = roles.elements.get(assignment.element)
            known = spec.configurations.get(assignment.configuration) if spec is not None else None
            if known is None or known.digest != assignment.digest:
                return "refused", f"{assignment.instance} runs a configuration that the intent does not name"
    return "final", "it keeps the intent's terms"
