"""What this node committed and does not know any more: its disk was put back to an older image (P1).

A leader that counts on from such a disk gives the names of its old plans to new ones. Who holds an old one, as a
manager does, takes the new one of that name for the same, and never gives a word on it. So it goes on in a term above.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from skerry.core.actors.dealings import Dealings
from skerry.core.actors.parts import PLAN
from skerry.core.group.custody.model import Version
from skerry.core.kernel.ids import IntentId, NodeId
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict


def told_plan(dealings: Dealings) -> Version | None:
    """The version of my leader's plan that a manager last said it holds."""
    return dealings.theirs.versions.get(PLAN) if dealings.theirs is not None else None


def forgotten_term(me: NodeId, plan: Plan | None, dealings: Iterable[Dealings]) -> int:
    """The highest term of the plans of mine that managers hold and that are later than mine; 0: there is none."""
    mine: Version = (plan.id.term, str(plan.id.leader), plan.id.number) if plan is not None else ()
    told = (version for one in dealings if (version := told_plan(one)) is not None)
    return max((int(version[0]) for version in told if version > mine and version[1] == me), default=0)


def is_misjudged(me: NodeId, plan: Plan | None, verdicts: Iterable[Verdict], apply: Collection[IntentId]) -> bool:
    """Whether a manager has judged a plan of mine that has the name of this one and other sections; `apply`: on which
    intents there is a word that names its sections (R1)."""
    if plan is None or plan.id.leader != me:
        return False
    return any(verdict.plan == plan.id and verdict.intent not in apply for verdict in verdicts)
