"""I2: a `run_once` key is never active twice at one real moment, whoever is in charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.guard import Workload
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World


class RunOnce(Checker):
    """Looks at processes and at nothing else: from their start to the moment when nothing of them is left. A process of
    a machine that stands still does nothing in the meantime; the moment its machine goes on, it counts again."""

    property_id = "I2"
    looks_at = ("granting",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._active: dict[str, dict[int, tuple[Machine, Workload]]] = {}
        self._last: dict[str, tuple[str, int]] = {}
        self._put_back = False
        """Of each key the node that last started it, and its fence."""
        self._given_up: dict[tuple[str, str], bool] = {}
        """Of each node and key whether its agent had it by X8, when it last had it."""

    def after_step(self, shell: Shell, given: Input[Any], effects: Effects) -> None:
        """Exclusiveness may have been given up, or be there again."""
        for key, held in shell.agent.granting.held.items():
            self._given_up[shell.machine.name, key] = bool(held.surrendered)

    def on_workload(self, machine: Machine, workload: Workload, what: str) -> None:
        """An exclusive process starts or is gone."""
        key = self.world.key_of(workload.instance)
        if key is None:
            return
        active = self._active.setdefault(key, {})
        if what == "gone":
            active.pop(workload.pid, None)
            return
        active[workload.pid] = (machine, workload)
        self._judge(key)
        if workload.fence is None:
            self.broken(f"{workload.instance} starts on {machine.name} without a fence")
        before = self._last.get(key)
        if self._is_given_up(key, machine.name) or (before is not None and self._is_given_up(key, before[0])):
            return  # nor is its fence (X8)
        if before is not None and before[0] != machine.name:
            self.premise()
        fence = workload.fence
        if (
            before is not None
            and not self._put_back
            and (fence < before[1] or (fence == before[1] and before[0] != machine.name))
        ):
            self.broken(f"{workload.instance} starts on {machine.name} with fence {fence}, after {before[1]} (X9)")
        self._last[key] = (machine.name, fence)

    def on_disk_put_back(self, machine: Machine) -> None:
        """A granter may have forgotten fences: a new holder's may be too low, and what checks it refuses that."""
        self._put_back = True

    def on_tick(self) -> None:
        """Machines may have gone on."""
        for key in self._active:
            self._judge(key)

    def _judge(self, key: str) -> None:
        running = [(m.name, w.pid) for m, w in self._active[key].values() if not m.frozen]
        exclusive = [node for node, _ in running if not self._is_given_up(key, node)]
        if len(exclusive) > 1 or (len(running) > 1 and len(exclusive) == len(running)):
            self.broken(f"{key} is active twice: " + ", ".join(f"on {node} (pid {pid})" for node, pid in running))

    def _is_given_up(self, key: str, node: str) -> bool:
        """X8 is a premise only where the catalogue gives exclusiveness up, or who was declared dead is not off, or has
        been back since."""
        might = self.world.options.runs_alone or self.world.somebody_lives_who_was_declared_dead()
        return might and self._given_up.get((node, key), False)
