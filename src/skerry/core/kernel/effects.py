"""What leaves a machine: one record whose fields stand in the order of obligation.

`persist` is durable before anything else leaves; what follows it is unordered, but for the acts on one instance, which
keep their order. Whatever depends on a start or a stop waits for the event that completes it.
"""

from __future__ import annotations

from typing import Any

from skerry.core.kernel.ids import InstanceId, NodeId
from skerry.core.kernel.values import Value


class Put(Value, frozen=True, kw_only=True, tag=True):
    """Keep `value` under `key` on this node's disk; an older value of the key is gone."""

    key: str
    value: bytes


class Drop(Value, frozen=True, kw_only=True, tag=True):
    """Forget `key`."""

    key: str


Persist = Put | Drop


class Send(Value, frozen=True, kw_only=True):
    """Say something to one member, or to all (`to` is None). It may be lost, repeated or come late."""

    to: NodeId | None
    message: Any
    """One of `conversation.PeerMessage`; the kernel cannot know them."""


class Report(Value, frozen=True, kw_only=True):
    """Say something to a manager over the uplink."""

    manager: str
    message: Any
    """One of `conversation.ToManager`."""


class Instruct(Value, frozen=True, kw_only=True):
    """Say something to a site over its uplink (only managers do)."""

    site: str
    node: NodeId
    """The member that holds the session."""
    message: Any
    """One of `conversation.ToSite`."""


class Act(Value, frozen=True, kw_only=True):
    """The base of what is done to the machine; each subclass names the events that complete it."""


class Record(Value, frozen=True, kw_only=True):
    """Something that the site's journal must hold: the actor has the journal sign and chain it in the same step."""

    kind: str
    """`decision`, `reading`, `operator` or `telemetry` (J2)."""
    what: str
    about: str = ""
    data: dict[str, Any] = {}


class Publish(Value, frozen=True, kw_only=True):
    """Make this a document of the site: the actor signs it, keeps it and sends it to all in the same step."""

    name: str
    version: tuple[int | str, ...]
    value: Any


class Note(Value, frozen=True, kw_only=True):
    """A public event: what happened, in fields that a program can read. Shown by `skerry events`, never acted on."""

    what: str
    about: str = ""
    data: dict[str, Any] = {}


class Reply(Value, frozen=True, kw_only=True):
    """The answer to a request that came through this node's own API."""

    request: str
    ok: bool
    body: Any = None


class Effects(Value, frozen=True, kw_only=True):
    """All that one step wants done."""

    persist: tuple[Persist, ...] = ()
    record: tuple[Record, ...] = ()
    """Becomes part of `persist` before the step ends."""
    publish: tuple[Publish, ...] = ()
    """Becomes part of `persist` and `send` before the step ends."""
    send: tuple[Send, ...] = ()
    report: tuple[Report, ...] = ()
    instruct: tuple[Instruct, ...] = ()
    act: tuple[Act, ...] = ()
    note: tuple[Note, ...] = ()
    reply: tuple[Reply, ...] = ()
    cause: str = ""

    def __add__(self, other: Effects) -> Effects:
        if other is NOTHING:
            return self
        if self is NOTHING:
            return other
        return Effects(
            persist=self.persist + other.persist,
            record=self.record + other.record,
            publish=self.publish + other.publish,
            send=self.send + other.send,
            report=self.report + other.report,
            instruct=self.instruct + other.instruct,
            act=self.act + other.act,
            note=self.note + other.note,
            reply=self.reply + other.reply,
            cause=self.cause or other.cause,
        )

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (
            self.persist
            or self.record
            or self.publish
            or self.send
            or self.report
            or self.instruct
            or self.act
            or self.note
            or self.reply
        )


NOTHING = Effects()


def said_in(effects: Effects) -> list[Any]:
    """All messages that a step sends and reports, in the order in which they are signed and numbered."""
    return [*(send.message for send in effects.send), *(report.message for report in effects.report)]


class OpenNewLife(Act, frozen=True, kw_only=True, tag=True):
    """End this life when all of this step is done, and recover from the disk in another (J1). What runs goes on.
    Completed by `Started`, in the new life."""

    why: str


class StartWorkload(Act, frozen=True, kw_only=True, tag=True):
    """Start an instance's process. Completed by `WorkloadReady` or `WorkloadFailed`."""

    instance: InstanceId
    configuration: Any
    """An `ir.model.Configuration`."""
    fence: int | None = None
    port: int | None = None
    """The port it had before, taken again if it is free."""
    kill_at_ms: int | None = None
    """Boot-time at which the guard ends it unless told a later one (X6, `run_once`)."""
    without_agent_ms: int | None = None
    """How long it may run while no agent is there; None: for ever."""
    resources: Any = None
    endpoints: bytes = b""
    """What its endpoints file says when it starts: JSON."""


class TryConfiguration(Act, frozen=True, kw_only=True, tag=True):
    """A test run: on ports and scratch data of its own, measured by the configuration's probe, then stopped (X7, D9).
    Completed by `TrialFinished`."""

    trial: InstanceId
    configuration: Any
    """An `ir.model.Configuration`."""
    resources: Any


class StopWorkload(Act, frozen=True, kw_only=True, tag=True):
    """Stop an instance's process: TERM, then KILL. Completed by `WorkloadStopped`."""

    instance: InstanceId
    within_ms: int


class ExtendWorkload(Act, frozen=True, kw_only=True, tag=True):
    """Move the moment at which the guard would end the process (X6). Nothing completes it: it may come too late."""

    instance: InstanceId
    kill_at_ms: int


class WriteEndpoints(Act, frozen=True, kw_only=True, tag=True):
    """Rewrite an instance's endpoints file atomically. Nothing completes it."""

    instance: InstanceId
    content: bytes
    """JSON."""


class AwaitDrained(Act, frozen=True, kw_only=True, tag=True):
    """Ask an instance that is to go whether its clients have gone, until it says so or the time is up.
    Completed by `WorkloadDrained`."""

    instance: InstanceId
    within_ms: int


class CheckInstance(Act, frozen=True, kw_only=True, tag=True):
    """Ask an instance of this node whether it is well, and whom it has served. Completed by `InstanceChecked`."""

    instance: InstanceId
    endpoint: str
    path: str
    """Of its readiness check; empty: an open port will do."""
    use: bool
    """Whether to ask for `/use` as well."""


class AskUnattended(Act, frozen=True, kw_only=True, tag=True):
    """Ask an instance on another node, whose agent is gone, whether it is there still. Completed by
    `UnattendedAnswered`."""

    node: NodeId
    instance: InstanceId
    endpoint: str
    path: str
    """Of its readiness check; empty: an open port will do."""
    within_ms: int


class MeasureInstance(Act, frozen=True, kw_only=True, tag=True):
    """Measure a running instance from here as a client would (validator, verification).
    Completed by `InstanceMeasured`."""

    instance: InstanceId
    holder: NodeId
    digest: str
    endpoint: str
    probe: tuple[str, ...]
    for_ms: int
