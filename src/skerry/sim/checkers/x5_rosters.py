"""X5, X8: who hears that it is taken out stops all in time; who gave exclusiveness up stops on contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.sim.checkers.checker import Checker

if TYPE_CHECKING:
    from skerry.sim.machine import Machine
    from skerry.sim.shell import Shell
    from skerry.sim.world import World

STOPPED_WITHIN_US = 10_000_000
GIVEN_UP_WITHIN_US = 3_000_000


class Rosters(Checker):
    """Looks at what agents have heard, and at what their machines run."""

    property_id = "X5"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._heard_us: dict[str, int] = {}
        """Of who is taken out and runs something still, since when it knows."""
        self._in_touch_us: dict[tuple[str, str], int] = {}
        self._unsure: dict[tuple[str, str], set[int]] = {}
        """Of each node and key the processes that ran there while exclusiveness was given up."""

    def on_tick(self) -> None:
        """Nobody takes too long."""
        for name, machine in self.world.machines.items():
            shell = machine.shell
            if shell is None or shell.hung or not machine.answers:
                self._forget(name)
            else:
                self._removed(name, shell)
                self._surrendered(name, shell)

    def _forget(self, name: str) -> None:
        self._heard_us.pop(name, None)
        self._in_touch_us = {of: us for of, us in self._in_touch_us.items() if of[0] != name}
        self._unsure = {of: pids for of, pids in self._unsure.items() if of[0] != name}

    def _removed(self, name: str, shell: Shell) -> None:
        if name in shell.agent.picture.roster().members:
            return
        self.premise()
        if not shell.machine.guard.workloads:
            self._heard_us.pop(name, None)
            return
        since_us = self._heard_us.setdefault(name, self.world.loop.now_us)
        if self.world.loop.now_us - since_us > STOPPED_WITHIN_US:
            self.broken(f"{name} knows that it was taken out, and runs {list(shell.machine.guard.workloads)}")

    def _surrendered(self, name: str, shell: Shell) -> None:
        granting = shell.agent.granting
        for key, held in granting.held.items():
            running = self._processes(shell.machine, key)
            if held.surrendered:
                self._unsure[name, key] = running
            elif still := running & self._unsure.get((name, key), set()):
                self.broken(f"{name} has {key} for certain again, and goes on with what it ran by X8 (pid {still})")
            alone = held.surrendered and not shell.agent.succession.surrendered
            met = (held.without or alone) and granting.surrender.in_touch
            if not met:
                self._in_touch_us.pop((name, key), None)
                continue
            since_us = self._in_touch_us.setdefault((name, key), self.world.loop.now_us)
            if self.world.loop.now_us - since_us > GIVEN_UP_WITHIN_US:
                self.broken(f"{name} is in contact with a majority again, and goes on with {key} by X8")

    def _processes(self, machine: Machine, key: str) -> set[int]:
        workloads = machine.guard.workloads.values()
        return {w.pid for w in workloads if not w.ending and self.world.key_of(w.instance) == key}
