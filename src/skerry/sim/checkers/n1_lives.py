"""N1: every start opens a new life, whose first entry links to the last own entry that the disk holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skerry.core.group.journal.machine import ENTRY_PREFIX
from skerry.core.group.journal.model import Entry
from skerry.core.kernel.effects import Persist, Put
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode, digest_bytes
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class Lives(Checker):
    """Knows all lives, and looks at a disk when a life writes its first entry."""

    property_id = "N1"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._starts: dict[tuple[str, str], Shell] = {}
        """To each life of a node the start that lives it."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """Is it a life of its own, and does the chain of lives go on where it ended?"""
        if machine.shell is not None:
            life = (machine.name, machine.shell.agent.identity.life)
            if self._starts.setdefault(life, machine.shell) is not machine.shell:
                self.broken(f"two starts of {machine.name} are one life")
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(f"{ENTRY_PREFIX}{machine.name}/"):
                statement, entry = _opened(change.value)
                if statement.number == 1:
                    self._judge(machine, entry.predecessor)

    def _judge(self, machine: Machine, predecessor: str) -> None:
        own = [raw for key, raw in machine.disk.items() if key.startswith(f"{ENTRY_PREFIX}{machine.name}/")]
        if not own:
            return
        self.premise()
        named = {_opened(raw)[1].predecessor for raw in own}
        last = {digest_bytes(decode(raw, Sealed).statement) for raw in own} - named
        if predecessor not in last:
            self.broken(f"a new life of {machine.name} links to {predecessor or 'nothing'}, its disk ends with {last}")


def _opened(raw: bytes) -> tuple[Statement, Entry]:
    statement = decode(decode(raw, Sealed).statement, Statement)
    return statement, decode(statement.body, Entry)
