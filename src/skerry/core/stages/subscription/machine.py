"""What a node runs: from the plan and the mode in force to processes, and never without a subscription on disk (I4).

A change of mode is a local step from one set of this node's own subscriptions to the other: what goes is told so before
what comes is started, and where there is no room for both, the start waits for the stop (M5).
An instance that goes to another node goes on here until it answers there, and until its clients have gone; one that is
exclusive stops first, always (X7). After a start what really runs is adopted if the disk has a subscription for it, and
what may run anywhere starts again at once, with nobody's permission (U1).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.group.granting.model import Held
from skerry.core.kernel.effects import (
    NOTHING,
    Act,
    AwaitDrained,
    Drop,
    Effects,
    ExtendWorkload,
    Note,
    Persist,
    Put,
    Record,
    StartWorkload,
    StopWorkload,
    WriteEndpoints,
)
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import GrantKey, InstanceId, IntentId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import Value, decode, encode
from skerry.core.stages.capability.model import Resources
from skerry.core.stages.ir.model import IntermediateRepresentation, Mode
from skerry.core.stages.negotiation.model import SITE, Plan
from skerry.core.stages.subscription.endpoints import endpoints_file
from skerry.core.stages.subscription.events import (
    WorkloadDrained,
    WorkloadEvent,
    WorkloadExited,
    WorkloadFailed,
    WorkloadReady,
    WorkloadStopped,
)
from skerry.core.stages.subscription.model import Instance, Subscription
from skerry.core.stages.subscription.rules import drain_ms, is_exclusive, is_open, named_for, paused_by, spec_of
from skerry.core.stages.subscription.runs import Adopted, Run, Wanted, conflicting, taking_room

SUBSCRIPTION_PREFIX = "subscription/"
DEADLINE = "deadline"
"""The reason of an exit by the guard's deadline (X6)."""
FAILURES_MAX = 5
FAILURES_WITHIN_MS = 60_000
RETRY_MIN_MS = 200
RETRY_MAX_MS = 10_000
GIVE_OVER_MS = 30_000
"""P4: how long a copy that the plan gives to somebody else waits for a holder of whom nothing is heard."""
LOOK_ROUND_MS = 1_500
"""An agent that has taken over processes knows nobody yet: for so long they keep what they were told before (U12)."""

KeeperEvent = WorkloadEvent | DeadlinePassed | Reconsider


class KeeperView(Value, frozen=True, kw_only=True):
    """What the keeper may know of the rest."""

    plan: Plan | None
    my_leaders: bool
    """It was made by the leader that I follow, in the present term, with me among its members."""
    modes: dict[IntentId, Mode]
    irs: dict[IntentId, IntermediateRepresentation]
    held: dict[GrantKey, Held]
    running: dict[NodeId, tuple[Instance, ...]]
    """What each node in contact says that it runs; without me."""
    room: Resources
    """What the node has for workloads now."""
    leaving: bool = False
    """The node leaves the site, or was taken out of its roster: nothing is wanted here any more."""
    paused: dict[str, str] = {}
    """Intents and roles that operators hold, with who and why (R4)."""
    drained: bool = False
    """An operator holds this node: nothing starts here that it does not have."""
    reading_every_ms: int = 0
    """Within which the first reading of what begins now is due (H1)."""


@dataclass
class Keeper:
    """One node's workloads."""

    me: NodeId
    runs: dict[InstanceId, Run] = field(default_factory=dict)
    version: int = 0
    """Grows whenever what `instances()`, `wanted_keys()` or `keys_in_use()` say changes."""
    adopted_until_ms: int = 0
    """Exclusive processes that were taken over may go on without a grant of this life until the guard's deadline."""
    _instances: tuple[Instance, ...] = ()
    _wanted_keys: dict[GrantKey, int] = field(default_factory=dict)
    _kept: dict[InstanceId, Subscription] = field(default_factory=dict)
    _gone: tuple[InstanceId, ...] = ()
    """What an earlier life may run and is not there any more: to be told with the first step."""
    _deadline_ms: int | None = None

    @classmethod
    def recover(
        cls, me: NodeId, kept: dict[str, bytes], found: tuple[Adopted, ...], at_ms: int, wall_ms: int, lease_ms: int
    ) -> tuple[Keeper, Effects]:
        """Adopt what has a subscription on disk; stop the rest (reboot rule). Exclusive ones keep their deadline."""
        keeper = cls(me=me, adopted_until_ms=at_ms + lease_ms)
        subscriptions = [decode(raw, Subscription) for key, raw in kept.items() if key.startswith(SUBSCRIPTION_PREFIX)]
        keeper._kept = {s.instance: s for s in subscriptions}
        acts: list[Act] = []
        notes: list[Note] = []
        for process in found:
            subscription = keeper._kept.get(process.instance)
            if subscription is None or subscription.digest != process.digest:
                acts.append(StopWorkload(instance=process.instance, within_ms=1_000))
                notes.append(Note(what="workload.orphan", about=process.instance, data={"pid": process.pid}))
                continue
            keeper.runs[process.instance] = Run(
                intent=subscription.intent,
                configuration=subscription.configuration.name if subscription.configuration is not None else "",
                digest=process.digest,
                phase="active",
                since_wall_ms=wall_ms,
                plan=subscription.plan,
                pid=process.pid,
                endpoint=process.endpoint,
                port=process.port,
                fence=process.fence,
                endpoints_from_ms=at_ms + LOOK_ROUND_MS,
                started=subscription.configuration,
            )
            notes.append(Note(what="workload.adopted", about=process.instance, data={"pid": process.pid}))
        keeper._gone = tuple(sorted(set(keeper._kept) - set(keeper.runs)))
        keeper._publish({})
        return keeper, Effects(act=tuple(acts), note=tuple(notes))

    def step(self, given: Input[KeeperEvent], view: KeeperView) -> Effects:
        """Take the end of a start, stop or drain, or a change of plan, mode, grants or neighbours."""
        self._deadline_ms = None
        done = self._on_event(given, view) + self._tell_gone()
        wanted = self._wanted(view)
        for instance in sorted(set(self._kept) - set(self.runs) - set(wanted)) if view.plan is not None else ():
            done = done + self._forget(instance)
        for instance in sorted(set(self.runs) - set(wanted)):
            done = done + self._away(instance, given, view)
        for instance, want in sorted(wanted.items()):
            done = done + self._towards(instance, want, given, view)
        done = done + self._endpoints(given.at_ms, view)
        self._publish(self._keys(wanted, view))
        return done

    def next_deadline_ms(self) -> int | None:
        """The next retry after a failure, or the end of waiting for a holder that is not heard."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """I4: what runs has a subscription."""
        for instance, run in self.runs.items():
            if run.phase in ("starting", "active", "draining"):
                assert instance in self._kept, f"I4: {instance} runs without a subscription"

    def instances(self) -> tuple[Instance, ...]:
        """What my beats carry."""
        return self._instances

    def wanted_keys(self) -> dict[GrantKey, int]:
        """The exclusive keys that I am named for, with the fence of a process that runs under one."""
        return self._wanted_keys

    def keys_in_use(self) -> frozenset[GrantKey]:
        """Keys under which something runs still: not given back before it is gone (X7)."""
        return frozenset(
            r.key for r in self.runs.values() if r.key is not None and r.phase not in ("waiting", "failed")
        )

    def _tell_gone(self) -> Effects:
        """H3: until something of this life is known, what an earlier one did after its last reading is unknown up to
        now, and more with every second."""
        gone, self._gone = self._gone, ()
        return Effects(record=tuple(_end(instance, "it was gone when its agent came back") for instance in gone))

    def _forget(self, instance: InstanceId) -> Effects:
        """Nothing runs of it, and nothing is to."""
        self._kept.pop(instance, None)
        return Effects(persist=(Drop(key=SUBSCRIPTION_PREFIX + instance),))

    # --- what happened --------------------------------------------------------------------------------------------

    def _on_event(self, given: Input[KeeperEvent], view: KeeperView) -> Effects:
        event = given.event
        if isinstance(event, DeadlinePassed | Reconsider):
            return NOTHING
        run = self.runs.get(event.instance)
        if run is None:
            return NOTHING
        match event:
            case WorkloadReady():
                if run.phase != "starting":
                    return NOTHING
                run.phase, run.pid, run.endpoint = "active", event.pid, event.endpoint
                run.port, run.since_wall_ms, run.reason = event.port, given.wall_ms, ""
                data = {"pid": run.pid, "endpoint": run.endpoint, "fence": run.fence, "plan": run.plan}
                data |= {"every_ms": view.reading_every_ms}
                if (held := view.held.get(run.key or GrantKey(""))) is not None and held.surrendered:
                    data |= {"surrendered": held.surrendered, "surrendered_wall_ms": held.surrendered_wall_ms}
                return Effects(
                    persist=self._keep(event.instance, run, run.port),
                    note=(Note(what="role.active", about=event.instance, data=data),),
                    record=(Record(kind="decision", what="role.active", about=event.instance, data=data),),
                )
            case WorkloadFailed(reason=reason) | WorkloadExited(reason=reason):
                return self._failed(event.instance, run, reason, given.at_ms)
            case WorkloadStopped():
                return self._stopped(event.instance, run)
            case WorkloadDrained():
                run.drained = True
                return NOTHING

    def _failed(self, instance: InstanceId, run: Run, reason: str, at_ms: int) -> Effects:
        """Try again after a pause that doubles; after five failures within a minute say so, for the leader to see. What
        was active is so no more, and its account ends (H3)."""
        if run.phase == "stopping":
            return NOTHING  # its `WorkloadStopped` is still to come
        ended = Effects(record=(_end(instance, reason),) if run.phase in ("active", "draining") else ())
        if reason == DEADLINE:  # the guard ended it with its lease, as it must: no fault of the program's
            run.phase, run.reason, run.endpoint, run.pid = "waiting", reason, "", 0
            run.fence = run.kill_at_ms = None
            return ended + Effects(note=(Note(what="role.ended", about=instance, data={"reason": reason}),))
        run.failures_ms = [t for t in run.failures_ms if at_ms - t < FAILURES_WITHIN_MS] + [at_ms]
        pause_ms = min(RETRY_MIN_MS * 2 ** (len(run.failures_ms) - 1), RETRY_MAX_MS)
        gave_up = len(run.failures_ms) >= FAILURES_MAX
        run.phase, run.reason, run.endpoint, run.pid = "failed" if gave_up else "waiting", reason, "", 0
        run.retry_ms = at_ms + (FAILURES_WITHIN_MS if gave_up else pause_ms)
        run.fence = run.kill_at_ms = None
        data = {"reason": reason, "failures": len(run.failures_ms), "again_in_ms": run.retry_ms - at_ms}
        return ended + Effects(note=(Note(what="role.failed", about=instance, data=data),))

    def _stopped(self, instance: InstanceId, run: Run) -> Effects:
        """Gone, on disk as well; only now may its key be released (X7)."""
        del self.runs[instance]
        return self._forget(instance) + Effects(
            note=(Note(what="role.stopped", about=instance, data={"why": run.reason}),),
            record=(_end(instance, run.reason),),
        )

    # --- what is wanted -------------------------------------------------------------------------------------------

    def _wanted(self, view: KeeperView) -> dict[InstanceId, Wanted]:
        found: dict[InstanceId, Wanted] = {}
        if view.leaving:
            return found
        for section in view.plan.sections.values() if view.plan is not None else ():
            ir = view.irs.get(section.intent)
            if ir is None or ir.withdrawn or section.intent == SITE:
                continue
            mode = view.modes.get(section.intent, "connected")
            for instance, assignment in section.of(mode).items():
                spec = ir.sets[mode].elements.get(assignment.element)
                configuration = spec.configurations.get(assignment.configuration) if spec is not None else None
                if assignment.holder != self.me or spec is None or configuration is None:
                    continue
                if paused_by(instance, view.paused) or (view.drained and instance not in self._kept):
                    continue
                if configuration.digest == assignment.digest:
                    found[instance] = Wanted(assignment, ir, spec, configuration)
        return found

    def _towards(self, instance: InstanceId, want: Wanted, given: Input[KeeperEvent], view: KeeperView) -> Effects:
        """One step nearer to running what is wanted."""
        run = self.runs.get(instance)
        if run is None:
            run = self.runs[instance] = self._new(want, given.wall_ms)
        run.key, run.plan, run.unheard_ms = want.assignment.key, str(want.assignment.since or ""), None
        if run.phase in ("active", "draining", "starting") and run.digest != want.configuration.digest:
            return self._stop(instance, run, "another configuration was agreed on")
        run.configuration, run.stop_within_ms = want.configuration.name, want.configuration.stop_within_ms
        if run.key is not None and run.phase in ("active", "starting", "draining"):
            exclusive = self._hold(instance, run, given.at_ms, view)
            if exclusive.act:
                return exclusive
        if run.phase == "draining":
            return _stay(instance, run)
        if run.phase in ("waiting", "failed"):
            return self._start(instance, run, want, given.at_ms, view)
        return NOTHING

    def _new(self, want: Wanted, wall_ms: int) -> Run:
        return Run(
            intent=want.ir.intent,
            configuration=want.configuration.name,
            digest=want.configuration.digest,
            phase="waiting",
            since_wall_ms=wall_ms,
            plan=str(want.assignment.since or ""),
            key=want.assignment.key,
        )

    def _hold(self, instance: InstanceId, run: Run, at_ms: int, view: KeeperView) -> Effects:
        """X2, X6: an exclusive process runs only under a grant with its own fence; the guard ends it otherwise."""
        assert run.key is not None
        held = view.held.get(run.key)
        if held is None:
            if run.kill_at_ms is None and at_ms < self.adopted_until_ms:
                self._wake(self.adopted_until_ms)
                return NOTHING
            return self._stop(instance, run, "its grant has run out")
        if held.fence != run.fence:
            return self._stop(instance, run, "somebody else was active in between")
        if run.phase == "active":
            run.reason = f"exclusiveness given up: {held.surrendered}" if held.surrendered else ""
            run.surrendered = bool(held.surrendered)
        kill_at_ms = held.until_ms - run.stop_within_ms
        if run.kill_at_ms is None or kill_at_ms > run.kill_at_ms:
            run.kill_at_ms = kill_at_ms
            return Effects(act=(ExtendWorkload(instance=instance, kill_at_ms=kill_at_ms),))
        return NOTHING

    def _start(self, instance: InstanceId, run: Run, want: Wanted, at_ms: int, view: KeeperView) -> Effects:
        if at_ms < run.retry_ms:
            self._wake(run.retry_ms)
            return NOTHING
        kill_at_ms = None
        if run.key is not None:
            held = view.held.get(run.key)
            if held is None or held.until_ms - want.configuration.stop_within_ms <= at_ms:
                run.reason = "waits for a grant"
                return NOTHING
            run.fence, kill_at_ms = held.fence, held.until_ms - want.configuration.stop_within_ms
        blocker = conflicting(instance, want, self.runs) or taking_room(instance, want, self.runs, view.irs, view.room)
        if blocker is not None:
            run.reason = f"waits for the stop of {blocker}"
            return NOTHING
        before = self._kept.get(instance)
        run.phase, run.digest, run.reason, run.kill_at_ms = "starting", want.configuration.digest, "", kill_at_ms
        run.started, run.surrendered = want.configuration, False
        run.endpoints = endpoints_file(
            self.me, instance, run.fence, want.ir, want.spec, self._around(view), view.modes, False
        )
        port = before.port if before is not None else None
        act = StartWorkload(
            instance=instance,
            configuration=want.configuration,
            resources=want.spec.resources,
            fence=run.fence,
            port=port,
            kill_at_ms=kill_at_ms,
            endpoints=run.endpoints,
        )
        note = Note(what="role.starting", about=instance, data={"plan": run.plan, "fence": run.fence})
        return Effects(persist=self._keep(instance, run, port), act=(act,), note=(note,))

    # --- what is not wanted any more ------------------------------------------------------------------------------

    def _away(self, instance: InstanceId, given: Input[KeeperEvent], view: KeeperView) -> Effects:
        run = self.runs[instance]
        if run.phase in ("waiting", "failed"):
            del self.runs[instance]
            return self._forget(instance)
        ir = view.irs.get(run.intent)
        held = paused_by(instance, view.paused)
        if held is not None:
            return NOTHING if run.phase == "stopping" else self._stop(instance, run, held)
        if self._goes_on(instance, run, view):
            stays = _stay(instance, run) if run.phase == "draining" else NOTHING
            return stays + (self._hold(instance, run, given.at_ms, view) if run.key is not None else NOTHING)
        if run.phase == "stopping":
            return NOTHING
        if run.phase == "starting":
            return self._stop(instance, run, "not wanted any more")
        if run.key is not None or is_exclusive(view.plan, instance):
            return self._stop(instance, run, "the plan names somebody else")
        if ir is None or ir.withdrawn or view.leaving:
            return self._stop(instance, run, "the node leaves" if view.leaving else "its intent was withdrawn")
        if run.phase == "active":
            if not self._replaced(instance, run, given.at_ms, view):
                return NOTHING
            run.phase, run.drained = "draining", False
            note = Note(what="role.draining", about=instance)
            within_ms = drain_ms(instance, ir)
            return Effects(act=(AwaitDrained(instance=instance, within_ms=within_ms),), note=(note,))
        return self._stop(instance, run, "its clients have gone") if run.drained else NOTHING

    def _goes_on(self, instance: InstanceId, run: Run, view: KeeperView) -> bool:
        """P1, P4, X2: after a change of leader the old commit counts until the new leader's own plan omits it. A plan
        that was made without me, by another part or while my agent was away, ends no healthy work that it leaves out;
        and none that is exclusive, which goes over by grants alone. Nor does my leader's own end what it leaves open
        for the moment, until somebody has agreed (I7)."""
        ir = view.irs.get(run.intent)
        if view.leaving or ir is None or ir.withdrawn or run.phase not in ("starting", "active", "draining"):
            return False
        if run.key is not None and run.key not in view.held:
            return False
        if run.key is not None and not view.my_leaders and named_for(view.plan, instance, run.intent, view.modes):
            return True
        return is_open(view.plan, instance, run.intent, view.modes, for_the_moment=view.my_leaders)

    def _replaced(self, instance: InstanceId, run: Run, at_ms: int, view: KeeperView) -> bool:
        """Make before break: while the plan in force names another node, it has to answer there first. One that I do
        not hear, as my leader does, is given a stated time for it (P4)."""
        successor = named_for(view.plan, instance, run.intent, view.modes)
        if successor is None or successor.holder == self.me:
            return True
        running = view.running.get(successor.holder)
        if running is not None:
            run.unheard_ms = None
            return any(i.instance == instance and i.phase == "active" for i in running)
        if run.unheard_ms is None:
            run.unheard_ms = at_ms
        self._wake(run.unheard_ms + GIVE_OVER_MS)
        return at_ms >= run.unheard_ms + GIVE_OVER_MS

    def _stop(self, instance: InstanceId, run: Run, why: str) -> Effects:
        run.phase, run.reason = "stopping", why
        note = Note(what="role.stopping", about=instance, data={"why": why})
        return Effects(act=(StopWorkload(instance=instance, within_ms=run.stop_within_ms),), note=(note,))

    # --- what the workloads are told, and what the others are -----------------------------------------------------

    def _endpoints(self, at_ms: int, view: KeeperView) -> Effects:
        """Rewrite what has changed for a workload that runs."""
        acts: list[Act] = []
        for instance, run in sorted(self.runs.items()):
            if run.phase not in ("active", "draining"):
                continue
            if at_ms < run.endpoints_from_ms:
                self._wake(run.endpoints_from_ms)
                continue
            ir = view.irs.get(run.intent)
            mode = view.modes.get(run.intent, "connected")
            spec = spec_of(instance, ir, mode)
            if ir is None or spec is None:
                continue
            draining = run.phase == "draining"
            content = endpoints_file(self.me, instance, run.fence, ir, spec, self._around(view), view.modes, draining)
            if content != run.endpoints:
                run.endpoints = content
                acts.append(WriteEndpoints(instance=instance, content=content))
        return Effects(act=tuple(acts))

    def _around(self, view: KeeperView) -> dict[NodeId, tuple[Instance, ...]]:
        return {**view.running, self.me: self._now()}

    def _now(self) -> tuple[Instance, ...]:
        return tuple(
            Instance(
                instance=instance,
                phase=run.phase,
                configuration=run.configuration,
                digest=run.digest,
                endpoint=run.endpoint,
                fence=run.fence,
                since_wall_ms=run.since_wall_ms,
                reason=run.reason,
                surrendered=run.surrendered and run.phase == "active",
            )
            for instance, run in sorted(self.runs.items())
        )

    def _keys(self, wanted: dict[InstanceId, Wanted], view: KeeperView) -> dict[GrantKey, int]:
        """Each key that I ask for, with the fence of a process that runs under it."""
        keys = [w.assignment.key for w in wanted.values()]
        left = ((i, r) for i, r in self.runs.items() if i not in wanted and paused_by(i, view.paused) is None)
        keys += [r.key for i, r in left if self._goes_on(i, r, view)]
        fences = {r.key: r.fence or 0 for r in self.runs.values()}
        return {key: fences.get(key, 0) for key in keys if key is not None}

    def _publish(self, keys: dict[GrantKey, int]) -> None:
        instances = self._now()
        if instances != self._instances or keys != self._wanted_keys:
            self._instances, self._wanted_keys = instances, keys
            self.version += 1

    def _keep(self, instance: InstanceId, run: Run, port: int | None) -> tuple[Persist, ...]:
        kept = self._kept[instance] = Subscription(
            instance=instance,
            intent=run.intent,
            digest=run.digest,
            plan=run.plan,
            configuration=run.started,
            port=port,
        )
        return (Put(key=SUBSCRIPTION_PREFIX + instance, value=encode(kept)),)

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)


def _stay(instance: InstanceId, run: Run) -> Effects:
    run.phase, run.drained = "active", False
    return Effects(note=(Note(what="role.stays", about=instance),))


def _end(instance: InstanceId, why: str) -> Record:
    return Record(kind="decision", what="role.stopped", about=instance, data={"why": why})
