"""Why something was done: from what an agent did back to what it was told, step by step, in sentences.

Every effect names the input that it was done in. An input that completes an act, or answers a message, leads on to the
input in which that was done; the others come from outside, and there the chain ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skerry.core.conversation import DeclareDeadAsked, Heard, LeaveAsked, Started
from skerry.core.group.custody.machine import DOCUMENT_PREFIX
from skerry.core.group.election.wire import HandOverAsked
from skerry.core.group.membership.machine import PresenceChanged
from skerry.core.group.uplink.machine import SessionChanged
from skerry.core.kernel.effects import Effects, Note, Put, said_in
from skerry.core.kernel.events import DeadlinePassed
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement
from skerry.core.kernel.values import Value, decode
from skerry.core.stages.capability.events import FactsFound, UsageSampled
from skerry.core.stages.fit.events import TrialFinished
from skerry.core.stages.intent.events import LocalIntentGiven
from skerry.core.stages.intent.holds import HoldAsked
from skerry.core.stages.monitoring.events import InstanceChecked, InstanceMeasured, UnattendedAnswered
from skerry.core.stages.negotiation.model import Plan
from skerry.core.stages.subscription.events import (
    WorkloadDrained,
    WorkloadExited,
    WorkloadFailed,
    WorkloadReady,
    WorkloadStopped,
)

CHAIN_MAX = 12
"""Links that are told of one chain."""

COMPLETES: Mapping[str, str] = {
    "WorkloadReady": "StartWorkload",
    "WorkloadFailed": "StartWorkload",
    "WorkloadStopped": "StopWorkload",
    "WorkloadDrained": "AwaitDrained",
    "InstanceChecked": "CheckInstance",
    "InstanceMeasured": "MeasureInstance",
    "UnattendedAnswered": "AskUnattended",
    "SessionChanged": "OpenSession",
}
"""Each completing event, and the act that it completes. A test run leads no further: its turn had come."""
ANSWERS: Mapping[str, str] = {
    "ballot": "Proposal",
    "i_would": "WouldYou",
    "follow": "FollowMe",
    "grant_give": "GrantAsk",
    "answer": "Question",
}
"""Each kind of statement that answers another, and what it answers."""
DEEDS: Mapping[str, str] = {
    "role.starting": "was to start",
    "role.active": "became active",
    "role.ended": "ended by itself",
    "role.failed": "failed",
    "role.draining": "was to go, once its clients had gone",
    "role.stopping": "was to stop",
    "role.stopped": "was stopped",
    "role.stays": "stayed",
    "workload.adopted": "was found running, and taken over",
    "workload.orphan": "was found running without a subscription",
    "assignment.open": "was left without a holder",
    "assignment.refused": "was refused by a member",
    "ballot.no": "was voted against here",
    "grant.held": "was granted by a quorum",
    "grant.lost": "lost its grants",
}


class Link(Value, frozen=True, kw_only=True):
    """One input of a chain."""

    id: str
    wall_ms: int
    words: str
    before: Link | None = None
    """The input in which that was done which this one completes or answers."""

    def chain(self) -> Iterator[Link]:
        """From here back to what came from outside."""
        link: Link | None = self
        for _ in range(CHAIN_MAX):
            if link is None:
                return
            yield link
            link = link.before


class Deed(Value, frozen=True, kw_only=True):
    """Something that was done about the instance that is asked for, and why."""

    wall_ms: int
    words: str
    because: tuple[Link, ...]


class Why:
    """Watches a replay (`replay.Watch`), and gathers what was done about one instance."""

    def __init__(self, instance: str) -> None:
        self.deeds: list[Deed] = []
        self._instance = instance
        self._begun: dict[tuple[str, str], Link] = {}
        """To each kind of act and what it is done to, or message, the input in which that was last done or said."""
        self._holders: tuple[Any, ...] = ()

    def watch(self, given: Input[Any], effects: Effects) -> None:
        """One step."""
        link = Link(id=given.id, wall_ms=given.wall_ms, words=in_words(given.event), before=self._begin(given.event))
        for act in effects.act:
            self._begun[type(act).__name__, _about(act)] = link
        for message in said_in(effects):
            self._begun[type(message).__name__, ""] = link
        found = [_told(note) for note in effects.note if note.about == self._instance]
        found += [words for change in effects.persist if isinstance(change, Put) for words in self._plans(change)]
        for words in found:
            self.deeds.append(Deed(wall_ms=given.wall_ms, words=words, because=tuple(link.chain())))

    def _begin(self, event: Any) -> Link | None:
        if isinstance(event, Heard):
            return self._begun.get((ANSWERS.get(event.said.statement.kind, "-"), ""))
        return self._begun.get((COMPLETES.get(type(event).__name__, "-"), _about(event)))

    def _plans(self, change: Put) -> Iterator[str]:
        """A plan was taken over that says something new of the instance."""
        if change.key != DOCUMENT_PREFIX + "plan":
            return
        plan = decode(decode(decode(change.value, Sealed).statement, Statement).body, Plan)
        holders = tuple(
            (name, assigned.holder, assigned.configuration, assigned.agreed)
            for section in plan.sections.values()
            for name, assignments in (("connected", section.connected), ("isolated", section.isolated))
            for assigned in assignments.values()
            if assigned.instance == self._instance
        )
        if holders != self._holders:
            self._holders = holders
            given = "; ".join(f"{name}: {holder} with {what} ({agreed})" for name, holder, what, agreed in holders)
            yield f"plan {plan.id} by {plan.id.leader} gives it to {given or 'nobody'}"


def _about(thing: Any) -> str:
    """What an act or its completing event is about."""
    for name in ("instance", "trial", "manager"):
        if hasattr(thing, name):
            return str(getattr(thing, name))
    return ""


def _told(note: Note) -> str:
    data = ", ".join(f"{name} {_plain(value)}" for name, value in note.data.items() if value not in (None, ""))
    return f"{DEEDS.get(note.what, note.what)}{f' ({data})' if data else ''}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{name} {inner}" for name, inner in value.items())
    return _in_a_line(str(value))


def _in_a_line(text: str) -> str:
    """What programs print last has lines of its own."""
    return " | ".join(line for raw in text.splitlines() if (line := raw.strip()))


def in_words(event: Any) -> str:
    """An input as part of a sentence."""
    return _in_a_line(_WORDS[type(event)](event))


def _heard(event: Heard) -> str:
    statement, body = event.said.statement, event.said.body
    which = f" {body.id}" if isinstance(body, Plan) else ""
    return f"{statement.signer} said: {statement.kind.replace('_', ' ')}{which} (its statement {statement.number})"


def _tried(event: TrialFinished) -> str:
    if event.failure is not None:
        return f"the test run {event.trial} failed: {event.failure}"
    figures = ", ".join(f"{name} {amount / 1000:g}" for name, amount in event.figures_milli.items())
    return f"the test run {event.trial} measured {figures}"


def _measured(event: InstanceMeasured) -> str:
    return f"{event.instance} was measured at {event.holder}" + (f": {event.failure}" if event.failure else "")


_WORDS: Mapping[type, Callable[[Any], str]] = {
    Heard: _heard,
    PresenceChanged: lambda e: f"the fabric {'saw' if e.present else 'lost'} {e.node}",
    SessionChanged: lambda e: f"the session with {e.manager} {'opened' if e.up else 'was lost'}",
    WorkloadReady: lambda e: f"its process {e.pid} answered",
    WorkloadFailed: lambda e: f"its process could not be started: {e.reason}",
    WorkloadExited: lambda e: f"its process ended: {e.reason}",
    WorkloadStopped: lambda _: "all of its processes were gone",
    WorkloadDrained: lambda _: "its clients had gone",
    TrialFinished: _tried,
    InstanceChecked: lambda e: f"{e.instance} was asked whether it is well, and {'was' if e.ok else 'was not'}",
    InstanceMeasured: _measured,
    UnattendedAnswered: lambda e: (
        f"{e.instance} on {e.node}, whose agent is gone, {'answers' if e.ok else 'is silent'}"
    ),
    LocalIntentGiven: lambda e: f"{e.operator} handed in {e.ir.name} at this node",
    HoldAsked: lambda e: (
        f"{e.said.statement.signer} {'lifted' if e.said.body.lifted else 'set'} the hold {e.said.body.name}"
    ),
    HandOverAsked: lambda e: f"{e.said.statement.signer} asked for another leader",
    DeclareDeadAsked: lambda e: f"{e.said.statement.signer} said that {e.said.body.node} is off",
    LeaveAsked: lambda _: "the owner took this machine out",
    UsageSampled: lambda _: "what is in use on the machine was read",
    FactsFound: lambda _: "machine and owner said what there is",
    DeadlinePassed: lambda _: "a time that it had waited for was there",
    Started: lambda _: "the agent started",
}
