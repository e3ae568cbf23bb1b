"""Steps the core through a segment of an input log, and compares what comes of it with what the agent logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from skerry.core.actors.agent import Agent
from skerry.core.conversation import key_in, stored_documents
from skerry.core.kernel.effects import Effects, said_in
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Signer, Verifier
from skerry.inputlog.recorder import EffectsDigest
from skerry.inputlog.records import Batch, Continued, Done, Record, Recovered, input_of
from skerry.inputlog.snapshot import load
from skerry.inputlog.state import state_digest

SIGNATURE_BYTES = 64

Watch = Callable[[Input[Any], Effects], None]


class Diverged(Exception):
    """The core did something else than the agent did; says at which input, and what."""


@dataclass
class Replayed:
    """How far a replay came."""

    version: str = ""
    """Of the core that wrote the log."""
    node: str = ""
    inputs: int = 0
    first_wall_ms: int = 0
    last_wall_ms: int = 0
    digest: str = ""
    """Of effects and state, as the agent logged it last; equal here."""
    unfinished: int = 0
    """Inputs that were stepped last, of which the log does not say what came."""


class Said(Signer):
    """In the place of the agent's key: says again what was signed, and looks whether it was this."""

    def __init__(self, verifier: Verifier) -> None:
        self.key: bytes | None = None
        """The node's public key, as its roster names it."""
        self.signatures: list[bytes] | None = None
        """Those of the batch that is stepped, the last first; None: they were not logged."""
        self._verifier = verifier

    def sign(self, statement: bytes) -> bytes:
        """The logged signature. Raises `Diverged` if it is another statement's."""
        if self.signatures is None:
            return bytes(SIGNATURE_BYTES)
        if not self.signatures:
            raise Diverged("it says more than the agent said")
        signature = self.signatures.pop()
        if self.key is not None and not self._verifier.verify(self.key, statement, signature):
            raise Diverged("it says something else than the agent signed")
        return signature


class Fetched:
    """In the place of the agent's disk: gives again what it gave."""

    def __init__(self) -> None:
        self.reads: list[bytes | None] | None = None
        """Those of the batch that is stepped, the last first; None: they were not logged."""

    def __call__(self, key: str) -> bytes | None:
        """What was read then. Raises `Diverged` if less was."""
        if self.reads is None:
            return None
        if not self.reads:
            raise Diverged(f"it reads {key}, and the agent read nothing more")
        return self.reads.pop()


class Replay:
    """One segment, record by record."""

    def __init__(self, verifier: Verifier, expressions: Expressions, watch: Watch | None = None) -> None:
        self.agent: Agent
        self.reached = Replayed()
        self._verifier = verifier
        self._expressions = expressions
        self._watch: Watch = watch or (lambda given, effects: None)
        self._signer = Said(verifier)
        self._shelf = Fetched()
        self._effects = EffectsDigest()
        self._waiting: Batch | None = None
        self._place = "its start"

    def run(self, records: Iterable[Record]) -> Replayed:
        """Step through all records; what the last batch came to need not be there. Raises `Diverged`, and what
        `records` raises, after all before it has been stepped."""
        try:
            for record in records:
                self._compared(partial(self._take, record))
        finally:
            if self._waiting is not None:
                self.reached.unfinished = len(self._waiting.inputs)
                self._compared(partial(self._step, self._waiting, None))
        return self.reached

    def _compared(self, work: Callable[[], Any]) -> None:
        """Whatever an agent dies of is what somebody looks for here."""
        try:
            work()
        except Diverged as error:
            raise Diverged(f"{self._place}: {error}") from error
        except Exception as error:
            raise Diverged(f"{self._place}: the core ends with {type(error).__name__}: {error}") from error

    def _take(self, record: Record) -> None:
        match record:
            case Recovered():
                self._recover(record)
            case Continued():
                self._continue(record)
            case Batch():
                self._waiting = record
            case Done():
                self._compare(record)

    def _recover(self, start: Recovered) -> None:
        me, given = start.identity, input_of(start.given)
        self.reached.version, self.reached.node, self.reached.first_wall_ms = start.version, me.node, given.wall_ms
        documents = stored_documents(start.kept, me.site, self._verifier)
        self.agent, effects = Agent.recover(
            me,
            self._signer,
            self._expressions,
            start.kept,
            start.found,
            documents,
            given,  # type: ignore[arg-type]  # a `Started`
            contingency=start.contingency,
            retention=start.retention,
            shelf=self._shelf,
        )
        self._signer.key = key_in(self.agent.picture.roster(), me.node)
        self._watch(given, effects)
        self._effects.add([effects])

    def _continue(self, start: Continued) -> None:
        self.reached.version, self.reached.node, self.reached.first_wall_ms = start.version, start.node, start.wall_ms
        self.agent = load(start.state, self._signer, self._expressions, self._shelf)
        self._signer.key = key_in(self.agent.picture.roster(), self.agent.identity.node)

    def _compare(self, done: Done) -> None:
        waiting, self._waiting = self._waiting, None
        steps = self._step(waiting, done) if waiting is not None else []
        if self._effects.add(steps) != done.effects:
            raise Diverged("the effects are others than the agent's")
        if self._signer.signatures:
            raise Diverged("it says less than the agent said")
        if done.state and state_digest(self.agent) != done.state:
            raise Diverged("the state is another than the agent's")
        self.reached.digest = f"{done.effects.hex()}-{done.state.hex()}" if done.state else done.effects.hex()

    def _step(self, batch: Batch, done: Done | None) -> list[Effects]:
        """As the agent's loop does: all steps of a batch, then all that leaves is signed in order."""
        self._signer.signatures = list(reversed(done.signatures)) if done is not None else None
        self._shelf.reads = list(reversed(done.reads)) if done is not None else None
        steps = []
        for kept in batch.inputs:
            self._place = f"input {kept.id}"
            given = input_of(kept)
            steps.append(self.agent.step(given))
            self._watch(given, steps[-1])
            self.reached.inputs += 1
            self.reached.last_wall_ms = kept.wall_ms
        for effects in steps:
            for message in said_in(effects):
                self.agent.seal_message(message)
        return steps
