"""Writes an agent's input log beside its steps. The loop tells what it does; what fails here stops nothing."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol

from skerry.core.actors.agent import Agent
from skerry.core.conversation import AgentEvent
from skerry.core.group.journal.chain import Shelf
from skerry.core.kernel.effects import Effects
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Signer
from skerry.core.kernel.values import encode
from skerry.inputlog.records import Batch, Continued, Done, Record, Recovered, logged
from skerry.inputlog.snapshot import SnapshotError, dump
from skerry.inputlog.state import DIGEST_BYTES, state_digest

STATE_EVERY = 1_024
"""Batches between two digests of the whole state, which cost as much as many steps do."""
AGAIN_AFTER = 4_096
"""Batches that go unlogged after a failure, before a new segment is tried."""


class InputLogError(Exception):
    """The log could not be written or read; says what, where and what to do."""


class Segments(Protocol):
    """Where the records go: the adapter is `inputlog.ring.Ring`."""

    def begin(self) -> None:
        """Open a new segment. Raises `InputLogError`."""
        ...

    def append(self, record: bytes) -> None:
        """Add a record. It need not survive a power cut. Raises `InputLogError`."""
        ...

    @property
    def full(self) -> bool:
        """Whether it is time for a new segment."""
        ...

    def close(self) -> None:
        """Let the files go."""
        ...


class Listening(Signer):
    """A signer whose signatures are kept until they are asked for."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._signatures: list[bytes] = []

    def sign(self, statement: bytes) -> bytes:
        """The signature over `statement`."""
        signature = self._signer.sign(statement)
        self._signatures.append(signature)
        return signature

    def taken(self) -> tuple[bytes, ...]:
        """All since the last call."""
        signatures, self._signatures = tuple(self._signatures), []
        return signatures


class Fetching:
    """A disk whose answers are kept until they are asked for."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._reads: list[bytes | None] = []

    def __call__(self, key: str) -> bytes | None:
        """What is durable under a key."""
        found = self._shelf(key)
        self._reads.append(found)
        return found

    def taken(self) -> tuple[bytes | None, ...]:
        """All since the last call."""
        reads, self._reads = tuple(self._reads), []
        return reads


class EffectsDigest:
    """Over all effects since a segment's start."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=DIGEST_BYTES)

    def add(self, steps: Sequence[Effects]) -> bytes:
        """Take these in, and say what it comes to."""
        for effects in steps:
            self._hash.update(encode(effects))
        return self._hash.digest()


class Recorder:
    """One life's log."""

    def __init__(self, segments: Segments, signer: Signer, shelf: Shelf, version: str, node: str) -> None:
        self.signer = Listening(signer)
        """What the agent signs with."""
        self.shelf = Fetching(shelf)
        """What the agent reads its journal from."""
        self.trouble: str | None = None
        """Why nothing is logged at the moment."""
        self._segments = segments
        self._version = version
        self._node = node
        self._effects = EffectsDigest()
        self._batches = 0
        self._again_at = 0

    def recovered(self, start: Recovered | Continued) -> None:
        """The agent is about to begin from this."""
        self.shelf.taken()
        self._open(start)

    def stepping(self, inputs: Sequence[Input[AgentEvent]]) -> None:
        """These are about to be stepped. What was read in between was for somebody who looked."""
        self.shelf.taken()
        self._append(Batch(inputs=tuple(map(logged, inputs))))

    def stepped(self, agent: Agent, steps: Sequence[Effects], wall_ms: int) -> None:
        """They were, and their effects have left."""
        signatures, reads = self.signer.taken(), self.shelf.taken()
        self._batches += 1
        if self.trouble is not None:
            if self._batches >= self._again_at:
                self._go_on(agent, wall_ms)
            return
        full = self._segments.full
        state = state_digest(agent) if full or self._batches % STATE_EVERY == 0 else b""
        self._append(Done(signatures=signatures, reads=reads, effects=self._effects.add(steps), state=state))
        if full:
            self._go_on(agent, wall_ms)

    def close(self, agent: Agent | None) -> None:
        """The life ends in good order."""
        if agent is not None:
            self._append(Done(effects=self._effects.add(()), state=state_digest(agent)))
        self._segments.close()

    def _go_on(self, agent: Agent, wall_ms: int) -> None:
        try:
            state = dump(agent)
        except (SnapshotError, RecursionError) as error:
            self._stop(error)
            return
        self._open(Continued(version=self._version, node=self._node, wall_ms=wall_ms, state=state))

    def _open(self, start: Recovered | Continued) -> None:
        self.trouble, self._effects = None, EffectsDigest()
        try:
            self._segments.begin()
        except InputLogError as error:
            self._stop(error)
        self._append(start)

    def _append(self, record: Record) -> None:
        if self.trouble is not None:
            return
        try:
            self._segments.append(encode(record))
        except (InputLogError, OverflowError) as error:  # the latter: a number from outside that no message can hold
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        self.trouble = str(error)
        self._again_at = self._batches + AGAIN_AFTER
