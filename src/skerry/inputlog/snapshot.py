"""A whole agent as bytes, and back: what a segment of the log begins with when the agent has been running.

Every field of every object is written with its class; what is referred to twice is written once, so that what was one
object is one again. Reading makes the core's own records of plain data and nothing else: whoever made the file can
neither name another class nor have anything called. Keys and expression engine stay outside.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import msgspec

from skerry.core.actors.agent import Agent
from skerry.core.group.journal.chain import Shelf
from skerry.core.kernel.expressions import Expressions
from skerry.core.kernel.sealing import Signer

CORE = "skerry.core."
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_WIDE = 1 << 63

_SIGNER, _EXPRESSIONS, _SHELF = range(3)


class SnapshotError(Exception):
    """A state cannot be written, or what was read is none; says what was met."""


def dump(agent: Agent) -> bytes:
    """All that an agent is. Raises `SnapshotError` for state that is not plain data."""
    writer = _Writer(agent)
    graph = writer.write(agent)
    return msgspec.msgpack.encode([writer.classes, graph])


def load(raw: bytes, signer: Signer, expressions: Expressions, shelf: Shelf | None = None) -> Agent:
    """The agent that was dumped. Raises `SnapshotError`."""
    try:
        classes, graph = msgspec.msgpack.decode(raw)
        agent = _Reader([_class_of(name) for name in classes], (signer, expressions, shelf)).read(graph)
        if not isinstance(agent, Agent):
            raise SnapshotError("expected an agent")
    except (msgspec.MsgspecError, TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise SnapshotError(f"not a state of this version: {error}") from error
    return agent


class _Writer:
    """Writes what is plain as it is, and everything else as a list that begins with what it is."""

    def __init__(self, agent: Agent) -> None:
        self.classes: list[str] = []
        self._outside = {id(agent.signer): _SIGNER, id(agent.picture.expressions): _EXPRESSIONS}
        if agent.journal.shelf is not None:
            self._outside[id(agent.journal.shelf)] = _SHELF
        self._met: dict[int, int] = {}
        self._numbers: dict[type, int] = {}

    def write(self, value: Any) -> Any:
        kind = type(value)
        if kind is int and not -_WIDE <= value < _WIDE:
            return ["wide", str(value)]
        if kind in _SCALARS:
            return value
        if kind is tuple:
            return ["tuple", *map(self.write, value)]
        if isinstance(value, tuple):
            return ["named", self._number(kind), *map(self.write, value)]
        if isinstance(value, Enum):
            return ["choice", self._number(kind), value.name]
        if id(value) in self._outside:
            return ["outside", self._outside[id(value)]]
        if id(value) in self._met:
            return ["again", self._met[id(value)]]
        self._met[id(value)] = len(self._met)
        return self._in_parts(value, kind)

    def _in_parts(self, value: Any, kind: type) -> list[Any]:
        write = self.write
        if kind is dict:
            return ["dict", *(write(part) for pair in value.items() for part in pair)]
        if kind in (list, deque):
            return [kind.__name__, *map(write, value)] + ([value.maxlen] if kind is deque else [])
        if kind in (set, frozenset):
            return [kind.__name__, *map(write, sorted(value, key=str))]
        if isinstance(value, msgspec.Struct):
            return ["record", self._number(kind), *(write(getattr(value, name)) for name in value.__struct_fields__)]
        if is_dataclass(kind) and kind.__module__.startswith(CORE):
            return ["object", self._number(kind), *(write(getattr(value, field.name)) for field in fields(kind))]
        raise SnapshotError(f"a {kind.__module__}.{kind.__qualname__} in the state: that is no plain data")

    def _number(self, kind: type) -> int:
        if kind not in self._numbers:
            self._numbers[kind] = len(self.classes)
            self.classes.append(f"{kind.__module__}:{kind.__qualname__}")
        return self._numbers[kind]


class _Reader:
    """Reads what `_Writer` wrote."""

    def __init__(self, classes: list[type], outside: tuple[Any, ...]) -> None:
        self._classes = classes
        self._outside = outside
        self._met: list[Any] = []

    def read(self, item: Any) -> Any:
        if not isinstance(item, list):
            return item
        what, *parts = item
        match what:
            case "wide":
                return int(parts[0])
            case "tuple":
                return tuple(map(self.read, parts))
            case "named":
                return self._classes[parts[0]](*map(self.read, parts[1:]))
            case "choice":
                return getattr(self._classes[parts[0]], parts[1])
            case "outside":
                return self._outside[parts[0]]
            case "again":
                return self._met[parts[0]]
            case _:
                pass
        return self._of_parts(what, parts)

    def _of_parts(self, what: str, parts: list[Any]) -> Any:
        """Numbered before its parts are, as it was when it was written: they may refer to it."""
        number, made = len(self._met), _empty(what, self._classes, parts)
        self._met.append(made)
        match what:
            case "dict":
                values = map(self.read, parts)
                made.update(zip(values, values, strict=True))
            case "list" | "deque":
                made.extend(map(self.read, parts))
            case "set":
                made.update(map(self.read, parts))
            case "frozenset":
                self._met[number] = made = frozenset(map(self.read, parts))
            case "record":
                kind = made
                values = map(self.read, parts)
                self._met[number] = made = kind(**dict(zip(kind.__struct_fields__, values, strict=True)))
            case "object":
                for field, part in zip(fields(made), parts, strict=True):
                    setattr(made, field.name, self.read(part))
            case _:
                pass
        return made


def _empty(what: str, classes: list[type], parts: list[Any]) -> Any:
    """What is filled with its parts; of what never changes, the class. Takes from `parts` what is not one of them."""
    match what:
        case "dict":
            return {}
        case "list":
            return []
        case "deque":
            return deque(maxlen=parts.pop())
        case "set" | "frozenset":
            return set()
        case "record":
            return classes[parts.pop(0)]
        case "object":
            kind = classes[parts.pop(0)]
            return kind.__new__(kind)
        case _:
            raise SnapshotError(f"{what!r} is nothing that a state is made of")


def _class_of(name: str) -> type:
    """A record, a data class, a named tuple or a choice of the core; nothing else can be named."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module) if module.startswith(CORE) else None
    for part in path.split("."):
        found = getattr(found, part, None)
    known = isinstance(found, type) and found.__module__ == module
    if known and (issubclass(found, msgspec.Struct | tuple | Enum) or is_dataclass(found)):
        return found  # type: ignore[no-any-return]  # it is a type
    raise SnapshotError(f"{name!r} is no record of this version's core")
