"""R1: a verdict names what the site decided, and a temporary plan is made final only on the evidence that led to it; or
where the manager knows of something lost, and who speaks for the site has that evidence no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.actors.manager import VERDICT_PREFIX
from skerry.core.actors.parts import PLAN_PREFIX
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.journal.chain import ENTRY_PREFIX, body_of
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Persist, Put
from skerry.core.kernel.ids import PlanId
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.ir.model import owns
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.ratification.model import Verdict
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.world import World

PLAN_KEY = f"{DOCUMENT_PREFIX}{PLAN_PREFIX}"


class Verdicts(Checker):
    """Reads the manager's store as it grows."""

    property_id = "R1"
    of_each_manager = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._plans: dict[PlanId, Plan] = {}
        self._committed: set[tuple[str, str]] = set()
        """Leader and plan of each commit that the stored journal tells of."""
        self._verdicts: dict[int, Verdict] = {}
        self._given: set[bytes] = set()
        """All that were ever given: one that is found again was judged when it was."""

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """In the order in which it decided: what one act keeps together may rest on each other."""
        for change in changes:
            if not isinstance(change, Put):
                continue
            if change.key.startswith(VERDICT_PREFIX):
                self._verdict(decode(change.value, Verdict))
            elif change.key.startswith(PLAN_KEY):
                plan = decode(_statement(change).body, Plan)
                self._plans[plan.id] = plan
            elif change.key.startswith(ENTRY_PREFIX):
                statement = _statement(change)
                entry = body_of(statement)
                if isinstance(entry, Entry) and entry.what == "plan.committed":
                    self._committed.add((statement.signer, entry.about))

    def on_tick(self) -> None:
        """What a node takes for the word on a plan names that plan."""
        for name, machine in self.world.machines.items():
            if machine.shell is None or self.manager is not self.world.manager:
                continue
            picture = machine.shell.agent.picture
            plan, verdicts = picture.plan(), picture.verdicts()
            strange = next((v for v in verdicts.values() if plan is None or v.plan != plan.id), None)
            if strange is not None:
                self.broken(f"{name} takes the word on {strange.intent} in {strange.plan} for one on its present plan")

    def on_manager_put_back(self) -> None:
        """It knows what its backup holds, and what it finds; what it said and nobody heard, it may say anew."""
        store = self.manager.store
        known = [decode(raw, Verdict) for key, raw in store.items() if key.startswith(VERDICT_PREFIX)]
        self._verdicts = {verdict.number: verdict for verdict in known}
        self._committed.clear()
        self._plans.clear()
        self.before_manager_persist([Put(key=k, value=v) for k, v in store.items() if not k.startswith(VERDICT_PREFIX)])

    def _verdict(self, verdict: Verdict) -> None:
        if encode(verdict) in self._given:
            return
        self._given.add(encode(verdict))
        self.world.coverage.hit(f"verdict.{verdict.word}{'.temporary' if verdict.temporary else ''}")
        if self._verdicts.setdefault(verdict.number, verdict) != verdict:
            self.broken(f"two verdicts have the number {verdict.number}")
        if not owns(self.manager.name, verdict.intent):
            self.broken(f"{self.manager.name} has a word on {verdict.intent}, which is not its own")
        plan = self._plans.get(verdict.plan)
        section = plan.sections.get(verdict.intent) if plan is not None else None
        if section is None or section.digest != verdict.digest:
            self.broken(f"a verdict on {verdict.intent} in {verdict.plan}, which the manager does not hold so")
        if verdict.word == "final" and verdict.temporary:
            self.premise()
            if (str(verdict.plan.leader), str(verdict.plan)) in self._committed:
                return
            lost = self.manager.site.journal.lost() if self.manager.site is not None else {}
            if not any(chain.startswith(f"{verdict.plan.leader}/") for chain in lost) and self._is_retained(
                verdict.plan
            ):
                self.broken(f"{verdict.plan} was decided alone and is final, and nothing stored tells of its commit")
            self.world.coverage.hit("verdict.final.evidence_lost")

    def _is_retained(self, plan: PlanId) -> bool:
        """Whether the member that asked last has the entry that tells of a commit: others copy it at once."""
        asker = self.manager.site.heard_from if self.manager.site is not None else None
        disk = self.world.machines[asker].disk if asker is not None else {}
        chains = f"{ENTRY_PREFIX}{plan.leader}/"
        held = (body_of(_opened(raw)) for key, raw in disk.items() if key.startswith(chains))
        return any(isinstance(entry, Entry) and entry.about == str(plan) for entry in held)


def _statement(change: Put) -> Statement:
    return _opened(change.value)


def _opened(raw: bytes) -> Statement:
    return decode(decode(raw, Sealed).statement, Statement)
