"""The one loop of an agent: take events, step, persist, then do the rest.

Events that wait together are stepped together and made durable by one commit; nothing of any of them leaves before
that. If the disk is full, the loop waits for room (N5): a node that cannot persist decides nothing, says so, and keeps
what runs. The loop is the only caller of the machines; everything slow runs beside it and ends in an event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from skerry.core.actors.agent import Agent, Identity
from skerry.core.conversation import (
    AgentEvent,
    Heard,
    Refused,
    Started,
    key_in,
    life_from,
    opened,
    stored_documents,
)
from skerry.core.group.membership.machine import PresenceChanged
from skerry.core.group.uplink.machine import CloseSession, OpenSession, SessionChanged
from skerry.core.kernel.effects import Act, Effects, Note, OpenNewLife, Persist, Reply
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.ids import ManagerId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Signer, Verifier
from skerry.core.kernel.values import decode, encode
from skerry.core.stages.capability.events import FactsFound, UsageSampled
from skerry.core.stages.ir.model import Guest
from skerry.core.stages.subscription.runs import Adopted
from skerry.inputlog.recorder import Recorder, Segments
from skerry.inputlog.records import Recovered, logged
from skerry.inputlog.version import core_version
from skerry.ports.sensors import SensorError, Sensors
from skerry.ports.storage import DAMAGED_ADVICE, NoRoom, Storage, StorageError
from skerry.ports.transport import Fabric, TransportError, Uplink
from skerry.ports.workload import Workloads
from skerry.shell import clock, entropy
from skerry.shell.events import EventStream
from skerry.shell.settings import AgentSettings
from skerry.shell.supervisor import Supervisor
from skerry.shell.twin import Twin
from skerry.shell.workloads import WorkloadDesk

T = TypeVar("T")

QUEUE_MAX = 10_000
"""Events that wait; more are lost and counted, as on any network."""
BATCH_MAX = 64
"""Events between two commits."""
REQUEST_WITHIN_S = 5.0
DEFAULT_GRACE_MS = 10_000
USAGE_PERIOD_S = 2.0
FACTS_PERIOD_S = 30.0
ROOM_PERIOD_S = 1.0
"""How often a disk that took nothing is tried again."""


@dataclass
class Outside:
    """Everything that an agent's loop reaches the world by."""

    storage: Storage
    fabric: Fabric
    workloads: Workloads
    sensors: Sensors
    signer: Signer
    verifier: Verifier
    expressions: Expressions
    uplink_of: Callable[[Guest | None, int], Uplink]
    """An uplink to a guest or, with None, to the home manager; and for how many milliseconds it may go unanswered
    before it is tried anew. Raises `TransportError`."""
    log: Segments
    """Where the inputs go before they are stepped, for `skerry replay` and `skerry explain`."""


class AgentShell:
    """Runs one agent until it is told to stop."""

    def __init__(self, settings: AgentSettings, outside: Outside) -> None:
        self.settings = settings
        self.outside = outside
        self.stream = EventStream(settings.node)
        self._lost = 0
        self.broken_off = 0
        """Links over which one end heard nothing."""
        self.cannot_write = ""
        """Why the disk takes nothing; empty: it does. Meanwhile nothing is decided, and all that is known gets old."""
        self.agent: Agent
        self._queue: deque[AgentEvent] = deque()
        self._wakeup = asyncio.Event()
        self._uplinks: dict[ManagerId, Uplink] = {}
        self._inputs = 0
        self._requests = 0
        self._replies: dict[str, asyncio.Future[Reply]] = {}
        self._stopping = False
        self.ends_for_another_life = False
        """Why the loop ended: whoever runs this has to begin again, from the disk (J1)."""
        self._supervisor = Supervisor(self._wakeup)
        self._desk = WorkloadDesk(outside.workloads, settings.host, self._supervisor, self.post)
        self._recorder = Recorder(outside.log, outside.signer, outside.storage.get, core_version(), settings.node)
        self._told = ""
        """The trouble with the input log that was told last."""

    # --- life -----------------------------------------------------------------------------------------------------

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Recover, take over what runs, and only then join the fabric (reboot rule). Returns after `stop()`.

        Raises `StorageError`, `TransportError`, `WorkloadError`, `TwinError` or whatever a task beside the loop failed
        with.
        """
        await self._recover()
        try:
            await self._open_fabric()
            self._supervisor.start(self._watch_exits(), "exits")
            self._supervisor.start(self._sample_usage(), "usage")
            self._supervisor.start(self._sample_facts(), "facts")
            ready()
            await self._loop()
        finally:
            await self._close()

    async def request(self, event: Callable[[str], AgentEvent]) -> Reply:
        """Post an event that wants an answer, and wait for it. Raises `TimeoutError`, and `NoRoom` at once while the
        disk takes nothing."""
        if self.cannot_write:
            raise NoRoom(self.cannot_write)
        self._requests += 1
        name = f"{self.settings.node}-request-{self._requests}"
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[name] = answered
        try:
            self.post(event(name))
            return await asyncio.wait_for(answered, REQUEST_WITHIN_S)
        finally:
            del self._replies[name]

    @property
    def recovered(self) -> bool:
        """Whether the agent has loaded what the disk holds; before, there is nobody to ask."""
        return hasattr(self, "agent")

    def stop(self) -> None:
        """Let the loop end after the events that wait."""
        self._stopping = True
        self._wakeup.set()

    @property
    def lost(self) -> int:
        """Messages of the fabric's that were lost at this end, also as nothing could be decided, and events that came
        while too many waited."""
        return self._lost + self.outside.fabric.lost

    def post(self, event: AgentEvent) -> None:
        """Queue an event; lost and counted if too many wait."""
        if len(self._queue) >= QUEUE_MAX:
            self._lost += 1
            return
        self._queue.append(event)
        self._wakeup.set()

    async def _recover(self) -> None:
        """Before the fabric is opened: what runs is adopted, and what may run anywhere starts again (U1)."""
        kept = await self._with_room(self.outside.storage.load)
        running = await self.outside.workloads.open()
        found = tuple(
            Adopted(
                instance=process.instance,
                digest=process.digest,
                pid=process.pid,
                endpoint=f"{self.settings.host}:{process.ports['main']}" if "main" in process.ports else "",
                port=process.ports.get("main"),
                fence=process.fence,
            )
            for process in running
        )
        identity = Identity(
            site=self.settings.site,
            node=NodeId(self.settings.node),
            life=life_from(entropy.draw()),
            boot=clock.boot_id(),
        )
        started = self._input(Started())
        self._recorder.recovered(
            Recovered(
                version=core_version(),
                identity=identity,
                kept=dict(kept),
                found=found,
                contingency=self.settings.contingency,
                retention=self.settings.retention(),
                given=logged(started),
            )
        )
        try:
            self.agent, effects = Agent.recover(
                identity,
                self._recorder.signer,
                self.outside.expressions,
                kept,
                found,
                stored_documents(kept, self.settings.site, self.outside.verifier),
                started,
                contingency=self.settings.contingency,
                retention=self.settings.retention(),
                shelf=self._recorder.shelf,
            )
        except msgspec.DecodeError as error:
            raise StorageError(f"the state of {self.settings.node} is damaged ({error}); {DAMAGED_ADVICE}") from error
        await self._carry_out([effects])
        self._recorder.stepped(self.agent, [effects], started.wall_ms)
        await self._step_all([Started(), FactsFound(facts=self.outside.sensors.facts())])

    async def _open_fabric(self) -> None:
        self.outside.fabric.on_message(self._on_payload)
        twin = Twin(self.settings.site, self.settings.node, self.settings.fabric_lease_ms)

        def presence(node: NodeId, present: bool) -> None:
            if node == self.settings.node:
                twin.seen(present)
            else:
                self.post(PresenceChanged(node=node, present=present))

        def broken_off(end: str) -> None:
            self.broken_off += 1
            self.note(Note(what="link.broken_off", about=end))

        self.outside.fabric.on_presence(presence)
        self.outside.fabric.on_silence(self._silent)
        self.outside.fabric.on_broken_off(broken_off)
        await self.outside.fabric.open()
        self._supervisor.start(twin.watch(), "twin")

    def _silent(self) -> Collection[NodeId]:
        """While nothing is taken in, nobody is."""
        return () if self.cannot_write else self.agent.membership.silent(clock.boot_ms())

    async def _close(self) -> None:
        await self._supervisor.close()
        for uplink in self._uplinks.values():
            await uplink.close()
        await self.outside.fabric.close()
        await self.outside.workloads.close()
        self._recorder.close(self.agent)
        self.outside.storage.close()

    # --- the loop -------------------------------------------------------------------------------------------------

    async def _loop(self) -> None:
        while not (self._stopping and not self._queue):
            await self._wait()
            if self._supervisor.failure is not None:
                raise self._supervisor.failure
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_MAX))]
            due_ms = self.agent.next_deadline_ms()
            if due_ms is not None and due_ms <= clock.boot_ms():
                batch.append(DeadlinePassed())
            if batch:
                await self._step_all(batch)
            await asyncio.sleep(0)  # what ended beside the loop gets its turn, however many events wait

    async def _wait(self) -> None:
        if self._queue or self._stopping:
            return
        self._wakeup.clear()
        due_ms = self.agent.next_deadline_ms()
        if due_ms is None:
            await self._wakeup.wait()
            return
        # Not `wait_for`, which makes a task of each wait: an agent at rest does little but wait.
        wait_s = max(due_ms - clock.boot_ms(), 0) / 1000
        deadline = asyncio.get_running_loop().call_later(wait_s, self._wakeup.set)
        try:
            await self._wakeup.wait()
        finally:
            deadline.cancel()

    async def _step_all(self, events: list[AgentEvent]) -> None:
        inputs = [self._input(event) for event in events]
        self._recorder.stepping(inputs)
        steps = [self.agent.step(given) for given in inputs]
        await self._carry_out(steps)
        self._recorder.stepped(self.agent, steps, inputs[-1].wall_ms)
        trouble = self._recorder.trouble or ""
        if trouble != self._told:
            self._told = trouble
            self.note(Note(what="inputs.unlogged" if trouble else "inputs.logged", data={"why": trouble}))

    def _input(self, event: Any) -> Input[Any]:
        self._inputs += 1
        return Input(
            id=f"{self.settings.node}-{self._inputs}",
            at_ms=clock.boot_ms(),
            wall_ms=clock.wall_ms(),
            draw=entropy.draw(),
            event=event,
        )

    async def _carry_out(self, steps: list[Effects]) -> None:
        """One commit for all, then everything else in the order of the steps."""
        changes = [change for effects in steps for change in effects.persist]
        if changes:
            await self._persist(changes)
        for effects in steps:
            for send in effects.send:
                self.outside.fabric.send(send.to, encode(self.agent.seal_message(send.message)))
            for report in effects.report:
                payload = encode(self.agent.seal_message(report.message))  # always, so that a replay numbers it too
                uplink = self._uplinks.get(ManagerId(report.manager))
                if uplink is not None:
                    uplink.send(payload)
            for reply in effects.reply:
                waiting = self._replies.get(reply.request)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
            for act in effects.act:
                self._act(act)
            for note in effects.note:
                self.note(note, effects.cause)

    async def _persist(self, changes: list[Persist]) -> None:
        """Until the disk has taken it nothing leaves, and nothing more is stepped: to the others this agent stands
        still, and exclusive work ends by its guard's deadline (N5, X6). Raises `StorageError`; `NoRoom` if the agent is
        to stop meanwhile."""
        await self._with_room(lambda: self.outside.storage.commit(changes))

    async def _with_room(self, work: Callable[[], T]) -> T:
        """What the work on the disk gives, once there is room for it. Raises as `_persist` does."""
        while True:
            try:
                done = work()
                break
            except NoRoom as error:
                if self._stopping:
                    raise
                if not self.cannot_write:
                    self.note(Note(what="state.unwritten", data={"why": str(error)}))
                self.cannot_write = str(error)
            await asyncio.sleep(ROOM_PERIOD_S)
            if self._supervisor.failure is not None:
                raise self._supervisor.failure
        if self.cannot_write:
            self.cannot_write = ""
            self.note(Note(what="state.written"))
        return done

    def note(self, note: Note, cause: str = "") -> None:
        """Add to the public stream."""
        self.stream.add(note, at_ms=clock.boot_ms(), wall_ms=clock.wall_ms(), cause=cause)

    def _act(self, act: Act) -> None:
        match act:
            case OpenSession(manager=manager):
                self._supervisor.start(self._open_uplink(manager), f"uplink {manager}")
            case OpenNewLife():
                self.ends_for_another_life = True
                self.stop()
            case CloseSession(manager=manager):
                self._supervisor.start(self._close_uplink(manager), f"close uplink {manager}")
            case _:
                self._desk.act(act)

    # --- what comes from outside ----------------------------------------------------------------------------------

    def _on_payload(self, payload: bytes) -> None:
        """From a peer or the manager: nothing reaches a machine before its signature was checked (N6)."""
        if self.cannot_write:
            self._lost += 1  # as on any network; it comes again (C2), and the queue is for what does not
            return
        try:
            sealed = decode(payload, Sealed)
            for said in opened(sealed, self.settings.site, self._key_of, self.outside.verifier):
                self.post(Heard(said=said))
        except (Refused, msgspec.DecodeError) as refused:
            self.agent.refused += 1
            self.note(Note(what="statement.refused", data={"why": str(refused)}))

    def _key_of(self, signer: str) -> bytes | None:
        return key_in(self.agent.picture.roster(), signer)

    async def _open_uplink(self, manager: ManagerId) -> None:
        if manager in self._uplinks:
            return
        try:
            guest = self.agent.picture.roster().guest(manager)
            uplink = self._uplinks[manager] = self.outside.uplink_of(guest, self._uplink_patience_ms())
        except TransportError as error:  # what a roster says of a guest is no reason to end
            self.note(Note(what="uplink.refused", about=manager, data={"why": str(error)}))
            return
        uplink.on_message(self._on_payload)
        uplink.on_session(lambda up: self.post(SessionChanged(manager=manager, up=up)))
        await uplink.open()

    def _uplink_patience_ms(self) -> int:
        """Half the grace: a session that answers nothing is given up while there is time for another."""
        site = self.agent.picture.site()
        return (site.uplink_lost_after_ms if site is not None else DEFAULT_GRACE_MS) // 2

    async def _close_uplink(self, manager: ManagerId) -> None:
        uplink = self._uplinks.pop(manager, None)
        if uplink is not None:
            await uplink.close()
            self.post(SessionChanged(manager=manager, up=False))

    async def _watch_exits(self) -> None:
        while True:
            self.post(self._desk.exited(await self.outside.workloads.exited()))

    async def _sample_usage(self) -> None:
        while True:
            usage = await self.outside.workloads.usage()
            if not self.cannot_write:
                self.post(UsageSampled(usage=usage))
            await asyncio.sleep(USAGE_PERIOD_S)

    async def _sample_facts(self) -> None:
        """The owner's file and the machine may change under a running agent.

        What cannot be read changes nothing, and is told once.
        """
        told = ""
        while True:
            await asyncio.sleep(FACTS_PERIOD_S)
            try:
                facts = self.outside.sensors.facts()
            except SensorError as error:
                if str(error) != told:
                    told = str(error)
                    self.note(Note(what="facts.refused", about=self.settings.node, data={"why": told}))
                continue
            told = ""
            if facts != self.agent.picture.facts:
                self.post(FactsFound(facts=facts))
