"""I1: one leader a term and node, no leader without its members' follows, one plan for each assent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.wire import Follow
from skerry.core.kernel.effects import Effects, Persist, Put
from skerry.core.kernel.ids import NodeId, PlanId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.negotiation.model import SITE, Assignment, Plan, Slot
from skerry.core.stages.negotiation.wire import Ballot
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

AGREED = (re.compile(r"^unanimous of (\d+) "), re.compile(r"\((\d+) needed\)"))
"""How a plan says, in words for people, how many yeses a place took; else its holder's is enough. If the words change,
the sabotage of G1 is not noticed any more."""


class OneLeader(Checker):
    """Remembers every follow that ever became durable, and every assent that ever left."""

    property_id = "I1"
    looks_at = ("election",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._followed: dict[tuple[str, int], str] = {}
        self._assented: dict[tuple[PlanId, str], set[Slot]] = {}
        self._looked: dict[str, int] = {}
        self._put_back: set[str] = set()

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """A follow, or a leader's own plan, is about to become durable."""
        for change in changes:
            if change.key == FOLLOWED_KEY and isinstance(change, Put):
                self._follow(machine.name, decode(change.value, Follow))
            elif change.key == f"{DOCUMENT_PREFIX}plan" and isinstance(change, Put):
                self._plan(machine.name, decode(decode(change.value, Sealed).statement, Statement))

    def on_disk_put_back(self, machine: Machine) -> None:
        """What it did in terms that its disk does not know any more is exempt: nothing exclusive hangs on it (9)."""
        self._put_back.add(machine.name)

    def on_send(self, machine: Machine, to: NodeId | None, message: Any) -> None:
        """A follow leaves only after it is durable (L1)."""
        if isinstance(message, Follow):
            known = self._followed.get((machine.name, message.term))
            if known != message.leader:
                self.broken(
                    f"{machine.name} says that it follows {message.leader} in term {message.term}; its disk: {known}"
                )
        elif isinstance(message, Ballot):
            self._assented.setdefault((message.plan, machine.name), set()).update(message.yes)

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Whom it leads has followed it, in this term."""
        election, name = shell.agent.election, shell.machine.name
        if self._looked.get(name) == election.version:
            return
        self._looked[name] = election.version
        leadership = election.leadership
        for node in leadership.part:
            if node not in (name, *self._put_back) and self._followed.get((node, leadership.term)) != name:
                self.broken(f"{name} leads {node} in term {leadership.term}, which never followed it then")

    def _follow(self, node: str, follow: Follow) -> None:
        known = self._followed.setdefault((node, follow.term), follow.leader)
        if known != follow.leader and node in self._put_back:
            self._followed[node, follow.term] = follow.leader
        elif known != follow.leader:
            self.broken(f"{node} follows {follow.leader} in term {follow.term}, after {known} in the same")
        if follow.leader != node:
            self.premise()

    def _plan(self, node: str, statement: Statement) -> None:
        """What a leader commits as newly agreed, its holder has assented to, under this very plan id."""
        if statement.signer != node:
            return
        plan = decode(statement.body, Plan)
        for section in plan.sections.values():
            for name in ("connected", "isolated"):
                for instance, assignment in (section.connected if name == "connected" else section.isolated).items():
                    if assignment.since != plan.id or section.intent == SITE:
                        continue
                    slot = Slot(set="connected" if name == "connected" else "isolated", instance=instance)
                    asked = assignment.holder != node
                    if asked and slot not in self._assented.get((plan.id, assignment.holder), ()):
                        self.broken(f"{plan.id} gives {slot} to {assignment.holder}, which did not assent to that plan")
                    self._as_it_says(node, plan, slot, assignment)

    def _as_it_says(self, leader: str, plan: Plan, slot: Slot, assignment: Assignment) -> None:
        """As many have assented as the plan says that it took (G1); the leader's own word leaves in no message."""
        stated = next((int(found[1]) for words in AGREED if (found := words.search(assignment.agreed))), 1)
        said = {leader, *(n for n in plan.members if slot in self._assented.get((plan.id, n), ()))}
        if len(said) < stated:
            self.broken(
                f"{plan.id} gives {slot} to {assignment.holder} ({assignment.agreed}), to which only "
                f"{', '.join(sorted(said))} assented"
            )
