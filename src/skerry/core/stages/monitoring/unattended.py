"""Work whose agent is gone while its machine lives: it is left alone for as long as it answers (U12, U3, U7).

A liveliness token that goes says that an agent or its machine is gone, and not which. What ran there decides: its guard
keeps workloads alive without an agent, so each of them is asked at once. If one answers, the machine lives, its agent
is being restarted or upgraded, and what answers there stays its own for some seconds more; what is exclusive the guard
ends with its lease (X6), and then it does not answer. If none answers, the node is lost, a tenth of a second later than
its token.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skerry.core.kernel.effects import NOTHING, Act, AskUnattended, Effects, Note
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import InstanceId, IntentId, NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.values import Value
from skerry.core.stages.ir.model import IntermediateRepresentation
from skerry.core.stages.monitoring.events import UnattendedAnswered
from skerry.core.stages.monitoring.rules import configured
from skerry.core.stages.subscription.model import Instance

ANSWER_WITHIN_MS = 100
"""For the first answer of all that ran on a node; a machine that stands still takes no longer to be given up."""
ASK_AGAIN_MS = 500
RETURN_WITHIN_MS = 10_000
"""For an agent to be started again, on a slow machine too. Nothing is missed meanwhile: its work answers."""

UnattendedEvent = UnattendedAnswered | DeadlinePassed | Reconsider


class UnattendedView(Value, frozen=True, kw_only=True):
    """What there is to know of nodes whose token went while they were in contact."""

    gone: dict[NodeId, tuple[Instance, ...]]
    """What each said last that it runs."""
    irs: dict[IntentId, IntermediateRepresentation]


@dataclass
class _Vigil:
    """One node, from the loss of its token until it is back or given up."""

    instances: tuple[Instance, ...]
    until_ms: int
    asked_ms: int
    alive: frozenset[InstanceId]
    """Those that answered when they were asked last; at first all, until they have had time to."""
    asking: bool = True
    heard: dict[InstanceId, bool] = field(default_factory=dict)
    """The answers to the questions that are open."""
    given_up: bool = False


@dataclass
class Unattended:
    """One node's watch over the work that others have left."""

    nodes: dict[NodeId, tuple[Instance, ...]] = field(default_factory=dict)
    """What goes on without its agent, as far as it answers; and what has only just been asked."""
    silent: dict[NodeId, frozenset[InstanceId]] = field(default_factory=dict)
    """What ran on one of these nodes, and answers no more."""
    version: int = 0
    """Grows whenever one of them changes."""
    _vigils: dict[NodeId, _Vigil] = field(default_factory=dict)
    _deadline_ms: int | None = None

    def step(self, given: Input[UnattendedEvent], view: UnattendedView) -> Effects:
        """Take an answer, the loss or return of an agent, or the passing of time."""
        self._deadline_ms = None
        match given.event:
            case UnattendedAnswered(node=node, instance=instance, ok=ok) if node in self._vigils:
                self._vigils[node].heard[instance] = ok
            case _:
                pass
        self._vigils = {node: vigil for node, vigil in self._vigils.items() if node in view.gone}
        done = NOTHING
        for node, instances in sorted(view.gone.items()):
            if node not in self._vigils:
                done = done + self._begin(node, instances, given.at_ms, view)
            elif not self._vigils[node].given_up:
                done = done + self._go_on(node, self._vigils[node], given.at_ms, view)
        self._publish()
        return done

    def next_deadline_ms(self) -> int | None:
        """The end of a question, the next one, or the end of patience."""
        return self._deadline_ms

    def check_invariants(self) -> None:
        """U6: nothing dead is shown as running: who is given up is not listed."""
        for node in self.nodes:
            assert not self._vigils[node].given_up, f"U6: {node} was given up"

    def _begin(self, node: NodeId, instances: tuple[Instance, ...], at_ms: int, view: UnattendedView) -> Effects:
        ran = tuple(i for i in instances if i.phase in ("active", "draining") and i.endpoint)
        vigil = self._vigils[node] = _Vigil(
            instances=ran,
            until_ms=at_ms + RETURN_WITHIN_MS,
            asked_ms=at_ms,
            alive=frozenset(i.instance for i in ran),
            given_up=not ran,
        )
        return self._ask(node, vigil, at_ms, view) if ran else NOTHING

    def _go_on(self, node: NodeId, vigil: _Vigil, at_ms: int, view: UnattendedView) -> Effects:
        if vigil.asking and (len(vigil.heard) == len(vigil.instances) or at_ms >= vigil.asked_ms + ANSWER_WITHIN_MS):
            vigil.asking = False
            vigil.alive = frozenset(name for name, ok in vigil.heard.items() if ok)
        if not vigil.alive or at_ms >= vigil.until_ms:
            vigil.given_up = True
            why = "its agent did not come back" if vigil.alive else "nothing that ran on it answers"
            return Effects(note=(Note(what="node.given_up", about=node, data={"why": why}),))
        if at_ms >= vigil.asked_ms + ASK_AGAIN_MS:
            return self._ask(node, vigil, at_ms, view)
        self._wake(vigil)
        return NOTHING

    def _ask(self, node: NodeId, vigil: _Vigil, at_ms: int, view: UnattendedView) -> Effects:
        vigil.asked_ms, vigil.asking, vigil.heard = at_ms, True, {}
        self._wake(vigil)
        asks: list[Act] = []
        for instance in vigil.instances:
            found = configured(instance, view.irs)
            asks.append(
                AskUnattended(
                    node=node,
                    instance=instance.instance,
                    endpoint=instance.endpoint,
                    path=(found[2].ready.http_path or "") if found is not None else "",
                    within_ms=ANSWER_WITHIN_MS,
                )
            )
        return Effects(act=tuple(asks))

    def _publish(self) -> None:
        kept = {node: vigil for node, vigil in self._vigils.items() if not vigil.given_up}
        nodes = {node: tuple(i for i in v.instances if i.instance in v.alive) for node, v in kept.items()}
        silent = {node: frozenset(i.instance for i in v.instances) - v.alive for node, v in kept.items()}
        if (nodes, silent) != (self.nodes, self.silent):
            self.nodes, self.silent = nodes, silent
            self.version += 1

    def _wake(self, vigil: _Vigil) -> None:
        next_ms = min(vigil.until_ms, vigil.asked_ms + (ANSWER_WITHIN_MS if vigil.asking else ASK_AGAIN_MS))
        self._deadline_ms = next_ms if self._deadline_ms is None else min(self._deadline_ms, next_ms)
