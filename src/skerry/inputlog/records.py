"""What stands in an input log: a start, then batches of inputs, each followed by what came of it.

A statement that was heard is kept as the bytes that were received (N2), and its body is read from them again. Of what
the agent said, its signatures are kept: to the core they are like chance, given from outside, and a replay checks each
against the statement that it would sign. So the log holds no key, and no statement of the agent can differ unseen.
"""

from __future__ import annotations

from typing import Any

from skerry.core.actors.agent import Identity
from skerry.core.conversation import KINDS, AgentEvent, Heard, OwnEvent
from skerry.core.group.journal.model import AS_SHIPPED, Retention
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified
from skerry.core.kernel.values import Value, decode
from skerry.core.stages.subscription.runs import Adopted


class HeardAs(Value, frozen=True, kw_only=True, tag=True):
    """A `Heard`, as it was received."""

    sealed: Sealed


LoggedEvent = HeardAs | OwnEvent


class LoggedInput(Value, frozen=True, kw_only=True, array_like=True):
    """An `Input`."""

    id: str
    at_ms: int
    wall_ms: int
    draw: int
    event: LoggedEvent


class Recovered(Value, frozen=True, kw_only=True, tag=True):
    """The agent started, from what its disk and its guard held."""

    version: str
    """Of the core that wrote this (`version.core_version`)."""
    identity: Identity
    kept: dict[str, bytes]
    found: tuple[Adopted, ...]
    contingency: bool
    given: LoggedInput
    retention: Retention = AS_SHIPPED


class Continued(Value, frozen=True, kw_only=True, tag=True):
    """The agent went on from this state, in a new segment."""

    version: str
    node: str
    wall_ms: int
    state: bytes
    """A `snapshot.dump`."""


class Batch(Value, frozen=True, kw_only=True, tag=True):
    """Inputs that were stepped together. Written before any of them was."""

    inputs: tuple[LoggedInput, ...]


class Done(Value, frozen=True, kw_only=True, tag=True):
    """What the batch before came to. Written after its effects left."""

    signatures: tuple[bytes, ...] = ()
    """Of all that the agent signed meanwhile, in order."""
    reads: tuple[bytes | None, ...] = ()
    """What its disk gave it of the journal meanwhile, in order."""
    effects: bytes
    """A digest of all effects since the segment's start."""
    state: bytes = b""
    """A digest of the state (`state.state_digest`); empty: not taken this time, since it costs more."""


Record = Recovered | Continued | Batch | Done


def logged(given: Input[AgentEvent]) -> LoggedInput:
    """The form in which an input is kept."""
    event: Any = given.event
    if isinstance(event, Heard):
        event = HeardAs(sealed=event.said.sealed)
    return LoggedInput(id=given.id, at_ms=given.at_ms, wall_ms=given.wall_ms, draw=given.draw, event=event)


def input_of(kept: LoggedInput) -> Input[AgentEvent]:
    """The input that was kept. Raises `msgspec.DecodeError` for a statement that this version cannot read."""
    event: Any = kept.event
    if isinstance(event, HeardAs):
        event = Heard(said=_said(event.sealed))
    return Input(id=kept.id, at_ms=kept.at_ms, wall_ms=kept.wall_ms, draw=kept.draw, event=event)


def _said(sealed: Sealed) -> Verified[Any]:
    """Its signature was checked before it was logged."""
    statement = decode(sealed.statement, Statement)
    body: Any = decode(statement.body, KINDS.get(statement.kind, dict))
    return Verified(statement=statement, body=body, sealed=sealed)
