"""One agent's process: what stands around the core for real, done in virtual time.

The duties are the shell's own: recover, then step; what a step persists is on disk before anything of it leaves; what
leaves is unordered; a crash may come between any two of its effects. Statements are opened as a real shell opens them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from skerry.core.actors.agent import Agent, Identity
from skerry.core.conversation import AgentEvent, Started, life_from, stored_documents
from skerry.core.group.membership.machine import PresenceChanged
from skerry.core.group.uplink.machine import CloseSession, OpenSession, SessionChanged
from skerry.core.kernel.effects import Act, Effects, OpenNewLife
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.ids import InstanceId, ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed
from skerry.core.kernel.values import encode
from skerry.core.stages.capability.events import FactsFound, UsageSampled
from skerry.core.stages.negotiation.wire import Ballot
from skerry.core.stages.subscription.events import WorkloadExited
from skerry.inputlog.recorder import Recorder
from skerry.inputlog.records import Recovered, logged
from skerry.inputlog.version import core_version
from skerry.sim.desk import Desk
from skerry.sim.versions import newer_version

if TYPE_CHECKING:
    from skerry.sim.machine import Machine

QUEUE_MAX = 10_000
"""How much waits at most, as with real agents."""
BATCH_MAX = 64
"""How much of that is taken before a deadline has its turn, as with real agents."""
USAGE_PERIOD_MS = 2_000
ROOM_PERIOD_MS = 1_000
"""How often a disk that took nothing is tried again."""
IDLE_SPINS_MAX = 20
"""Deadlines that pass in one millisecond of an agent: more, and its real loop would never rest."""


class Shell:
    """One life of one agent."""

    def __init__(self, machine: Machine, number: int) -> None:
        self.machine = machine
        self.world = machine.world
        self.alive = True
        self.hangs = False
        """The agent's loop goes no further than the step that it is in; its fabric does."""
        self.stopped = False
        """The agent's whole process stands still."""
        self.die_at: int | None = None
        """Die in the next step that has effects: -1 before it persists, n after its nth effect."""
        self.stall_ms = 0
        """Stand still for so long in the next step that has effects, between what is durable and what leaves."""
        self.stalls_machine = False
        """Not the agent alone stands still then."""
        self.chance = machine.chance.child(f"life {number}")
        self.desk = Desk(self)
        self.sessions: dict[ManagerId, bool] = {}
        """The managers that the agent wants a session with, and whether it is there."""
        self._queue: deque[Callable[[], None]] = deque()
        self._inputs = 0
        self._name = f"{machine.name}.{number}"
        self._busy = False
        """Its last step is not over."""
        self._rest: Callable[[], None] | None = None
        """What is left of a step in which it stands still."""
        self._wake_us: int | None = None
        self._armed_ms: int | None = None
        """The deadline that was looked at last."""
        self._spins = (0, 0)
        segments = machine.segments
        self.recorder = (
            Recorder(segments, machine.signer, machine.disk.get, core_version(), machine.name) if segments else None
        )
        self.agent: Agent

    # --- life -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Recover, adopt what runs, and only then join the fabric (reboot rule)."""
        machine, world = self.machine, self.world
        identity = Identity(
            site=world.site,
            node=NodeId(machine.name),
            life=life_from(self.chance.bits()),
            boot=f"{machine.name}/{machine.boots}",
        )
        started = self._input(Started())
        found = machine.guard.take_over()
        if self.recorder is not None:
            self.recorder.recovered(
                Recovered(
                    version=core_version(),
                    identity=identity,
                    kept=dict(machine.disk),
                    found=found,
                    contingency=True,
                    retention=world.options.retention,
                    given=logged(started),
                )
            )
        self.agent, effects = Agent.recover(
            identity,
            machine.signer if self.recorder is None else self.recorder.signer,
            world.book.expressions,
            machine.disk,
            found,
            stored_documents(machine.disk, world.site, world.verifier),
            started,
            retention=world.options.retention,
            shelf=machine.disk.get if self.recorder is None else self.recorder.shelf,
        )
        self._carry_out(effects, started)
        for event in (Started(), FactsFound(facts=machine.facts)):
            self.post(event)
        if self.alive:
            world.network.process_changed(machine.name, silent=True)
            self._sample_usage()

    def mend(self) -> None:
        """It neither dies nor stands still any more."""
        self.hangs, self.die_at, self.stall_ms = False, None, 0
        self.resume()
        self._end_stall()

    def resume(self) -> None:
        """The process is not stopped any more."""
        if self.stopped:
            self.stopped = False
            self.world.network.process_changed(self.machine.name, silent=True)
            self.world.review_sessions()
        self.go_on()

    def go_on(self) -> None:
        """After a stall: everything that waited comes at once."""
        while self._queue and self.alive and not self.stands:
            self._queue.popleft()()
        self._arm()

    @property
    def stands(self) -> bool:
        """Whether it does nothing now with what comes in."""
        return self.hung or self.stopped or self.machine.frozen or self._busy

    @property
    def hung(self) -> bool:
        """Whether the agent's loop stands still, between two steps or within one."""
        return self.hangs or self._rest is not None

    def _sample_usage(self) -> None:
        if self.alive:
            self.post(UsageSampled(usage=self.machine.usage()))
            self.machine.later(USAGE_PERIOD_MS, self._sample_usage)

    # --- what comes in --------------------------------------------------------------------------------------------

    def receive(self, payload: bytes) -> None:
        """Bytes from a peer or a manager; lost while nothing can be decided (N5)."""
        if self.machine.disk_full and self.hung:
            return
        if self._queue or self.stands:
            self._in_turn(partial(self._open, payload))
        elif self.alive:
            self._open(payload)

    def on_presence(self, node: NodeId, present: bool) -> None:
        """A token came or went."""
        self.post(PresenceChanged(node=node, present=present))

    def on_session(self, manager: ManagerId, up: bool) -> None:
        """The uplink's session opened or was lost."""
        if manager in self.sessions and self.sessions[manager] != up:
            self.sessions[manager] = up
            self.post(SessionChanged(manager=manager, up=up))

    def on_exit(self, instance: InstanceId, reason: str) -> None:
        """A workload ended without having been asked to."""
        if not self.desk.took_exit(instance, reason):
            self.post(WorkloadExited(instance=instance, reason=reason))

    def later(self, delay_ms: int, happening: Callable[[], None]) -> None:
        """After a while, if this life goes on."""
        self.machine.later(delay_ms, lambda: self._in_turn(happening) if self.alive else None)

    def post(self, event: AgentEvent) -> None:
        """Step this event now, or when the agent goes on."""
        self._in_turn(partial(self._step, event))

    def _in_turn(self, work: Callable[[], None]) -> None:
        if not self.alive:
            return
        if self._queue or self.stands:
            if len(self._queue) < QUEUE_MAX:
                self._queue.append(work)
            else:
                self.world.coverage.hit("fault.queue.full")
        else:
            work()

    def _open(self, payload: bytes) -> None:
        carried = self.world.opened(payload, self.agent.picture.roster(), self.machine)
        for number, heard in enumerate(carried):
            if not self.alive or self._rest is not None:  # in the step before
                self._queue.extendleft(partial(self._step, later) for later in reversed(carried[number:]))
                return
            self._step(heard)

    # --- one step -------------------------------------------------------------------------------------------------

    def _input(self, event: Any) -> Input[Any]:
        self._inputs += 1
        now_us, clock = self.world.loop.now_us, self.machine.clock
        return Input(
            id=f"{self._name}-{self._inputs}",
            at_ms=clock.boot_ms(now_us),
            wall_ms=clock.wall_ms(now_us),
            draw=self.chance.bits(),
            event=event,
        )

    def _step(self, event: AgentEvent) -> None:
        given = self._input(event)
        if self.recorder is not None:
            self.recorder.stepping([given])
        self._carry_out(self.world.judged_step(self, given), given)
        if self.machine.step_takes_ms:
            self._busy = True
            self.machine.later(self.machine.step_takes_ms, self._is_done)
        self._arm()

    def _is_done(self) -> None:
        self._busy = False
        self.go_on()

    def _carry_out(self, effects: Effects, given: Input[Any]) -> None:
        if effects.empty and self.recorder is None:
            return  # as after most beats
        dying = self.die_at is not None and not effects.empty
        if dying and self.die_at == -1:
            self.world.coverage.hit("fault.crash.before_persist")
            self.machine.end_agent()
            return
        if effects.persist:
            if self.machine.disk_full:
                self._wait_for_room(effects, given)
                return
            self.world.before_persist(self.machine, effects.persist)
            self.machine.commit(effects.persist)
        todo = self._in_any_order(effects)
        if self.recorder is not None:
            self.recorder.stepped(self.agent, [effects], given.wall_ms)
        for note in effects.note:
            self.world.coverage.note(note)
        rest = partial(self._do_rest, todo, dying=dying)
        if self.stall_ms and not effects.empty:
            self._stall(rest)
        else:
            rest()

    def _wait_for_room(self, effects: Effects, given: Input[Any]) -> None:
        """N5: the loop stands until the disk takes what this step decided; nothing of it leaves before."""
        self.world.coverage.hit("fault.disk.full.refused")
        self.hangs, self._rest = True, partial(self._has_room, effects, given)
        self.machine.later(ROOM_PERIOD_MS, self._end_stall)

    def _has_room(self, effects: Effects, given: Input[Any]) -> None:
        self.hangs = False
        self._carry_out(effects, given)

    def _do_rest(self, todo: list[Callable[[], None]], *, dying: bool) -> None:
        """What may leave once the step is durable."""
        for number, work in enumerate(todo):
            if dying and self.die_at is not None and number >= self.die_at:
                self.world.coverage.hit("fault.crash.between_effects")
                self.machine.end_agent()
                return
            work()

    def _stall(self, rest: Callable[[], None]) -> None:
        """Stand still in the middle of a step (interleavings 26, 29): the rest of it comes late, before all else."""
        stall_ms, self.stall_ms, self._rest = self.stall_ms, 0, rest
        machine = self.machine
        if self.stalls_machine:
            machine.freeze()
            self.world.loop.after(stall_ms * 1_000, machine.thaw)
        machine.later(stall_ms, self._end_stall)

    def _end_stall(self) -> None:
        rest, self._rest = self._rest, None
        if rest is not None and self.alive:
            rest()
        self.go_on()

    def _in_any_order(self, effects: Effects) -> list[Callable[[], None]]:
        """What follows `persist` is unordered, but for acts: those on one instance are done as they were asked for.
        Statements are numbered in order, as the real loop does it, whatever happens to them afterwards."""
        seal = self.agent.seal_message
        todo: list[Callable[[], None]] = [
            partial(self._send, s.to, s.message, encode(seal(s.message))) for s in effects.send
        ]
        todo += [partial(self._report, ManagerId(r.manager), encode(seal(r.message))) for r in effects.report]
        if not effects.act:
            return todo
        acts = iter(effects.act)
        mixed = self.chance.shuffled([*todo, *(None for _ in effects.act)])
        return [work if work is not None else partial(self._act, next(acts)) for work in mixed]

    def _send(self, to: NodeId | None, message: Any, payload: bytes) -> None:
        if self.machine.newer and not isinstance(message, Sealed):  # an entry is as it was written, whoever says it
            payload = newer_version(payload, self.machine.signer)
        self.world.on_send(self.machine, to, message)
        late_ms = self.machine.ballots_late_ms
        if late_ms and isinstance(message, Ballot):
            self.later(late_ms, partial(self.world.network.send, self.machine.name, to, payload))
        else:
            self.world.network.send(self.machine.name, to, payload)

    def _begin_anew(self) -> None:
        if self.alive:
            self.machine.end_agent()
            self.machine.start_agent()

    def _report(self, manager: ManagerId, payload: bytes) -> None:
        if self.sessions.get(manager):
            self.world.managers[manager].send_up(self.machine.name, payload)

    def _act(self, act: Act) -> None:
        match act:
            case OpenSession(manager=manager):
                self.sessions.setdefault(manager, False)
                self.world.review_sessions()
            case OpenNewLife():
                self.machine.later(0, self._begin_anew)
            case CloseSession(manager=manager):
                if self.sessions.get(manager):
                    self.on_session(manager, False)
                self.sessions.pop(manager, None)
            case _:
                self.desk.act(act)

    # --- deadlines ------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """See that the agent is woken at its deadline."""
        if not self.alive:
            return
        due_ms = self.agent.next_deadline_ms()
        if due_ms is None or (due_ms == self._armed_ms and self._wake_us is not None):
            return
        self._armed_ms = due_ms
        due_us = max(self.machine.clock.when_us(due_ms), self.world.loop.now_us)
        if self._wake_us is None or due_us < self._wake_us:
            self._wake_us = due_us
            self.world.loop.at(due_us, partial(self._wake, due_us))

    def _wake(self, due_us: int) -> None:
        if not self.alive or self._wake_us != due_us:
            return
        if self._queue or self.stands:
            # As in the real loop: after a batch of what waits, before what comes later.
            self._queue.insert(min(len(self._queue), BATCH_MAX), self._look_at_deadlines)
        else:
            self._look_at_deadlines()

    def _look_at_deadlines(self) -> None:
        self._wake_us = None
        now_ms = self.machine.boot_ms()
        due_ms = self.agent.next_deadline_ms()
        if due_ms is not None and due_ms <= now_ms:
            self._check_spin(now_ms)
            self._step(DeadlinePassed())
        else:
            self._arm()

    def _check_spin(self, now_ms: int) -> None:
        last_ms, spins = self._spins
        self._spins = (now_ms, spins + 1 if last_ms == now_ms else 0)
        if self._spins[1] > IDLE_SPINS_MAX:
            due = {n: m.next_deadline_ms() for n, m in self.agent.machines.items()}
            self.world.violated("I12", f"{self.machine.name} wants to be woken at once, over and over: {now_ms} {due}")
