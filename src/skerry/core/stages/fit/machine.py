"""A node measures itself: each configuration that it could use, one after the other, again when it must (D8a, D9).

A measurement belongs to a configuration's digest and to the hardware that it was taken on; it serves every intent that
names the same configuration. What the owner does not allow, or the machine lacks, is not tried: it is a limitation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.kernel.effects import NOTHING, Effects, Note, Publish, Put, TryConfiguration
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.expressions import ExpressionError, Expressions, holds
from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import Value, decode, encode
from skerry.core.stages.capability.model import NodeFacts, Resources
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.fit.model import FIT_AGE_MAX_MS, Measured, RoleFit
from skerry.core.stages.ir.model import Configuration, ElementSpec, IntermediateRepresentation

MEASURED_PREFIX = "fit/"
RETRY_MS = 30_000
"""A configuration that could not be measured is tried again after this."""

FittingEvent = TrialFinished | DeadlinePassed | Reconsider


class FittingView(Value, frozen=True, kw_only=True):
    """What fitting may know of the rest."""

    facts: NodeFacts | None
    expression_facts: dict[str, object]
    """`node` as `that` sees it."""
    free: Resources
    """What the owner's own processes leave of the caps."""
    irs: dict[IntentId, IntermediateRepresentation]
    report: RoleFit | None
    """What I last reported."""
    drained: bool = False
    """An operator holds this node: no test run begins (R4)."""


@dataclass
class _Configured:
    element: str
    spec: ElementSpec
    configuration: Configuration


@dataclass
class Fitting:
    """One node's knowledge of what it can do."""

    me: NodeId
    expressions: Expressions
    measured: dict[str, Measured] = field(default_factory=dict)
    """By configuration digest."""
    trying: str | None = None
    """Digest of the one that is being measured."""
    _since_ms: dict[str, int] = field(default_factory=dict)
    """When each was measured in this boot; one from before counts from the start (T2)."""
    _started_ms: int = 0
    _sorted_for: tuple[NodeFacts, dict[IntentId, IntermediateRepresentation]] | None = None
    _sorted: tuple[list[_Configured], dict[str, dict[str, str]]] = field(default_factory=lambda: ([], {}))
    _deadline_ms: int | None = None

    @classmethod
    def recover(cls, me: NodeId, expressions: Expressions, kept: dict[str, bytes], at_ms: int) -> Fitting:
        """Measurements outlive a restart; one that stands under another's name is made again (D8a)."""
        found = {key: decode(raw, Measured) for key, raw in kept.items() if key.startswith(MEASURED_PREFIX)}
        measured = {m.digest: m for key, m in found.items() if key == MEASURED_PREFIX + m.digest}
        return cls(me=me, expressions=expressions, measured=measured, _started_ms=at_ms)

    def step(self, given: Input[FittingEvent], view: FittingView) -> Effects:
        """Take the end of a test run, or see whether another is due."""
        self._deadline_ms = None
        done = NOTHING
        if isinstance(given.event, TrialFinished):
            done = self._finished(given.event, given, view)
        if view.facts is None:
            return done
        able, limitations = self._sort_out(view.facts, view)
        done = done + self._report(able, limitations, view.facts, view)
        return done if view.drained else done + self._next(able, view.facts, given.at_ms)

    def next_deadline_ms(self) -> int | None:
        """When a measurement gets old or is tried again."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """D8a: a measurement stands under its own digest."""
        for key, measured in self.measured.items():
            assert key == measured.digest, "D8a: a measurement under another configuration's digest"

    def able(self, view: FittingView) -> frozenset[str]:
        """Digests of what was measured here and may run here now."""
        if view.facts is None:
            return frozenset()
        found, _ = self._sort_out(view.facts, view)
        return frozenset(
            c.configuration.digest
            for c in found
            if (m := self.measured.get(c.configuration.digest)) is not None and m.failure is None
        )

    def _sort_out(self, facts: NodeFacts, view: FittingView) -> tuple[list[_Configured], dict[str, dict[str, str]]]:
        """What could run here, and why the rest cannot; found anew only when facts or intents have changed."""
        ground = (facts, view.irs)
        if self._sorted_for == ground:
            return self._sorted
        able: list[_Configured] = []
        limitations: dict[str, dict[str, str]] = {}
        for element, spec in _elements(view.irs):
            for name, configuration in sorted(spec.configurations.items()):
                why = self._limitation(spec, configuration, facts, view.expression_facts)
                if why is None:
                    able.append(_Configured(element, spec, configuration))
                else:
                    limitations.setdefault(element, {})[name] = why
        self._sorted_for, self._sorted = ground, (able, limitations)
        return able, limitations

    def _limitation(
        self, spec: ElementSpec, configuration: Configuration, facts: NodeFacts, node: dict[str, object]
    ) -> str | None:
        program = configuration.start[0]
        if program not in facts.programs:
            return f"the owner does not allow the program {program!r}"
        for kind in (*spec.requires, *configuration.requires):
            if not has_kind(kind, facts.capabilities):
                return f"the node has no {kind!r}"
        for condition in (spec.that, configuration.that):
            try:
                if not holds(self.expressions, condition, node):
                    return f"{condition!r} does not hold here"
            except ExpressionError as error:
                return str(error)
        lacking = facts.caps.lacking(spec.resources)
        return "; ".join(lacking) if lacking else None

    def _next(self, able: list[_Configured], facts: NodeFacts, at_ms: int) -> Effects:
        if self.trying is not None:
            return NOTHING
        for item in able:
            configuration = item.configuration
            if not configuration.probe or not self._is_due(configuration.digest, facts, at_ms):
                continue
            self.trying = configuration.digest
            trial = InstanceId(f"trial/{configuration.digest}")
            act = TryConfiguration(trial=trial, configuration=configuration, resources=item.spec.resources)
            note = Note(what="fit.measuring", about=f"{item.element}/{configuration.name}")
            return Effects(act=(act,), note=(note,))
        return NOTHING

    def _is_due(self, digest: str, facts: NodeFacts, at_ms: int) -> bool:
        measured = self.measured.get(digest)
        if measured is None or measured.hardware != facts.hardware:
            return True
        age_max_ms = RETRY_MS if measured.failure is not None else FIT_AGE_MAX_MS
        due_ms = self._since_ms.get(digest, self._started_ms) + age_max_ms
        if at_ms >= due_ms:
            return True
        self._deadline_ms = due_ms if self._deadline_ms is None else min(self._deadline_ms, due_ms)
        return False

    def _finished(self, event: TrialFinished, given: Input[FittingEvent], view: FittingView) -> Effects:
        if self.trying != event.digest:
            return NOTHING
        self.trying = None
        name = next(
            (c.name for _, s in _elements(view.irs) for c in s.configurations.values() if c.digest == event.digest), ""
        )
        measured = Measured(
            configuration=name,
            digest=event.digest,
            hardware=view.facts.hardware if view.facts is not None else "",
            figures_milli=event.figures_milli,
            operations=event.operations,
            seconds_milli=event.seconds_milli,
            at_ms=given.at_ms,
            wall_ms=given.wall_ms,
            disturbed=event.disturbed,
            failure=event.failure,
        )
        self.measured = {**self.measured, event.digest: measured}
        self._since_ms[event.digest] = given.at_ms
        data = {"figures_milli": event.figures_milli, "failure": event.failure, "digest": event.digest}
        return Effects(
            persist=(Put(key=MEASURED_PREFIX + event.digest, value=encode(measured)),),
            note=(Note(what="fit.measured", about=name, data=data),),
        )

    def _report(
        self, able: list[_Configured], limitations: dict[str, dict[str, str]], facts: NodeFacts, view: FittingView
    ) -> Effects:
        """Publish what has changed; what is free goes with it, as of now."""
        measured: dict[str, dict[str, Measured]] = {}
        for item in able:
            figure = self.measured.get(item.configuration.digest)
            if figure is not None and figure.hardware == facts.hardware:
                measured.setdefault(item.element, {})[item.configuration.name] = figure
        old = view.report
        if old is not None and (old.facts, old.measured, old.limitations) == (facts, measured, limitations):
            return NOTHING
        fit = RoleFit(
            node=self.me,
            version=old.version + 1 if old is not None else 1,
            facts=facts,
            free=view.free,
            measured=measured,
            limitations=limitations,
        )
        return Effects(publish=(Publish(name=f"fit/{self.me}", version=(fit.version,), value=fit),))


def has_kind(kind: str, capabilities: tuple[str, ...]) -> bool:
    """S4: a requirement is met by the same kind or by a more special one, `storage` by `storage.nvme`."""
    return any(c == kind or c.startswith(kind + ".") for c in capabilities)


def _elements(irs: dict[IntentId, IntermediateRepresentation]) -> list[tuple[str, ElementSpec]]:
    """Each role once, as `<intent>/<element>`: of the connected set, and what only the isolated one has (D8)."""
    found: dict[str, ElementSpec] = {}
    for ir in sorted(irs.values(), key=lambda ir: (-ir.priority, ir.intent)):
        if ir.withdrawn:
            continue
        for roles in (ir.sets["connected"], ir.sets["isolated"]):
            for element, spec in roles.elements.items():
                found.setdefault(f"{ir.intent}/{element}", spec)
    return list(found.items())
