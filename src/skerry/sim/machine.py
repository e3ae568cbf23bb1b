"""One machine: power, clocks, a disk, a guard, and at most one agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from skerry.core.kernel.effects import Persist, Put
from skerry.core.stages.capability.model import NodeFacts, Resources, Usage
from skerry.inputlog.recorder import Segments
from skerry.sim.chance import Chance
from skerry.sim.clocks import WALL_MS, WALLS_MS, Clock
from skerry.sim.guard import Guard
from skerry.sim.keys import StandInSigner
from skerry.sim.shell import Shell

if TYPE_CHECKING:
    from skerry.sim.world import World

MIB = 1 << 20
BOOT_MAX_MS = 3_000
"""Until an agent is started, after the power is back."""


class Machine:
    """One node's hardware."""

    def __init__(self, world: World, name: str, signer: StandInSigner) -> None:
        self.world = world
        self.name = name
        self.signer = signer
        self.chance: Chance = world.chance.child(f"machine {name}")
        self.disk: dict[str, bytes] = {}
        self.boots = 0
        self.powered = False
        self.frozen = False
        """Every process of it stands still; the clocks do not."""
        self.lives = 0
        self.wall_offset_ms = WALL_MS
        if world.options.walls_wrong:
            self.wall_offset_ms = self.chance.child("wall").pick(WALLS_MS)
        self.speed_permille = self.chance.pick((400, 900, 1_200, 1_800, 3_000))
        self.slowed_permille = 1_000
        """How many times slower its workloads are now than when they were measured."""
        self.owner_takes = Resources()
        """What the owner's own processes use at the moment."""
        self.starts_fail_permille = 0
        self.crashes_after_ms: int | None = None
        """How long its programs last, if they do not last."""
        self.flatters_permille = 1_000
        """How many times more its trials show than it can do."""
        self.step_takes_ms = 0
        self.ballots_late_ms = 0
        self.newer = False
        """Its agent is of a newer version."""
        self.disk_full = False
        self.unreadable = False
        """The disk: no agent starts."""
        self.facts = self._draw_facts()
        self.clock: Clock
        self.guard: Guard
        self.shell: Shell | None = None
        self.segments: Segments | None = None
        """Where its agents log their inputs, if somebody wants to see them."""
        self._postponed: list[Callable[[], None]] = []
        self._ports = 20_000

    # --- power ----------------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Boot, and start the agent."""
        if self.powered:
            return
        self.boots += 1
        self.powered, self.frozen, self._postponed = True, False, []
        self.clock = Clock(self.world.options.drift_ppm.get(self.name, 0), self.wall_offset_ms, self.world.loop.now_us)
        self.guard = Guard(self)
        self.start_agent()

    def power_off(self) -> None:
        """Everything on it ends at once, and nobody is told."""
        if not self.powered:
            return
        self.end_agent(silent=True)
        self.guard.die("power")
        self.powered = self.frozen = False
        self.boots += 1
        self._postponed = []

    def freeze(self) -> None:
        """Stop every process of it."""
        self.frozen = True
        self.world.network.process_changed(self.name, silent=True)
        self.world.review_sessions()

    def mend(self) -> None:
        """Nothing is the matter with it from now on, and an agent runs; what it forgot stays forgotten."""
        self.starts_fail_permille, self.slowed_permille, self.owner_takes = 0, 1_000, Resources()
        self.crashes_after_ms, self.step_takes_ms, self.ballots_late_ms = None, 0, 0
        self.disk_full = self.unreadable = False
        if not self.powered:
            self.world.loop.after(self.chance.between(0, BOOT_MAX_MS) * 1_000, self.power_on)
            return
        self.thaw()
        if self.shell is not None:
            self.shell.mend()
        else:
            self.start_agent()

    def thaw(self) -> None:
        """All go on, the guard first."""
        if not self.frozen:
            return
        self.frozen = False
        postponed, self._postponed = self._postponed, []
        self.guard.overdue()
        for happening in postponed:
            happening()
        self.world.network.process_changed(self.name, silent=True)
        self.world.review_sessions()
        if self.shell is not None:
            self.shell.go_on()

    # --- the agent ------------------------------------------------------------------------------------------------

    @property
    def answers(self) -> bool:
        """Whether other machines find an agent here."""
        return self.powered and not self.frozen and self.shell is not None and not self.shell.stopped

    def start_agent(self) -> None:
        """A new life, on the disk as it is."""
        if not self.powered or self.frozen or self.shell is not None or self.unreadable:
            return
        self.lives += 1
        self.shell = Shell(self, self.lives)
        self.shell.begin()

    def end_agent(self, *, silent: bool = False) -> None:
        """The process of the agent ends; what the guard owns goes on."""
        if self.shell is None:
            return
        self.shell.alive = False
        self.shell = None
        self.world.on_agent_end(self)
        self.world.network.forget(self.name)
        self.world.network.process_changed(self.name, silent=silent)
        self.world.review_sessions()

    def receive(self, payload: bytes) -> None:
        """Bytes from the network; what reaches a machine without an agent is lost."""
        if self.powered and self.shell is not None:
            self.shell.receive(payload)

    # --- disk -----------------------------------------------------------------------------------------------------

    def commit(self, changes: Iterable[Persist]) -> None:
        """Durable on return."""
        for change in changes:
            if isinstance(change, Put):
                self.disk[change.key] = change.value
            else:
                self.disk.pop(change.key, None)

    # --- time -----------------------------------------------------------------------------------------------------

    def boot_ms(self) -> int:
        """Its boot-time now."""
        return self.clock.boot_ms(self.world.loop.now_us)

    def later(self, delay_ms: int, happening: Callable[[], None]) -> None:
        """After a while on this machine, unless it loses its power; a frozen one does it when it thaws."""
        self._at(self.world.loop.now_us + delay_ms * 1_000, happening)

    def at_boot_ms(self, boot_ms: int, happening: Callable[[], None]) -> None:
        """When its boot-time shows this."""
        self._at(self.clock.when_us(boot_ms), happening)

    def _at(self, when_us: int, happening: Callable[[], None]) -> None:
        boot = self.boots

        def due() -> None:
            if self.boots != boot:
                return
            if self.frozen:
                self._postponed.append(happening)
            else:
                happening()

        self.world.loop.at(when_us, due)

    # --- what it has ----------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """What is in use: what the owner takes, and half of what is reserved for each workload."""
        return Usage(tree=self.owner_takes, owner=self.owner_takes)

    def next_port(self) -> int:
        """A free one."""
        self._ports += 1
        return self._ports

    def _draw_facts(self) -> NodeFacts:
        chance = self.chance.child("facts")
        memory = chance.pick((600, 900, 1_600, 4_000)) * MIB
        programs = self.world.book.programs
        allowed = programs if chance.happens(850) else tuple(chance.sample(programs, max(1, len(programs) - 1)))
        power = chance.pick((0, 500, 1_000))
        return NodeFacts(
            caps=Resources(cpu_milli=chance.pick((1_000, 2_000, 4_000)), memory_bytes=memory, disk_bytes=2_000 * MIB),
            programs=tuple(sorted(allowed)),
            cpu_cores=chance.pick((1, 2, 4)),
            assurance_permille=power,
            hardware=f"{self.name}/{memory}",
        )
