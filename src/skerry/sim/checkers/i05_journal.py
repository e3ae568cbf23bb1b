"""I5: an entry that a surviving node holds reaches the manager; an acknowledged one is never lost.

All that any disk holds at the healing must arrive, byte for byte or in its author's own sum (J2), also at a manager
that was put back to a backup. A disk lets go only of what the manager has acknowledged by its signature, or what was
folded; what an answer says that the manager holds must be in its store when the answer leaves (J3). What a backup did
not have and nobody retains is shown as lost: exactly that, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from skerry.core.conversation import Exchange
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.journal.chain import ENTRY_PREFIX, Piece
from skerry.core.group.journal.model import Acknowledgement
from skerry.core.kernel.effects import Drop, Persist, Put
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import decode
from skerry.sim.checkers.checker import Checker
from skerry.sim.checkers.pieces import kept_piece
from skerry.sim.settled import stands_for

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.world import World

WORD_KEY = f"{DOCUMENT_PREFIX}acknowledged"


class JournalArrives(Checker):
    """Compares disks, and what is acknowledged, with the manager's store."""

    property_id = "I5"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._acknowledged: dict[str, int] = {}
        """The most that any answer or signed word said of each chain."""
        self._signed: dict[str, int] = {}
        """The most that any signed word said."""
        self._all: dict[str, bytes] = {}
        """All entries and sums that the manager ever stored."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """An entry stays as it was written, until it is acknowledged or folded."""
        self._stays(machine.name, machine.disk, changes)

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """At the manager as well, and what it signs it holds."""
        self._stays("the manager", self.world.manager.store, changes)
        self._all.update((c.key, c.value) for c in changes if isinstance(c, Put) and c.key.startswith(ENTRY_PREFIX))
        for change in changes:
            if isinstance(change, Put) and change.key == WORD_KEY:
                for chain, number in _said(change.value).items():
                    self._signed[chain] = max(number, self._signed.get(chain, 0))

    def on_answer(self, node: NodeId, carried: Exchange) -> None:
        """Nothing is acknowledged that the store does not hold, or knows to be lost."""
        site, store = self.world.manager.site, self.world.manager.store
        assert site is not None
        for chain, number in carried.heads.items():
            self._acknowledged[chain] = max(number, self._acknowledged.get(chain, 0))
            lost = site.journal.lost().get(chain, ())
            if f"{ENTRY_PREFIX}{chain}/{number:08d}" not in store and not any(a <= number <= b for a, b in lost):
                self.broken(f"the manager acknowledges {number} entries of {chain}, and has not stored that many")

    def at_end(self) -> None:
        """All that was on a disk of the core at the healing has arrived; the world waited for it (`settled`)."""
        manager = self.world.manager
        if manager.site is None:
            return
        for key, raw in sorted(self.world.due.items()):
            if manager.store.get(key) != raw and not stands_for(manager.site, key):
                self.broken(f"the manager has not got {key}, which was on a disk at the healing")
            self.premise()
        heads, lost = manager.site.journal.heads, manager.site.journal.lost()
        for chain, most in self._words().items():
            if heads.get(chain, 0) < most:
                self.broken(
                    f"of {chain} {most} entries were acknowledged, {heads.get(chain, 0)} are there, none is lost"
                )
        for chain, stretches in lost.items():
            for first, last in stretches:
                self.world.coverage.hit("state.journal.lost")
                self._is_gone(chain, first, last)

    def _words(self) -> dict[str, int]:
        """The most that any signed word says of each chain, of those that are still there: in the manager's store, and
        with whoever can tell it. Where all of them were put back to before it, nobody can miss anything."""
        world = self.world
        members = [name for name in world.core.nodes if name in world.manager.roster.members]
        tell = [world.machines[name].disk for name in members] if world.core.uplinks else []
        words = [_said(held[WORD_KEY]) for held in (world.manager.store, *tell) if WORD_KEY in held]
        return {chain: max(word.get(chain, 0) for word in words) for word in words for chain in word}

    def _is_gone(self, chain: str, first: int, last: int) -> None:
        for number in range(first, last + 1):
            key = f"{ENTRY_PREFIX}{chain}/{number:08d}"
            # Whoever stays out of reach cannot have been asked.
            holder = next((name for name in self.world.core.nodes if key in self.world.machines[name].disk), None)
            if holder is not None and number == first:  # who was away and has less than all of it cannot give it
                self.broken(f"the manager takes {key} for lost, and {holder} has it")
            if number > self._signed.get(chain, 0):
                self.broken(f"the manager takes {key} for lost, which nobody can have let go")

    def _stays(self, whose: str, held: Mapping[str, bytes], changes: Sequence[Persist]) -> None:
        new = [
            (_place(c.key)[0], kept_piece(c.value))
            for c in changes
            if isinstance(c, Put) and c.key.startswith(ENTRY_PREFIX)
        ]
        for change in changes:
            old = held.get(change.key) if change.key.startswith(ENTRY_PREFIX) else None
            if old is None or (isinstance(change, Put) and change.value == old):
                continue
            chain, number = _place(change.key)
            if _is_folded(kept_piece(old), [piece for of, piece in new if of == chain]):
                continue
            if isinstance(change, Drop) and whose != "the manager" and number <= self._signed.get(chain, 0):
                self.world.coverage.hit("state.journal.dropped")
                continue
            self.broken(f"{whose} changes or drops the entry {change.key}")


def _is_folded(old: Piece, new: Sequence[Piece]) -> bool:
    """Whether a sum takes its place in the same act: of the same chain, and of readings alone (J2)."""
    readings = old.alone or old.last > old.first
    return readings and any(s.first <= old.first and old.last <= s.last for s in new if s.last > s.first)


def _place(key: str) -> tuple[str, int]:
    chain, number = key.removeprefix(ENTRY_PREFIX).rsplit("/", 1)
    return chain, int(number)


def _said(word: bytes) -> dict[str, int]:
    """Of each chain how much of it a signed word acknowledges."""
    said = decode(decode(decode(word, Sealed).statement, Statement).body, Acknowledgement)
    return {chain: number for chain, (number, _) in said.heads.items()}
