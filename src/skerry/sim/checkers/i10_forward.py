"""I10: followed terms, plan ids, generations and roster versions at a node never go back; numbers of a life grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.election.machine import FOLLOWED_KEY
from skerry.core.group.election.wire import Follow
from skerry.core.group.journal.machine import ENTRY_PREFIX
from skerry.core.kernel.effects import Drop, Persist
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.core.stages.fit.model import RoleFit
from skerry.core.stages.ir.model import IntermediateRepresentation, Roster, SiteDocument
from skerry.core.stages.negotiation.model import Plan
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine


class Forward(Checker):
    """Compares what becomes durable with what was."""

    property_id = "I10"

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """Whatever has a version gets a higher one."""
        keys = {change.key for change in changes}
        for change in changes:
            if isinstance(change, Drop):
                if change.key.startswith(DOCUMENT_PREFIX) or change.key == FOLLOWED_KEY:
                    self.broken(f"{machine.name} forgets {change.key}")
                continue
            old = machine.disk.get(change.key)
            if change.key.startswith(ENTRY_PREFIX):
                self._has_predecessor(machine, change.key, keys)
            elif old is None:
                continue
            elif change.key == FOLLOWED_KEY:
                self._grows(machine, change.key, (decode(old, Follow).term,), (decode(change.value, Follow).term,))
            elif change.key.startswith(DOCUMENT_PREFIX):
                self._grows(machine, change.key, _version(old), _version(change.value))

    def _grows(self, machine: Machine, key: str, old: tuple[object, ...], new: tuple[object, ...]) -> None:
        self.premise()
        if not new > old:
            self.broken(f"{key} on {machine.name} goes from {old} to {new}")

    def _has_predecessor(self, machine: Machine, key: str, keys: set[str]) -> None:
        chain, number = key.rsplit("/", 1)
        before = f"{chain}/{int(number) - 1:08d}"
        if int(number) > 1 and before not in machine.disk and before not in keys:
            self.broken(f"{machine.name} keeps {key} and not {before}")


def _version(raw: bytes) -> tuple[object, ...]:
    statement = decode(decode(raw, Sealed).statement, Statement)
    match statement.kind:
        case "plan":
            plan = decode(statement.body, Plan)
            return (plan.id.term, plan.id.leader, plan.id.number)
        case "ir":
            return (decode(statement.body, IntermediateRepresentation).generation,)
        case "site":
            return (decode(statement.body, SiteDocument).generation,)
        case "role_fit":
            return (decode(statement.body, RoleFit).version,)
        case _:
            return (decode(statement.body, Roster).version,)
