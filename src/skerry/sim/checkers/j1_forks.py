"""J1: two entries of one number end the life that they are in, are both kept, and are reported; what was followed in
that life counts for nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from skerry.core.conversation import Heard
from skerry.core.group.journal.chain import piece_key
from skerry.core.group.journal.forks import FORK_PREFIX
from skerry.core.group.journal.model import chain_name
from skerry.core.kernel.effects import Effects, Persist, Put
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import decode
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class ForksEnd(Checker):
    """Knows every entry that was written a second time, and who has found that out."""

    property_id = "J1"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._finders: dict[str, set[str]] = defaultdict(set)
        """To each chain whose disks hold the other entry."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """Somebody found one, or heard of it."""
        for change in changes:
            if isinstance(change, Put) and change.key.startswith(FORK_PREFIX):
                self._finders[change.key.removeprefix(FORK_PREFIX)].add(machine.name)

    def on_disk_put_back(self, machine: Machine) -> None:
        """It may have forgotten."""
        for finders in self._finders.values():
            finders.discard(machine.name)

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Who holds one of the two, and hears the other, says so; nobody leads by what was followed in such a life."""
        if not self.world.doubled:
            return
        agent, name = shell.agent, shell.machine.name
        if isinstance(given.event, Heard):
            signature = given.event.said.sealed.signature
            chain = self.world.doubled.get(signature)
            held = shell.machine.disk.get(piece_key(chain, 1)) if chain is not None else None
            known = chain in agent.journal.forks.chains
            if held is not None and not known and decode(held, Sealed).signature != signature:
                self.broken(f"{name} heard two entries of one number of {chain}, and says nothing")
        for node in agent.election.leadership.part:
            followed = agent.election.certificate.get(node)
            chain = chain_name(node, followed.statement.life) if followed is not None else ""
            if chain in agent.journal.forks.chains:
                self.broken(f"{name} leads {node} by what it followed in a life that was written twice")

    def at_end(self) -> None:
        """The life is over, and the manager has both entries."""
        world = self.world
        for chain, finders in sorted(self._finders.items()):
            if not finders.intersection(world.core.nodes):
                continue
            self.premise()
            node, _, life = chain.rpartition("/")
            shell = world.machines[node].shell if node in finders.intersection(world.core.nodes) else None
            if shell is not None and shell.agent.identity.life == life:
                self.broken(f"{node} goes on in a life that was written twice, as {sorted(finders)} found")
            if world.core.uplinks and FORK_PREFIX + chain not in world.manager.store:
                self.broken(
                    f"{sorted(finders)} found that {chain} was written twice, and the manager has not heard of it"
                )
