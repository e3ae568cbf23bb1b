"""The parts of a site that is split, as its manager sees them: each has a plan, and a word on it, of its own (R3).

A node holds one plan, its part's. A manager keeps the newest of every leader, and takes each member for one of the part
whose plan it says that it holds; a part that goes on under an earlier plan of the same leader keeps the word it has. It
joins no parts and stops no double: what it says goes to those whose plan it names, and when parts have met, their
members say so by the one plan that they then hold.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from skerry.core.group.custody.machine import Custody
from skerry.core.group.custody.model import Kept, Version
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict

PLAN = "plan"
PLAN_PREFIX = "plan/"
NONE: Version = (0, "", 0)


def by_leader(document: Kept) -> Kept:
    """A document as a manager keeps it: a plan under its leader's name."""
    if not isinstance(document.value, Plan):
        return document
    return msgspec.structs.replace(document, name=f"{PLAN_PREFIX}{document.value.id.leader}")


def plan_of(theirs: Mapping[str, Version], custody: Custody) -> Plan | None:
    """The plan that a member holds, if it was heard."""
    version = theirs.get(PLAN, NONE)
    kept = custody.kept.get(f"{PLAN_PREFIX}{version[1] if len(version) > 1 else ''}")
    return kept.value if kept is not None and kept.version == version else None


def versions_for(theirs: Mapping[str, Version], custody: Custody) -> dict[str, Version]:
    """What is held here, as a member may compare it with what it holds: of the plans that of its own leader."""
    found = {name: version for name, version in custody.versions().items() if not name.startswith(PLAN_PREFIX)}
    version = theirs.get(PLAN)
    if version is not None:
        kept = custody.kept.get(f"{PLAN_PREFIX}{version[1] if len(version) > 1 else ''}")
        found[PLAN] = kept.version if kept is not None else NONE
    return found


def plans_in_force(custody: Custody) -> list[Plan]:
    """The plan of each part, the latest first: those whose leader no later one names as a member."""
    held = [kept.value for name, kept in custody.kept.items() if name.startswith(PLAN_PREFIX)]
    found: list[Plan] = []
    for plan in sorted(held, key=lambda plan: plan.id, reverse=True):
        if not any(plan.id.leader in later.members for later in found):
            found.append(plan)
    return found


def concerns(document: Kept, theirs: Mapping[str, Version], plan: Plan | None) -> bool:
    """Whether a document may go to a member, whose `plan` this is, if it was heard: of the words on one leader's plans
    that on the one that it holds, or on an earlier one whose section is in it no more: no other word will come."""
    held = theirs.get(PLAN)
    if not isinstance(document.value, Verdict) or held is None:
        return True
    named = document.value.plan
    if held == (named.term, str(named.leader), named.number) or str(named.leader) not in held:
        return True
    return plan is not None and document.value.intent not in plan.sections
