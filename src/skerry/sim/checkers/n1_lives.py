"""N1: every start opens a new life, whose first entry links to the last own entry that the disk holds then. Copies of
what the disk had forgotten may come back before that entry is written; it may link to one of these as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from skerry.core.group.journal.chain import BASE_PREFIX, ENTRY_PREFIX, Base, Piece, stored_piece
from skerry.core.kernel.effects import Persist, Put
from skerry.core.kernel.sealing import Statement
from skerry.core.kernel.values import decode
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class Lives(Checker):
    """Knows all lives, and what the disk held of its node's own when each began."""

    property_id = "N1"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._starts: dict[tuple[str, str], Shell] = {}
        """To each life of a node the start that lives it."""
        self._held: dict[tuple[str, str], frozenset[str]] = {}
        """To each life the own entries, by hash, that its disk had."""
        self._before: dict[str, str] = {}
        """To each entry that was ever written the one that it names, both by hash."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """Is it a life of its own, and does the chain of lives go on where it ended?"""
        if machine.shell is not None:
            life = (machine.name, machine.shell.agent.identity.life)
            if self._starts.setdefault(life, machine.shell) is not machine.shell:
                self.broken(f"two starts of {machine.name} are one life")
            if life not in self._held:
                self._held[life] = _own(machine)
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(f"{ENTRY_PREFIX}{machine.name}/"):
                piece = stored_piece(change.value)
                if piece.first == piece.last == 1 and self._is_of_this_life(machine, piece):
                    self._judge(machine, piece.before)
                if piece.first == piece.last:
                    self._before[piece.hash] = piece.before

    def _judge(self, machine: Machine, predecessor: str) -> None:
        there, shell = _own(machine), machine.shell
        held = self._held[machine.name, shell.agent.identity.life] if shell is not None else there
        if not held | there:
            return
        self.premise()
        allowed = (held | there) - {before for each in held for before in self._all_before(each)}
        if predecessor not in allowed:
            says = f"links to {predecessor or 'nothing'}, its disk ended with one of {sorted(allowed)}"
            self.broken(f"a new life of {machine.name} {says}")

    def _all_before(self, entry: str) -> Iterator[str]:
        while (entry := self._before.get(entry, "")) != "":
            yield entry

    @staticmethod
    def _is_of_this_life(machine: Machine, piece: Piece) -> bool:
        """It may also be a copy of what an earlier life wrote and the disk has forgotten."""
        life = decode(piece.sealed.statement, Statement).life
        return machine.shell is None or life == machine.shell.agent.identity.life


def _own(machine: Machine) -> frozenset[str]:
    entries, bases = f"{ENTRY_PREFIX}{machine.name}/", f"{BASE_PREFIX}{machine.name}/"
    pieces = (stored_piece(raw).hash for key, raw in machine.disk.items() if key.startswith(entries))
    return frozenset((*pieces, *(decode(raw, Base).hash for key, raw in machine.disk.items() if key.startswith(bases))))
