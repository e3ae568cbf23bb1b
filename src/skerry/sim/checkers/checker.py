"""What every checker is: hooks that the world calls, each of which may raise `Violation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from skerry.core.actors.manager import ManagerEvent
from skerry.core.conversation import Exchange
from skerry.core.kernel.effects import Effects, Persist
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.sim.violation import Violation

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class Checker:
    """One property. A hook that a checker does not override costs nothing."""

    property_id: str
    looks_at: tuple[str, ...] = ()
    """After which steps it is asked: those that moved one of these machines; for `effects`, those that want something
    done. None: after all."""
    of_each_manager = False
    """Whether there is one of it for every manager; the others that watch a manager watch the home manager."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.manager = world.manager
        """Whom it watches, if it watches a manager."""

    def before_step(self, shell: Shell, given: Input[Any]) -> None:
        """An agent is about to take an event."""

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """It has; nothing of the effects has been done yet. Only after the steps that it `looks_at`."""

    def before_manager_step(self, given: Input[ManagerEvent]) -> None:
        """The manager is about to take an event."""

    def after_manager_step(self, given: Input[ManagerEvent], effects: Effects) -> None:
        """It has; nothing of the effects has been done yet."""

    def before_manager_persist(self, changes: Sequence[Persist]) -> None:
        """The manager's store is about to take these changes, all or none."""

    def on_manager_put_back(self) -> None:
        """The manager's store was put back to a backup; no process of it runs."""

    def on_disk_put_back(self, machine: Machine) -> None:
        """A machine's disk was put back to an older image; no agent of it runs."""

    def on_answer(self, node: NodeId, carried: Exchange) -> None:
        """An answer is about to leave the manager; one that carries nothing is not shown."""

    def before_persist(self, machine: Machine, changes: Sequence[Persist]) -> None:
        """These changes are about to become durable."""

    def on_send(self, machine: Machine, to: NodeId | None, message: Any) -> None:
        """A message is about to leave a node."""

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """A process has `started`, or is `gone`."""

    def on_agent_end(self, machine: Machine) -> None:
        """An agent's process has ended."""

    def on_refused(self, machine: Machine, payload: bytes, why: str) -> None:
        """A shell refused bytes before the core saw them."""

    def on_tick(self) -> None:
        """Four times a second of the world."""

    def on_healed(self) -> None:
        """All faults are over."""

    def at_end(self) -> None:
        """The world ends, settled or not."""

    def premise(self) -> None:
        """What this checker watches for was really there."""
        self.world.coverage.hit(f"premise.{self.property_id}")

    def broken(self, what: str) -> NoReturn:
        """The property does not hold."""
        raise Violation(self.property_id, what)
