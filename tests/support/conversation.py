"""Tests that read as conversations with a machine: `>>` is what it is told, `<<` what it must answer.

    t = talk(Election(me=A, started_ms=0), ElectionView(contacts={B: Standing()}, fit_permille=0))
    assert t >> at(1_300) << says(B, WouldYou) >> heard(B, IWould(round=1, yes=True, highest=0)) << keeps("election/")

A turn is one `>>` with all the `<<` that follow it. Every effect of a turn must be expected, in the order in which the
machine gives those of one kind; only notes may go unmentioned. `<< anything` waives that for its turn. Nothing runs
before the `assert`, which prints the whole conversation if it went otherwise; a script that no `assert` ever ran fails
its test (`unasserted`, read by a fixture). After every step the machine's invariants are checked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from skerry.core.kernel.effects import (
    Act,
    Drop,
    Effects,
    Note,
    Persist,
    Publish,
    Put,
    Record,
    Reply,
    Report,
    Send,
)
from skerry.core.kernel.events import DeadlinePassed, Reconsider
from skerry.core.kernel.ids import NodeId
from skerry.core.kernel.inputs import Input
from skerry.core.kernel.sealing import Sealed, Statement, Verified
from skerry.core.kernel.values import encode

SPINS_MAX = 1_000
SHOWN_MAX = 240

T = TypeVar("T")


# --- what a machine is told -------------------------------------------------------------------------------------------


def heard(peer: NodeId, body: Any, *, life: str | None = None, number: int = 1) -> Verified[Any]:
    """A peer's statement whose signature was good; its life is `<peer>1` unless another is named."""
    statement = Statement(
        kind=str(body.__struct_config__.tag),
        site="shop",
        signer=peer,
        life=life if life is not None else f"{peer}1",
        number=number,
        body=encode(body),
    )
    return Verified(statement=statement, body=body, sealed=Sealed(statement=encode(statement), signature=b"good"))


@dataclass(frozen=True)
class at:
    """At this moment the machine's deadline passes, or `event` happens."""

    at_ms: int
    event: Any = None
    draw: int = 0


@dataclass(frozen=True)
class until:
    """Time goes on to this moment; the machine is woken whenever it asked to be."""

    at_ms: int


@dataclass(frozen=True, init=False)
class sees:
    """These fields of its view have changed, and it is told to look again."""

    changes: dict[str, Any]

    def __init__(self, **changes: Any) -> None:
        object.__setattr__(self, "changes", changes)


@dataclass(frozen=True, init=False)
class meanwhile:
    """These fields of its view have changed, and nobody has told it yet."""

    changes: dict[str, Any]

    def __init__(self, **changes: Any) -> None:
        object.__setattr__(self, "changes", changes)


# --- what it must answer ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """One effect, as far as the script cares."""

    kind: str
    text: str
    fits: Callable[[Any], bool]


class _Anything:
    """Whatever else the turn brings."""


anything = _Anything()


def says(to: NodeId | None, message: Any, **fields: Any) -> Expected:
    """A message to one member or, with None, to all: a whole one, or a type with those of its fields that matter."""
    return Expected(
        "send",
        f"says {to or 'all'}: {_shown(message, fields)}",
        lambda e: e.to == to and _fits(e.message, message, fields),
    )


def reports(message: Any, **fields: Any) -> Expected:
    """A message to the manager."""
    return Expected("report", f"reports {_shown(message, fields)}", lambda e: _fits(e.message, message, fields))


def keeps(key: str) -> Expected:
    """Something is put on disk under a key that begins so."""
    return Expected("persist", f"keeps {key}", lambda e: isinstance(e, Put) and e.key.startswith(key))


def drops(key: str) -> Expected:
    """Something is taken off the disk."""
    return Expected("persist", f"drops {key}", lambda e: isinstance(e, Drop) and e.key == key)


def does(act: Any, **fields: Any) -> Expected:
    """Something is done to the machine."""
    return Expected("act", f"does {_shown(act, fields)}", lambda e: _fits(e, act, fields))


def writes(what: str, **data: Any) -> Expected:
    """An entry for the journal, with these data among others."""
    return Expected(
        "record", f"writes {what} {data or ''}", lambda e: e.what == what and data.items() <= _plain(e.data).items()
    )


def publishes(name: str, where: Callable[[Any], bool] = lambda _: True) -> Expected:
    """A document for all, of which something holds."""
    return Expected("publish", f"publishes {name}", lambda e: e.name == name and where(e.value))


def notes(what: str, about: str | None = None, **data: Any) -> Expected:
    """A public event, with these data among others."""
    return Expected(
        "note",
        f"notes {what} {about or ''} {data or ''}",
        lambda e: e.what == what and about in (None, e.about) and data.items() <= _plain(e.data).items(),
    )


def replies(ok: bool) -> Expected:
    """An answer to a request through this node's own API."""
    return Expected("reply", f"replies ok={ok}", lambda e: e.ok == ok)


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value if value.__hash__ is not None else repr(value) for key, value in data.items()}


def _fits(found: Any, wanted: Any, fields: dict[str, Any]) -> bool:
    same = isinstance(found, wanted) if isinstance(wanted, type) else found == wanted
    return same and all(getattr(found, name) == value for name, value in fields.items())


def _shown(wanted: Any, fields: dict[str, Any]) -> str:
    if not isinstance(wanted, type):
        return repr(wanted)
    return f"{wanted.__name__}({', '.join(f'{k}={v!r}' for k, v in fields.items())})"


# --- the conversation -------------------------------------------------------------------------------------------------


@dataclass
class _Turn:
    told: Any
    expected: list[Expected] = field(default_factory=list)
    open: bool = False


unasserted: list[Talk] = []
"""Scripts that nobody has run yet; a fixture looks at the end of each test."""


@dataclass
class Talk:
    """A conversation with one machine, that can be gone on with after each `assert`."""

    machine: Any
    view: Any
    at_ms: int = 0
    follow: Callable[[Any, Effects], Any] | None = None
    """What the machine's own effects change in its view, as an actor would see to it; it then looks again."""
    said: Effects = field(default_factory=Effects)
    """The effects of the last turn."""
    _script: list[_Turn] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _inputs: int = 0

    def __rshift__(self, told: Any) -> Talk:
        """Tell it something."""
        self._script.append(_Turn(told))
        self._remember()
        return self

    def __lshift__(self, expected: Expected | _Anything) -> Talk:
        """Expect an effect of what it was told last."""
        assert self._script, "a conversation begins with what the machine is told (>>)"
        if isinstance(expected, _Anything):
            self._script[-1].open = True
        else:
            self._script[-1].expected.append(expected)
        return self

    def __bool__(self) -> bool:
        """Run what was scripted since the last time; raise AssertionError, with the conversation, if it differs."""
        self._forget()
        assert self._script, "nothing was said since the last assert"
        script, self._script = self._script, []
        for turn in script:
            self.said = self._take(turn.told)
            wrong = self._compare(turn)
            if wrong:
                raise AssertionError("\n".join(["the conversation went otherwise:", *self._lines, *wrong]))
        return True

    # --- telling --------------------------------------------------------------------------------------------------

    def _take(self, told: Any) -> Effects:
        match told:
            case at(at_ms=at_ms, event=event, draw=draw):
                self.at_ms = at_ms
                return self._step(event if event is not None else DeadlinePassed(), draw)
            case until(at_ms=at_ms):
                return self._run_until(at_ms)
            case sees(changes=changes):
                self.view = _changed(self.view, changes)
                return self._step(Reconsider(), 0, f"sees {', '.join(changes)}")
            case meanwhile(changes=changes):
                self.view = _changed(self.view, changes)
                return Effects()
            case event:
                return self._step(event, 0)

    def _step(self, event: Any, draw: int, told: str | None = None) -> Effects:
        self._inputs += 1
        name = f"i{self._inputs}"
        given = Input(id=name, at_ms=self.at_ms, wall_ms=self.at_ms, draw=draw, event=event)
        done: Effects = self.machine.step(given, self.view)
        self.machine.check_invariants()
        self._lines.append(f"{self.at_ms:7} ms >> {told or _event_text(event)}")
        self._lines += [f"           << {_effect_text(e)}" for _, effects in _kinds(done) for e in effects]
        if self.follow is not None:
            seen = self.follow(self.view, done)
            if seen != self.view:
                self.view = seen
                done = done + self._step(Reconsider(), draw, "looks again")
        return done

    def _run_until(self, at_ms: int) -> Effects:
        done = Effects()
        for _ in range(SPINS_MAX):
            due_ms = self.machine.next_deadline_ms()
            if due_ms is None or due_ms > at_ms:
                self.at_ms = at_ms
                return done
            self.at_ms = max(self.at_ms, due_ms)
            done = done + self._step(DeadlinePassed(), 0)
        raise AssertionError("\n".join([*self._lines[-20:], f"it never rests: due at {due_ms}, now {self.at_ms}"]))

    # --- comparing ------------------------------------------------------------------------------------------------

    def _compare(self, turn: _Turn) -> list[str]:
        wrong: list[str] = []
        for kind, effects in _kinds(self.said):
            wanted = [e for e in turn.expected if e.kind == kind]
            loose = turn.open or kind == "note"
            wrong += _in_part(wanted, effects) if loose else _one_by_one(wanted, effects)
        return wrong

    def _remember(self) -> None:
        if not any(t is self for t in unasserted):
            unasserted.append(self)

    def _forget(self) -> None:
        unasserted[:] = [t for t in unasserted if t is not self]


def talk(machine: Any, view: Any, *, at_ms: int = 0, follow: Callable[[Any, Effects], Any] | None = None) -> Talk:
    """Begin a conversation with a machine that sees this."""
    return Talk(machine=machine, view=view, at_ms=at_ms, follow=follow)


def _one_by_one(wanted: list[Expected], effects: tuple[Any, ...]) -> list[str]:
    wrong = [
        f"  expected << {e.text}\n     found << {_effect_text(f)}"
        for e, f in zip(wanted, effects, strict=False)
        if not e.fits(f)
    ]
    wrong += [f"  expected << {e.text}\n     found nothing of that kind" for e in wanted[len(effects) :]]
    return wrong + [f"unexpected << {_effect_text(f)}" for f in effects[len(wanted) :]]


def _in_part(wanted: list[Expected], effects: tuple[Any, ...]) -> list[str]:
    left = list(effects)
    for expected in wanted:
        while left and not expected.fits(left[0]):
            left.pop(0)
        if not left:
            return [f"  expected << {expected.text}\n     not found, or not in this order"]
        left.pop(0)
    return []


def _changed(view: Any, changes: dict[str, Any]) -> Any:
    if dataclasses.is_dataclass(view) and not isinstance(view, type):
        return dataclasses.replace(view, **changes)
    return msgspec.structs.replace(view, **changes)


def _kinds(effects: Effects) -> list[tuple[str, tuple[Any, ...]]]:
    names = ("persist", "record", "publish", "send", "report", "act", "reply", "note")
    return [(name, getattr(effects, name)) for name in names]


def _event_text(event: Any) -> str:
    if isinstance(event, Verified):
        return _short(f"{event.statement.signer} ({event.statement.life}): {event.body!r}")
    return _short(repr(event))


def _effect_text(effect: Persist | Record | Publish | Send | Report | Act | Note | Reply) -> str:
    match effect:
        case Put(key=key):
            return f"keeps {key}"
        case Drop(key=key):
            return f"drops {key}"
        case Send(to=to, message=message):
            return _short(f"says {to or 'all'}: {message!r}")
        case Report(message=message):
            return _short(f"reports {message!r}")
        case Note(what=what, about=about, data=data):
            return _short(f"notes {what} {about} {data}")
        case other:
            return _short(repr(other))


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."
