"""An agent's dealings with its guard: each act ends in its completing event, and those on one instance go in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.core.kernel.effects import (
    Act,
    AskUnattended,
    AwaitDrained,
    CheckInstance,
    ExtendWorkload,
    MeasureInstance,
    StartWorkload,
    StopWorkload,
    TryConfiguration,
    WriteEndpoints,
)
from skerry.core.kernel.ids import InstanceId, NodeId
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.ir.model import Configuration
from skerry.core.stages.monitoring.events import InstanceChecked, InstanceMeasured, UnattendedAnswered
from skerry.core.stages.subscription.events import WorkloadDrained, WorkloadFailed, WorkloadReady, WorkloadStopped

if TYPE_CHECKING:
    from skerry.sim.shell import Shell

TRIAL_START_MS = 300
START_MS = (30, 900)
DRAIN_MS = (0, 3_000)
CHECK_MS = 3

Work = Callable[[], bool]
"""Begins something; whether it is over already."""


class Desk:
    """What one life of an agent has asked for and not heard of yet. All of it is forgotten with that life."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self._turns: dict[InstanceId, deque[Work]] = {}
        self._starting: dict[InstanceId, int] = {}
        """Instances that are not ready yet, with the number of their start."""
        self._starts = 0

    def act(self, act: Act) -> None:
        """Begin one act."""
        machine = self.shell.machine
        match act:
            case StartWorkload():
                self._in_turn(act.instance, lambda: self._start(act))
            case StopWorkload():
                self._in_turn(act.instance, lambda: self._stop(act))
            case ExtendWorkload():
                machine.guard.extend(act.instance, act.kill_at_ms)
            case AwaitDrained():
                takes_ms = min(act.within_ms, self.shell.chance.between(*DRAIN_MS))
                self.shell.later(takes_ms, lambda: self.shell.post(WorkloadDrained(instance=act.instance)))
            case TryConfiguration():
                takes_ms = TRIAL_START_MS + act.configuration.probe_for_ms
                self.shell.later(takes_ms, lambda: self.shell.post(self._trial(act)))
            case CheckInstance():
                self.shell.later(CHECK_MS, lambda: self.shell.post(self._checked(act)))
            case AskUnattended():
                takes_ms = CHECK_MS if self._reaches(act.node, act.instance) else act.within_ms
                self.shell.later(takes_ms, lambda: self.shell.post(self._unattended(act)))
            case MeasureInstance():
                self.shell.later(act.for_ms, lambda: self.shell.post(self._measured(act)))
            case WriteEndpoints():
                pass  # no workload here reads it
            case _:
                raise TypeError(f"an act that nobody carries out: {type(act).__name__}")

    def took_exit(self, instance: InstanceId, reason: str) -> bool:
        """Whether this exit ends a start that was on its way."""
        if instance not in self._starting:
            return False
        del self._starting[instance]
        self._failed(instance, reason)
        return True

    # --- in turn --------------------------------------------------------------------------------------------------

    def _in_turn(self, instance: InstanceId, work: Work) -> None:
        turns = self._turns.setdefault(instance, deque())
        turns.append(work)
        if len(turns) == 1:
            self._next(instance)

    def _next(self, instance: InstanceId) -> None:
        turns = self._turns[instance]
        while turns and turns[0]():
            turns.popleft()

    def _over(self, instance: InstanceId) -> None:
        self._turns[instance].popleft()
        self._next(instance)

    # --- start and stop -------------------------------------------------------------------------------------------

    def _start(self, act: StartWorkload) -> bool:
        machine, chance = self.shell.machine, self.shell.chance
        started = machine.guard.start(act)
        if isinstance(started, str):
            self.shell.world.coverage.hit(f"state.guard.refused.{started.split()[-1]}")
            self.shell.post(WorkloadFailed(instance=act.instance, reason=started))
            return True
        self._starts += 1
        number = self._starting[act.instance] = self._starts
        if chance.happens(machine.starts_fail_permille):
            self.shell.world.coverage.hit("fault.workload.never_ready")
            self.shell.later(chance.between(50, 900), lambda: self._give_up(act, number))
            return False

        def ready() -> None:
            if self._starting.get(act.instance) == number:
                del self._starting[act.instance]
                started.ready = True
                self.shell.post(
                    WorkloadReady(
                        instance=act.instance,
                        pid=started.pid,
                        endpoint=f"{machine.name}:{started.port}",
                        port=started.port,
                        fence=started.fence,
                    )
                )
                self._over(act.instance)
                if machine.crashes_after_ms is not None:
                    machine.later(machine.crashes_after_ms, crash)

        def crash() -> None:
            if machine.crashes_after_ms is not None:  # what made it crash is not over
                machine.guard.crash(started, "signal 6")

        self.shell.later(chance.between(*START_MS), ready)
        return False

    def _give_up(self, act: StartWorkload, number: int) -> None:
        """It never got ready: end it, and say so once it is gone."""
        if self._starting.get(act.instance) != number:
            return
        del self._starting[act.instance]
        self.shell.machine.guard.stop(
            act.instance, 500, lambda: self._if_alive(lambda: self._failed(act.instance, "never became ready"))
        )

    def _failed(self, instance: InstanceId, reason: str) -> None:
        self.shell.post(WorkloadFailed(instance=instance, reason=reason))
        self._over(instance)

    def _stop(self, act: StopWorkload) -> bool:
        def done() -> None:
            self.shell.post(WorkloadStopped(instance=act.instance))
            self._over(act.instance)

        self.shell.machine.guard.stop(act.instance, act.within_ms, lambda: self._if_alive(done))
        return False

    def _if_alive(self, work: Callable[[], None]) -> None:
        if self.shell.alive:
            work()

    # --- checks and measurements ----------------------------------------------------------------------------------

    def _checked(self, act: CheckInstance) -> InstanceChecked:
        workload = self.shell.machine.guard.workloads.get(act.instance)
        use = workload.use.report() if workload is not None and act.use else {}
        return InstanceChecked(instance=act.instance, ok=workload is not None, use=use)

    def _reaches(self, node: NodeId, instance: InstanceId) -> bool:
        """Whether an instance elsewhere answers over the network."""
        world = self.shell.world
        holder = world.machines[node]
        cut_off = (self.shell.machine.name, node) in world.network.blocked
        return not cut_off and not holder.frozen and holder.powered and instance in holder.guard.workloads

    def _unattended(self, act: AskUnattended) -> UnattendedAnswered:
        ok = self._reaches(act.node, act.instance)
        self.shell.world.coverage.hit(f"state.unattended.{'answers' if ok else 'silent'}")
        return UnattendedAnswered(node=act.node, instance=act.instance, ok=ok)

    def _measured(self, act: MeasureInstance) -> InstanceMeasured:
        """Over the network: a holder that cannot be reached, or does not run it any more, gives no figures."""
        world, chance = self.shell.world, self.shell.chance
        holder = world.machines[act.holder]
        if not self._reaches(act.holder, act.instance):
            return InstanceMeasured(
                instance=act.instance, holder=act.holder, digest=act.digest, failure="connection refused"
            )
        speed = holder.speed_permille * chance.between(900, 1_100) // holder.slowed_permille
        return InstanceMeasured(
            instance=act.instance,
            holder=act.holder,
            digest=act.digest,
            figures_milli=world.figures(act.digest, speed),
        )

    # --- trials ---------------------------------------------------------------------------------------------------

    def _trial(self, act: TryConfiguration) -> TrialFinished:
        configuration: Configuration = act.configuration
        machine, chance = self.shell.machine, self.shell.chance
        if chance.happens(machine.starts_fail_permille):
            self.shell.world.coverage.hit("fault.trial.failed")
            return TrialFinished(trial=act.trial, digest=configuration.digest, failure="never became ready")
        speed = machine.speed_permille * chance.between(950, 1_050) // 1000 * machine.flatters_permille // 1_000
        return TrialFinished(
            trial=act.trial,
            digest=configuration.digest,
            figures_milli=self.shell.world.figures(configuration.digest, speed),
            operations=100,
            seconds_milli=configuration.probe_for_ms,
        )
