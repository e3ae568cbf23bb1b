"""A manager's word on the sections of its own intents in a site's plan (D18, R1): each judged once, and again when the
word on it has changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from skerry.core.kernel.ids import IntentId, ManagerId, NodeId, PlanId
from skerry.core.stages.ir.model import IntermediateRepresentation, owns
from skerry.core.stages.negotiation.model import Plan, Section
from skerry.core.stages.ratification.model import Verdict, Word
from skerry.core.stages.ratification.rules import judge

EVIDENCE_WITHIN_MS = 10_000
"""Some beats, in which members copy what one of them wrote, and some questions."""


@dataclass
class Judging:
    """One site's verdicts, and the evidence that they wait for."""

    manager: ManagerId
    given: list[Verdict] = field(default_factory=list)
    """All of them, in order."""
    _number: int = 0
    _committed: set[tuple[str, str]] = field(default_factory=set)
    """Leader and plan, of every commit that the journal holds."""
    _all_here_since: tuple[PlanId | None, int] | None = None
    """Since when who asks has held this plan, and told of no entry that is not here."""
    _heard_ms: int = 0

    def take(self, verdict: Verdict) -> None:
        """One that was given before, by this process or an earlier one."""
        self._number = max(self._number, verdict.number)
        self.given = [*self.given, verdict]

    def committed(self, leader: str, plan: str) -> None:
        """The journal holds the entry with which this leader committed this plan."""
        self._committed.add((leader, plan))

    def hear(self, plan: PlanId | None, theirs: Mapping[str, int], heads: Mapping[str, int], at_ms: int) -> None:
        """The plan that who asks holds, how much it has of each chain, and how much of each is here."""
        if any(number > heads.get(chain, 0) for chain, number in theirs.items()):
            self._all_here_since = None
        elif self._all_here_since is None or self._all_here_since[0] != plan:
            self._all_here_since = (plan, at_ms)
        self._heard_ms = at_ms

    def evidence_missing(self, plan: Plan, distrusted: Mapping[str, str], lost: Collection[str]) -> bool:
        """A temporary plan is judged once the entry that committed it has come, or will not come: as it was signed; or
        since it may be among what is lost of its leader's chains (J3); or since all that is told of has been here for
        a while, so that nobody at the site has it any more."""
        if self.manager not in plan.isolated_from or distrusted:
            return False
        held, since_ms = self._all_here_since or (None, 0)
        if held == plan.id and self._heard_ms >= since_ms + EVIDENCE_WITHIN_MS:
            return False
        if any(chain.startswith(f"{plan.id.leader}/") for chain in lost):
            return False
        return (str(plan.id.leader), str(plan.id)) not in self._committed

    def due(
        self,
        plan: Plan,
        irs: Mapping[IntentId, IntermediateRepresentation],
        members: Collection[NodeId],
        distrusted: Mapping[str, str],
        lost: Collection[str],
        wall_ms: int,
    ) -> list[Verdict]:
        """A word on every section of mine that has none yet, or whose word has changed (R3: of one part's plan). What
        others own is not judged here (D25)."""
        if self.evidence_missing(plan, distrusted, lost):
            return []
        temporary = self.manager in plan.isolated_from
        found: list[Verdict] = []
        for intent, section in sorted(plan.sections.items()):
            if not owns(self.manager, intent):
                continue
            word, reason = judge(section, irs.get(intent), members, distrusted if temporary else {})
            last = next((v for v in reversed(self.given) if (v.intent, v.plan) == (intent, plan.id)), None)
            if last is None or (last.digest, last.word) != (section.digest, word):
                found.append(self._verdict(plan, section, word, reason, wall_ms))
        return found

    def _verdict(self, plan: Plan, section: Section, word: Word, reason: str, wall_ms: int) -> Verdict:
        verdict = Verdict(
            intent=section.intent,
            generation=section.generation,
            plan=plan.id,
            digest=section.digest,
            word=word,
            reason=reason,
            temporary=self.manager in plan.isolated_from,
            number=self._number + 1,
            wall_ms=wall_ms,
        )
        self.take(verdict)
        return verdict
