"""Observing what runs: each holder meters its own instances, validator and reporter measure those of others (H, D24).

Metering: every second an active instance is checked; the second counts as provided, and as compliant if the check was
good. A cumulative reading goes into the journal every so many seconds, and before an instance that has ended is
forgotten. Measuring: one probe at a time, short, the least known first; each result is a reading in the measurer's own
chain, and the last twenty per node and configuration are its experience (P5), for an hour after the last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from skerry.core.kernel.effects import NOTHING, Act, CheckInstance, Effects, MeasureInstance, Note, Record
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import Value
from skerry.core.stages.fit.model import fit_permille
from skerry.core.stages.ir.model import ElementSpec, IntermediateRepresentation, Mode
from skerry.core.stages.monitoring.events import InstanceChecked, InstanceMeasured, MonitoringEvent
from skerry.core.stages.monitoring.experience import Experience
from skerry.core.stages.monitoring.model import (
    EXPERIENCE_NEEDED,
    MEASURE_FOR_MS,
    MEASURE_GAP_MS,
    MEASURE_GAP_QUIET_MS,
    Meter,
    Verification,
)
from skerry.core.stages.monitoring.rules import configured, intent_of, measurer
from skerry.core.stages.negotiation.model import No
from skerry.core.stages.subscription.model import Instance

SECOND_MS = 1_000

ObserverEvent = MonitoringEvent | DeadlinePassed | Reconsider


class MonitoringView(Value, frozen=True, kw_only=True):
    """What monitoring may know of the rest."""

    irs: dict[IntentId, IntermediateRepresentation]
    modes: dict[IntentId, Mode]
    mine: tuple[Instance, ...]
    running: dict[NodeId, tuple[Instance, ...]]
    """What each node in contact runs, and this one."""
    validators: tuple[NodeId, ...]
    reporters: tuple[NodeId, ...]
    reading_every_ms: int
    chain: str
    """The name of my own chain, and its head: the next entry is the one after."""
    head: int


@dataclass
class _Account:
    """One of my instances, as long as it is active."""

    meter: Meter
    next_ms: int
    due_ms: int
    """When the next reading is due, by the period that the last one named, whatever the site's is by now (H3)."""
    mode: Mode = "connected"
    """In which the seconds since the last count belong: the one in force when they began."""
    read: Meter | None = None
    checking: bool = False
    reading: bool = False
    """The check under way is for a reading."""
    every_ms: int = 0
    """Which names this period."""


@dataclass
class Monitoring:
    """One node's observations."""

    me: NodeId
    verified: dict[InstanceId, Verification] = field(default_factory=dict)
    """What I measured of instances that run now."""
    _digests: dict[InstanceId, str] = field(default_factory=dict)
    """The configuration in which I measured each."""
    version: int = 0
    """Grows when a verification changes its verdict."""
    _accounts: dict[InstanceId, _Account] = field(default_factory=dict)
    _activations: dict[InstanceId, int] = field(default_factory=dict)
    _experience: Experience = field(default_factory=Experience)
    _measuring: InstanceId | None = None
    _doubted: InstanceId | None = None
    """Its last figure contradicts what stands, or it was found wanting and too few figures say so yet: it is looked at
    again first, so that the verdict does not wait for a round of all."""
    _measured_ms: dict[InstanceId, int] = field(default_factory=dict)
    _next_measure_ms: int = 0
    _deadline_ms: int | None = None

    def step(self, given: Input[ObserverEvent], view: MonitoringView) -> Effects:
        """Take a result, or see what is due."""
        self._deadline_ms = None
        done = NOTHING
        match given.event:
            case InstanceChecked() as checked:
                done = self._checked(checked, given.at_ms, view)
            case InstanceMeasured() as measured:
                done = self._measured(measured, given.at_ms, view)
            case DeadlinePassed() | Reconsider():
                pass
        return done + self._meter(given.at_ms, view) + self._measure(given.at_ms, view)

    def next_deadline_ms(self) -> int | None:
        """The next second to count, or the next measurement."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """H2: no more compliant seconds than seconds."""
        for account in self._accounts.values():
            meter = account.meter
            assert meter.connected_compliant_s <= meter.connected_s, "H2: more compliant seconds than seconds"
            assert meter.isolated_compliant_s <= meter.isolated_s, "H2: more compliant seconds than seconds"

    def experience(self, at_ms: int) -> dict[str, No]:
        """What I would say now against a node with a configuration, by `<node> <digest>` (P5)."""
        return self._experience.against(at_ms)

    # --- metering my own ------------------------------------------------------------------------------------------

    def _meter(self, at_ms: int, view: MonitoringView) -> Effects:
        active = {i.instance: i for i in view.mine if i.phase in ("active", "draining")}
        done = NOTHING
        for gone in sorted(set(self._accounts) - set(active)):
            done = done + self._read(self._accounts.pop(gone), final=True)
        acts: list[Act] = []
        for name, instance in sorted(active.items()):
            account = self._accounts.get(name)
            mode = view.modes.get(intent_of(name), "connected")
            if account is None:
                self._activations[name] = self._activations.get(name, 0) + 1
                meter = Meter(instance=name, activation=self._activations[name])
                due_ms = at_ms + view.reading_every_ms
                account = self._accounts[name] = _Account(
                    meter=meter, next_ms=at_ms + SECOND_MS, due_ms=due_ms, mode=mode
                )
            if at_ms >= account.next_ms and not account.checking:
                account.checking = True
                # A change of mode ends a reading: what was provided before belongs to the mode before.
                account.reading = mode != account.mode or at_ms >= account.due_ms
                if account.reading:  # by when it was asked, or each reading would come a check later than due
                    account.every_ms, account.due_ms = view.reading_every_ms, at_ms + view.reading_every_ms
                acts.append(self._check(instance, account.reading, view))
            if not account.checking:
                self._wake(account.next_ms)
        return done + Effects(act=tuple(acts))

    def _check(self, instance: Instance, reading: bool, view: MonitoringView) -> CheckInstance:
        found = configured(instance, view.irs)
        path = found[2].ready.http_path if found is not None else None
        offers = found is not None and found[1].name == found[0].offers_at
        return CheckInstance(
            instance=instance.instance,
            endpoint=instance.endpoint,
            path=path or "",
            use=reading and offers,
        )

    def _checked(self, checked: InstanceChecked, at_ms: int, view: MonitoringView) -> Effects:
        """A second has passed since the last count. Where checks came late, more have, of which one alone is known."""
        account = self._accounts.get(checked.instance)
        if account is None or not account.checking:
            return NOTHING
        account.checking = False
        mode, meter = account.mode, account.meter
        account.meter = msgspec.structs.replace(
            meter,
            **{
                f"{mode}_s": getattr(meter, f"{mode}_s") + 1,
                f"{mode}_compliant_s": getattr(meter, f"{mode}_compliant_s") + (1 if checked.ok else 0),
            },
        )
        account.next_ms = max(account.next_ms + SECOND_MS, at_ms)
        account.mode = view.modes.get(intent_of(checked.instance), "connected")
        done = NOTHING
        for client, used in sorted(checked.use.items()):
            data = {"instance": checked.instance, "mode": mode, "use": used, "every_ms": account.every_ms}
            done = done + Effects(record=(Record(kind="reading", what="client.seconds", about=client, data=data),))
        return done + self._read(account) if account.reading else done

    def _read(self, account: _Account, *, final: bool = False) -> Effects:
        """H1: cumulative, every so often and before the instance is forgotten; with the `final` one nobody was asked
        any more whom the instance served."""
        if account.meter == account.read or account.meter.total_s == 0:
            return NOTHING
        account.read = account.meter
        meter = msgspec.structs.asdict(account.meter)
        data: dict[str, Any] = {**meter, "final": final, "every_ms": account.every_ms}
        return Effects(
            record=(Record(kind="reading", what="instance.seconds", about=account.meter.instance, data=data),)
        )

    # --- measuring others -----------------------------------------------------------------------------------------

    def _measure(self, at_ms: int, view: MonitoringView) -> Effects:
        mine_to_measure = {
            i.instance: (i, holder)
            for holder, instances in sorted(view.running.items())
            for i in instances
            if i.phase == "active" and measurer(holder, view.validators, view.reporters) == self.me
        }
        stale = {
            name
            for name, found in self.verified.items()
            if name not in mine_to_measure
            or (mine_to_measure[name][1], mine_to_measure[name][0].digest) != (found.holder, self._digests[name])
        }
        if stale:
            self.verified = {n: v for n, v in self.verified.items() if n not in stale}
            self._digests = {n: digest for n, digest in self._digests.items() if n not in stale}
            self.version += 1
        if not mine_to_measure or self._measuring is not None:
            return NOTHING
        if at_ms < self._next_measure_ms:
            self._wake(self._next_measure_ms)
            return NOTHING
        name = min(
            mine_to_measure,
            key=lambda n: (n != self._doubted, n in self.verified, self._measured_ms.get(n, -1), n),
        )
        instance, holder = mine_to_measure[name]
        found = configured(instance, view.irs)
        if found is None or not found[2].probe:
            self._measured_ms[name] = at_ms
            self._next_measure_ms = at_ms + MEASURE_GAP_MS
            self._wake(self._next_measure_ms)
            return NOTHING
        self._measuring = name
        act = MeasureInstance(
            instance=name,
            holder=holder,
            digest=instance.digest,
            endpoint=instance.endpoint,
            probe=found[2].probe,
            for_ms=MEASURE_FOR_MS,
        )
        return Effects(act=(act,))

    def _measured(self, measured: InstanceMeasured, at_ms: int, view: MonitoringView) -> Effects:
        if self._measuring != measured.instance:
            return NOTHING
        self._measuring = None
        self._measured_ms[measured.instance] = at_ms
        spec = _spec_of(measured.instance, measured.digest, view.irs)
        if spec is None:
            return NOTHING
        fit = 0 if measured.failure is not None else fit_permille(spec.standards, measured.figures_milli, lowered=True)
        key, evidence = f"{measured.holder} {measured.digest}", f"{view.chain}#{view.head + 1}"
        known = self._experience.add(key, fit, evidence, at_ms)
        verification = Verification(
            instance=measured.instance,
            holder=measured.holder,
            ok=max(fit, known.median_permille) >= 1_000,
            count=len(known.figures),
        )
        before = self.verified.get(measured.instance)
        self.verified = {**self.verified, measured.instance: verification}
        self._digests[measured.instance] = measured.digest
        settled = verification.ok or verification.count >= EXPERIENCE_NEEDED
        self._doubted = None if settled and (fit >= 1_000) == verification.ok else measured.instance
        unknown = fit < 1_000 or any(v.count < EXPERIENCE_NEEDED or not v.ok for v in self.verified.values())
        soon = unknown or self._doubted is not None
        # What is known is looked at as often as holders write readings, and not more.
        quiet_ms = max(MEASURE_GAP_QUIET_MS, view.reading_every_ms)
        self._next_measure_ms = at_ms + (MEASURE_GAP_MS if soon else quiet_ms)
        data = {
            "holder": measured.holder,
            "digest": measured.digest,
            "figures_milli": measured.figures_milli,
            "fit_of_floor_permille": fit,
            "fit_permille": fit_permille(spec.standards, measured.figures_milli) if measured.failure is None else 0,
            "failure": measured.failure,
            "mode": view.modes.get(intent_of(measured.instance), "connected"),
        }
        notes: tuple[Note, ...] = ()
        if before is not None and before.count < EXPERIENCE_NEEDED <= verification.count:
            self.version += 1  # from now on it is experience that counts (P5)
        if before is None or before.ok != verification.ok:
            self.version += 1
            what = "role.verified" if verification.ok else "role.contradicted"
            notes = (Note(what=what, about=measured.instance, data=data),)
        return Effects(
            record=(Record(kind="reading", what="validated", about=measured.instance, data=data),), note=notes
        )

    def _wake(self, at_ms: int) -> None:
        self._deadline_ms = at_ms if self._deadline_ms is None else min(self._deadline_ms, at_ms)


def _spec_of(name: InstanceId, digest: str, irs: dict[IntentId, IntermediateRepresentation]) -> ElementSpec | None:
    found = configured(Instance(instance=name, phase="active", configuration="", digest=digest), irs)
    return found[1] if found is not None else None
