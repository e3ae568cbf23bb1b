"""The state of machines as bytes: equal states, equal bytes. For comparing; `snapshot` is for going on from."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import Any

import msgspec

from skerry.core.actors.agent import Agent
from skerry.core.kernel.values import Value

DIGEST_BYTES = 8


def state_of(machines: dict[str, Any]) -> bytes:
    """Every field of every machine, encoded."""
    return _STATE.encode({name: fields_of(machine) for name, machine in machines.items()})


def state_digest(agent: Agent) -> bytes:
    """A digest of all that an agent decides by. Of documents and journal, which hold what effects have shown already,
    the names and heads alone."""
    picture, journal = agent.picture, agent.journal
    whole = state_of(
        {
            **agent.machines,
            "documents": picture.custody.versions(),
            "journal": journal.heads,
            "manager": picture.dealings,
            "facts": picture.facts,
            "usage": picture.usage,
        }
    )
    return blake2b(whole, digest_size=DIGEST_BYTES).digest()


def _plain(value: object) -> object:
    """What msgspec cannot encode by itself: helpers without state of their own."""
    return type(value).__name__


_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_STATE = msgspec.msgpack.Encoder(enc_hook=_plain, order="deterministic")


def fields_of(value: Any) -> Any:
    """A form that can be encoded in a fixed order whatever its keys are."""
    if type(value) in _SCALARS or isinstance(value, Value):
        return value  # a value is encoded in one order already, whatever it holds: most of a state is documents
    if isinstance(value, dict):
        return sorted(([str(key), fields_of(item)] for key, item in value.items()), key=lambda pair: str(pair[0]))
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, list | tuple | deque):
        return [fields_of(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return [fields_of(getattr(value, name)) for name in value.__dataclass_fields__]
    return value
